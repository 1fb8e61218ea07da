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


def code_hash(*modules: str) -> str:
    """Digest of the code of `modules` ("segmill.augment") and of all of Segmill that they import.

    Comments, docstrings and layout do not count. Raises ModuleNotFoundError for an unknown module.
    """
    digest = hashlib.blake2b(digest_size=8)
    for module in sorted(_closure(modules)):
        digest.update(f"{module}:{_module_digest(module)};".encode())
    return digest.hexdigest()


def _closure(modules: tuple[str, ...]) -> set[str]:
    """`modules`, the modules of a named package, and all of Segmill that they import."""
    waiting = list(modules)
    reached: set[str] = set()
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            waiting += _imports(module)
    return reached


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
    for node in ast.walk(ast.parse(_path(module).read_text())):
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


@cache
def _module_digest(module: str) -> str:
    tree = ast.parse(_path(module).read_text())
    for node in ast.walk(tree):
        _drop_docstring(node)
    return hashlib.blake2b(ast.dump(tree).encode(), digest_size=8).hexdigest()


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
