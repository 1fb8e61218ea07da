"""Where a result comes from: the code it depends on, the versions that made it, the commit.

Snakemake re-runs a rule when its parameters change. `code_hash` makes the library part of them:
the digest changes exactly when code that a result depends on changes, not with a comment or a
docstring, so that editing words never retrains a network.
"""

import ast
import hashlib
import importlib.metadata
import platform
import subprocess
from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
LIBRARIES = (
    "numpy",
    "scipy",
    "scikit-image",
    "opencv-python-headless",
    "numba",
    "torch",
    "zarr",
    "tensorstore",
    "pandas",
    "snakemake",
)


def code_hash(*modules: str, without: Collection[str] = ()) -> str:
    """Digest of the code of `modules` and of all of Segmill that they import.

    Comments, docstrings and layout do not count, nor do the imports of an ``__init__``: a new
    module beside others changes nothing for those that do not use it.

    Parameters
    ----------
    modules : names such as ``"segmill.augment"``; ``"segmill.datasets.*"`` stands for a package
        with all its modules, for where modules are imported by a name put together at run time
    without : modules left out, with what only they import: alternatives that are not chosen

    Raises
    ------
    ModuleNotFoundError : a module does not exist
    """
    digest = hashlib.blake2b(digest_size=8)
    for module in sorted(_closure(modules, frozenset(without))):
        digest.update(f"{module}:{_module_digest(module)};".encode())
    return digest.hexdigest()


def files_hash(folder: str | Path) -> str:
    """Digest of the files that are no Python, such as templates, in a folder.

    A relative path is one below the package.
    """
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted((PACKAGE / folder).rglob("*")):
        if path.is_file() and path.suffix not in (".py", ".pyc"):
            digest.update(f"{path.name}:{path.stat().st_size};".encode() + path.read_bytes())
    return digest.hexdigest()


@cache
def listing_hash(folder: str) -> str:
    """Digest of the files below a folder by name, size and time; empty if there are none."""
    root = Path(folder)
    digest = hashlib.blake2b(digest_size=8)
    files = [path for path in sorted(root.rglob("*")) if path.is_file()]
    for path in files:
        state = path.stat()
        name = path.relative_to(root).as_posix()
        digest.update(f"{name}:{state.st_size}:{state.st_mtime_ns};".encode())
    return digest.hexdigest() if files else ""


@cache
def registered(package: str) -> dict[str, str]:
    """Modules of a package by the names that they ``@register("name", ...)``."""
    return {
        call.args[0].value: module
        for module in _modules(package)
        for node in ast.walk(_tree(module))
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
        for call in node.decorator_list
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "register"
    }


def _modules(package: str) -> list[str]:
    """The package and all modules in it, at any depth."""
    folder = PACKAGE.parent.joinpath(*package.split("."))
    stems = [path.relative_to(folder).with_suffix("") for path in sorted(folder.rglob("*.py"))]
    names = [".".join((package, *stem.parts)).removesuffix(".__init__") for stem in stems]
    if not names:
        raise ModuleNotFoundError(f"expected a package of Segmill, found {package!r}")
    return names


def _closure(modules: Iterable[str], without: frozenset[str]) -> set[str]:
    """`modules` and all of Segmill that they import, directly or not."""
    waiting = [name for given in modules for name in _given(given)]
    reached: set[str] = set()
    while waiting:
        module = waiting.pop()
        if module not in reached and module not in without:
            reached.add(module)
            waiting += _imports(module)
    return reached


def _given(name: str) -> list[str]:
    return _modules(name.removesuffix(".*")) if name.endswith(".*") else [name]


def _path(module: str) -> Path:
    stem = PACKAGE.parent.joinpath(*module.split("."))
    for path in (stem.with_suffix(".py"), stem / "__init__.py"):
        if path.is_file():
            return path
    raise ModuleNotFoundError(f"expected a module of Segmill, found {module!r}")


@cache
def _imports(module: str) -> tuple[str, ...]:
    """Modules of Segmill that `module` names in import statements, at any depth."""
    found: set[str] = set()
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("segmill.")}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("segmill"):
            found |= {_named(node.module, alias.name) for alias in node.names}
    return tuple(sorted(found - {"segmill"}))


def _named(module: str, name: str) -> str:
    """The module that ``from module import name`` reads: a submodule, or `module` itself."""
    try:
        _path(f"{module}.{name}")
    except ModuleNotFoundError:
        return module
    return f"{module}.{name}"


def _tree(module: str) -> ast.Module:
    return ast.parse(_path(module).read_text())


@cache
def _module_digest(module: str) -> str:
    tree = _tree(module)
    for node in ast.walk(tree):
        _drop_docstring(node)
    if _path(module).name == "__init__.py":
        tree.body = [node for node in tree.body if not _only_names(node)]
    return hashlib.blake2b(ast.dump(tree).encode(), digest_size=8).hexdigest()


def _only_names(node: ast.stmt) -> bool:
    """Whether a statement of an ``__init__`` only passes names on: an import or ``__all__``."""
    if isinstance(node, ast.Assign):
        return all(getattr(target, "id", "") == "__all__" for target in node.targets)
    return isinstance(node, ast.Import | ast.ImportFrom)


def _drop_docstring(node: ast.AST) -> None:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    if isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:]


def versions() -> dict[str, str]:
    """Versions of Python, Segmill and the libraries that numbers depend on."""
    found = {"python": platform.python_version()}
    for name in ("segmill", *LIBRARIES):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def git_commit(folder: Path = PACKAGE) -> str:
    """Commit of the checkout that Segmill runs from ("+changes": edited since), or "unknown"."""
    try:
        commit = _git(folder, "rev-parse", "--short=12", "HEAD")
        edited = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", str(folder))
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + ("+changes" if edited else "")


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
