"""Where the pieces of a store lie."""

from pathlib import Path
from typing import NamedTuple


class StorePaths(NamedTuple):
    """Paths of a store: group and table; while it is written, its partial group and its plan."""

    group: Path
    table: Path
    partial: Path
    plan: Path


def store_paths(path: str | Path) -> StorePaths:
    """Paths of the store named by its ``.zarr``, its ``.parquet`` or the common stem of both."""
    path = Path(path)
    name = path.name.removesuffix(".parquet").removesuffix(".zarr")
    if not name:
        raise ValueError(f"{path}: a store needs a name before its suffix")
    folder = path.parent
    return StorePaths(
        folder / f"{name}.zarr",
        folder / f"{name}.parquet",
        folder / f"{name}.zarr.partial",
        folder / f"{name}.zarr.plan",
    )
