"""Readers of sources with so many samples that rows of a table stand for them, not objects.

Such a reader says in chunks of rows which samples there are, once, when the store is planned; the
rows are kept beside the unfinished store. A job that fills a part of the store gets the rows of its
own shards only: it neither lists the source again nor loads the whole table.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from segmill.errors import IntegrityError, Problem, raise_problems
from segmill.samples import Sample

# Columns of a chunk whose names begin so serve the reader alone and do not enter the store.
HIDDEN = "_"
# Columns that every chunk has; the split may be missing, or be empty in some rows.
COLUMNS = ("sample_id", "group", "source", "frame")


@dataclass(frozen=True)
class Layout:
    """Size in pixels of the largest image, number of channels and dtype of all images."""

    height: int
    width: int
    channels: int
    dtype: str = "uint8"


class BulkReader(ABC):
    """A reader whose samples are rows of tables.

    :class:`segmill.datasets.IngestProducer` works with it as with any other reader. A subclass
    lists rows (:meth:`tables`), says how large images are (:meth:`layout`) and makes the sample of
    one row (:meth:`read_row`).

    Parameters
    ----------
    config : a dataset's configuration
    root : folder that holds the raw files

    Attributes
    ----------
    classes, notions, targets : names of class ids, of overlapping notions and of the channels of
        `target`; empty where the samples have none
    derived : how labels were made from other labels
    fields : names of the arrays that each sample has
    """

    classes: tuple[str, ...] = ()
    notions: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    derived: Mapping = {}
    fields: tuple[str, ...] = ("image",)

    def __init__(self, config: Mapping, root: str | Path):
        self.config = config
        self.root = Path(root)

    @abstractmethod
    def tables(self) -> Iterator[pd.DataFrame]:
        """Chunks of rows in the order of the store.

        Columns: `sample_id` (unique, from the names in the source alone), `group`, `source` (path
        relative to the root, with ``/``), `frame` (integer), optionally `split` (missing where the
        source does not say), further columns for the store's table, and columns whose names begin
        with ``_``, which only :meth:`read_row` sees. All chunks have the same columns and dtypes.
        Repeated texts are small as categoricals; the store holds them as plain text.

        Raises IntegrityError after the last chunk, listing all that is wrong with the source.
        """

    @abstractmethod
    def layout(self) -> Layout:
        """Size and kind of the images; asked for after the last chunk of :meth:`tables`."""

    @abstractmethod
    def read_row(self, row: Mapping) -> Sample:
        """The sample of one row, hidden columns included; may be called from several threads.

        Rows are asked for in the order of the table, up to the number of threads: a reader does
        well to keep a file open whose rows follow each other.

        Raises IntegrityError naming the offending files.
        """


def hidden_columns(table: pd.DataFrame) -> tuple[str, ...]:
    """Names of the columns that serve the reader alone."""
    return tuple(name for name in table if str(name).startswith(HIDDEN))


def collect(reader: BulkReader) -> pd.DataFrame:
    """All rows of a reader as one table.

    Raises IntegrityError listing all that is wrong with the source, and repeated sample ids.
    """
    chunks: list[pd.DataFrame] = []
    problems: list[Problem] = []
    try:
        chunks.extend(reader.tables())
    except IntegrityError as error:
        problems += error.problems
    table = _united(chunks) if chunks else pd.DataFrame(columns=list(COLUMNS))
    problems += _duplicates(table)
    if table.empty and not problems:
        problems.append(Problem(str(reader.root), "at least one sample", "none"))
    raise_problems(problems, f"dataset {reader.root}")
    return table


def _united(chunks: list[pd.DataFrame]) -> pd.DataFrame:
    """Chunks as one table; categoricals are united, so that a text is held once."""
    columns = {}
    for name, dtype in chunks[0].dtypes.items():
        pieces = [chunk.pop(name) for chunk in chunks]
        if isinstance(dtype, pd.CategoricalDtype):
            columns[name] = pd.api.types.union_categoricals(pieces)
        else:
            columns[name] = pd.concat(pieces, ignore_index=True)
    return pd.DataFrame(columns)


def _duplicates(table: pd.DataFrame) -> list[Problem]:
    """Rows whose sample id an earlier row has taken."""
    repeated = table[table["sample_id"].duplicated()]
    return [
        Problem(str(source), f"a name of its own: {name!r} is taken", "a duplicate name")
        for source, name in zip(repeated["source"], repeated["sample_id"], strict=True)
    ]


class Rows:
    """Rows of a table by their numbers, as mappings; a column is an array, no row an object."""

    def __init__(self, table: pd.DataFrame):
        self._first = int(table.index[0]) if len(table) else 0
        # Categoricals as they are: their values are looked up row by row.
        self._columns = {name: table[name].array for name in table}
        self._count = len(table)

    def __getitem__(self, i: int) -> dict:
        if not self._first <= i < self._first + self._count:
            last = self._first + self._count - 1
            raise IndexError(f"expected a row from {self._first} to {last}, found {i}")
        return {name: column[i - self._first] for name, column in self._columns.items()}
