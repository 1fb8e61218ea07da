"""Logs of clicks as rows: CSV or parquet tables read in chunks, or the names of image files."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from segmill.datasets.raster import SUFFIXES
from segmill.errors import IntegrityError, Problem
from segmill.options import option

ROWS_AT_ONCE = 20_000
IMAGE = "image"
NUMBERS = ("row", "column", "omega", "zoom", "frame")
TEXTS = ("image", "kind", "group", "split")


@dataclass(frozen=True)
class ClickColumns:
    """Names of the columns of a click log; those that a table lacks are taken from file names.

    Attributes
    ----------
    image : path of the image
    row, column : the click in px of the image as it was saved, from 0 at the centre of the first
    omega : angle of the goniometer in degrees
    zoom : number of the zoom position
    frame : number of the frame
    kind : of the click
    group : equal values share a split; by default the family that the name of the image tells
    split : train, val or test, used with split.column: split
    """

    image: str = option("image")
    row: str = option("y")
    column: str = option("x")
    omega: str = option("omega")
    zoom: str = option("zoom")
    frame: str = option("frame")
    kind: str = option("kind")
    group: str = option("group")
    split: str = option("split")


@dataclass(frozen=True)
class Chunk:
    """Some rows of a log.

    Attributes
    ----------
    rows : columns under the names of ClickColumns' attributes as far as they are there, texts and
        numbers as the log has them; other columns of the log under their own names
    others : names of these other columns
    path : of the table, or the folder of the images
    first_line : of the first row: in a CSV the header is line 1; None where rows are files
    """

    rows: pd.DataFrame
    others: tuple[str, ...]
    path: Path
    first_line: int | None

    def where(self, i: int) -> str:
        """Place of row `i` of the chunk, for errors."""
        if self.first_line is None:
            return str(self.path / self.rows[IMAGE].iloc[i])
        return f"{self.path}:{self.first_line + i}"


def log_chunks(paths: Sequence[Path], columns: ClickColumns, given: set[str]) -> Iterator[Chunk]:
    """Rows of tables, one table after the other, at most ROWS_AT_ONCE at a time.

    All other columns of a CSV stay text: what pandas would guess depends on the chunk.

    Parameters
    ----------
    paths : CSV files, or parquet files by their suffix
    given : attributes of `columns` that the configuration names, so that tables must have them

    Raises
    ------
    IntegrityError
        naming the table that is no table, or the columns that it lacks.
    """
    others: tuple[str, ...] | None = None
    roles = {name: role for role, name in asdict(columns).items()}
    for path in paths:
        line = 2
        for rows in _read(path):
            _check_columns(path, rows, columns, given)
            found = tuple(name for name in rows if name not in roles)
            if others is not None and found != others:
                expected = f"the columns of {paths[0].name} ({', '.join(others) or 'no others'})"
                raise _offence(path, expected, ", ".join(found) or "no others")
            others = found
            yield Chunk(rows.rename(columns=roles), others, path, line)
            line += len(rows)


def _read(path: Path) -> Iterator[pd.DataFrame]:
    """Chunks of a table; one without rows, but with columns, gives one empty chunk."""
    try:
        if path.suffix.lower() == ".parquet":
            with pq.ParquetFile(path) as file:
                empty = file.schema_arrow.empty_table().to_pandas()
                some = False
                for batch in file.iter_batches(ROWS_AT_ONCE):
                    some = True
                    yield batch.to_pandas()
                if not some:
                    yield empty
        else:
            with pd.read_csv(path, dtype=str, chunksize=ROWS_AT_ONCE) as reader:
                yield from reader
    except (OSError, ValueError) as error:
        # Errors of the parsers of pandas and Arrow are ValueErrors.
        cause = " ".join(str(error).split())
        raise _offence(path, "a table of clicks", f"{type(error).__name__}: {cause}") from error


def _check_columns(path: Path, rows: pd.DataFrame, columns: ClickColumns, given: set[str]) -> None:
    needed = {IMAGE, *given}
    if columns.row in rows or columns.column in rows:
        needed |= {"row", "column"}
    wanted = [getattr(columns, role) for role in asdict(columns) if role in needed]
    if any(name not in rows for name in wanted):
        expected = f"the columns {', '.join(wanted)} (clicks.columns renames them)"
        raise _offence(path, expected, f"columns {', '.join(map(str, rows))}")


def name_chunks(root: Path, pattern: str) -> Iterator[Chunk]:
    """Image files below `root` in the order of their names, as rows with the column `image`."""
    paths = (p for p in root.glob(pattern) if p.suffix.lower() in SUFFIXES)
    names = sorted(p.relative_to(root).as_posix() for p in paths)
    for first in range(0, len(names), ROWS_AT_ONCE):
        rows = pd.DataFrame({IMAGE: names[first : first + ROWS_AT_ONCE]})
        yield Chunk(rows, (), root, None)


def _offence(path: Path, expected: str, found: str) -> IntegrityError:
    return IntegrityError([Problem(str(path), expected, found)])
