"""Files written whole or not at all, and inputs checked together before the first one is read."""

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from segmill.errors import Problem, raise_problems


def require_files(paths: Iterable[str | Path], what: str) -> None:
    """Raise one IntegrityError naming every path of `paths` that is missing, no file, or empty."""
    problems = []
    for path in map(Path, paths):
        if not path.is_file():
            found = "a folder" if path.is_dir() else "no file"
            problems.append(Problem(str(path), "a file", found))
        elif path.stat().st_size == 0:
            problems.append(Problem(str(path), "content", "an empty file"))
    raise_problems(problems, what)


def write_together(writers: Mapping[Path, Callable[[Path], None]]) -> None:
    """Write several files so that either all are replaced or none.

    Each writer fills a temporary file in the folder of its target, with the target's suffix; only
    when all of them succeeded are they moved into place. The temporary files never survive.
    """
    staged: dict[Path, Path] = {}
    try:
        for target, write in writers.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(
                prefix=f".{target.stem}.", suffix=target.suffix, dir=target.parent
            )
            os.close(handle)
            staged[target] = Path(name)
            write(staged[target])
            staged[target].chmod(0o666 & ~_umask())
        for target, temporary in staged.items():
            temporary.replace(target)
    finally:
        for temporary in staged.values():
            temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write one UTF-8 text file whole or not at all."""
    write_together({Path(path): lambda temporary: temporary.write_bytes(text.encode())})


def _umask() -> int:
    """The process's umask, which mkstemp ignores; POSIX can only read it by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
