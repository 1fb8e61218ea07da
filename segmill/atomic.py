"""Files that appear complete or not at all, also when the job or the machine dies in between."""

import os
import tempfile
from pathlib import Path


def write_atomically(path: str | Path, content: bytes | str) -> None:
    """Replace the file `path` by `content` in one step; its folder is made where it is missing.

    The content goes to a temporary file beside it, is forced to the disk and renamed, so that a
    reader sees the old file or the new one, never a part. An interrupted write leaves no more than
    a file named ``.NAME.*.tmp``.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files for the owner alone; results obey the umask like any other file.
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def remove_leftovers(folder: str | Path) -> None:
    """Remove what writes that were interrupted by a kill left in a folder of one writer."""
    for path in Path(folder).glob(".*.tmp"):
        path.unlink(missing_ok=True)
