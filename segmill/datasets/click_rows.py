"""What the rows of a click log say: images, clicks, numbers; and which rows came before."""

from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import join, normpath

import numpy as np
import pandas as pd

from segmill.datasets.click_names import NameFacts, parse_name
from segmill.datasets.click_tables import IMAGE, NUMBERS, Chunk
from segmill.datasets.raster import SUFFIXES
from segmill.errors import Problem

_WHOLE = ("zoom", "frame")


@dataclass
class ClickRows:
    """The rows of a chunk, read.

    Attributes
    ----------
    chunk : where they come from
    sources : paths of the images relative to the root, empty where a row names none
    facts : what the name of each image tells
    numbers : the columns of NUMBERS as float64, NaN where neither log nor name knows
    ids : sample ids: the image without its extension, and the click where the name lacks it
    fatal : row -> an offence that no rule forgives
    bad : row -> the first offence of any other row, which may be left out
    """

    chunk: Chunk
    sources: list[str]
    facts: list[NameFacts]
    numbers: pd.DataFrame
    ids: list[str]
    fatal: dict[int, Problem]
    bad: dict[int, Problem] = field(default_factory=dict)

    @property
    def clicks(self) -> np.ndarray:
        """(n, 2) float64 row and column in px of the image as it was saved, NaN without click."""
        return self.numbers[["row", "column"]].to_numpy()

    @property
    def clicked(self) -> np.ndarray:
        """(n,) bool, whether a row has a click."""
        return ~np.isnan(self.clicks).any(axis=1)

    def offend(self, i: int, expected: str, found: str) -> None:
        """Name an offence of row `i`, unless it has one already."""
        if i not in self.fatal:
            self.bad.setdefault(i, Problem(self.chunk.where(i), expected, found))


def read_rows(chunk: Chunk, folder: str, basename: bool) -> ClickRows:
    """Read the rows of a chunk; a cell that is empty is filled from the name of the image.

    Parameters
    ----------
    folder : that the paths in the log start from, relative to the root
    basename : take the last part of these paths only
    """
    fatal: dict[int, Problem] = {}
    sources = [_source(name, folder, basename) for name in chunk.rows[IMAGE]]
    facts = [_facts(chunk, i, source, fatal) for i, source in enumerate(sources)]
    numbers = pd.DataFrame({role: _numbers(chunk, role, fatal) for role in NUMBERS})
    for role in ("omega", "zoom"):
        told = pd.Series([getattr(fact, role) for fact in facts], dtype="float64")
        numbers[role] = numbers[role].fillna(told)
    # Half a click of the log is none; it must not be completed by half of another.
    lacks = numbers[["row", "column"]].isna().any(axis=1).to_numpy()
    told = np.array([fact.click or (np.nan, np.nan) for fact in facts]).reshape(-1, 2)
    numbers.loc[lacks, ["row", "column"]] = told[lacks]
    rows = ClickRows(chunk, sources, facts, numbers, [], fatal)
    rows.ids = [_sample_id(*both) for both in zip(sources, rows.clicks, strict=True)]
    for i in np.flatnonzero([not source for source in sources]):
        rows.offend(int(i), "the path of an image", "a click without image")
    return rows


def _source(name, folder: str, basename: bool) -> str:
    if pd.isna(name) or not str(name).strip():
        return ""
    name = str(name).strip().replace("\\", "/")
    return normpath(join(folder, name.rpartition("/")[2] if basename else name))


def _facts(chunk: Chunk, i: int, source: str, fatal: dict[int, Problem]) -> NameFacts:
    try:
        return parse_name(stem(source).rpartition("/")[2])
    except ValueError as error:
        expected = "a date that exists in the name of the image"
        fatal[i] = Problem(chunk.where(i), expected, f"{source}: {error}")
        return NameFacts()


def _numbers(chunk: Chunk, role: str, fatal: dict[int, Problem]) -> pd.Series:
    """A numeric column as float64; NaN where a cell is empty or the log has no such column."""
    if role not in chunk.rows:
        return pd.Series(np.nan, range(len(chunk.rows)), dtype="float64")
    cells = chunk.rows[role].reset_index(drop=True)
    found = pd.to_numeric(cells, errors="coerce").astype("float64")
    wrong = ~np.isfinite(found) & cells.notna()
    if role in _WHOLE:
        wrong |= found % 1 > 0
    for i in np.flatnonzero(wrong).tolist():
        expected = f"{'a whole' if role in _WHOLE else 'a'} number as {role}"
        fatal[i] = Problem(chunk.where(i), expected, repr(cells[i]))
    return found.mask(wrong)


def _sample_id(source: str, click: np.ndarray) -> str:
    place = "" if np.isnan(click).any() else f"_y_{click[0]:.10g}_x_{click[1]:.10g}"
    base = stem(source)
    return base if base.endswith(place) else base + place


def stem(source: str) -> str:
    """A path without the extension of an image."""
    base, dot, suffix = source.rpartition(".")
    return base if dot + suffix.lower() in SUFFIXES else source


class SeenClicks:
    """Clicks of the log so far, to find those that come again.

    Of each id its 64-bit hash is kept: among a million ids two are alike with odds of 1 to 4e7.
    """

    def __init__(self):
        self._numbers: dict[int, int] = {}
        self._starts: list[int] = []
        self._places: list[tuple[Path, int | None]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, rows: ClickRows) -> None:
        """Remember the good rows of a chunk; those that were there before become bad."""
        self._starts.append(self._count)
        self._places.append((rows.chunk.path, rows.chunk.first_line))
        hashes = pd.util.hash_array(np.array(rows.ids, dtype=object), categorize=False)
        for i, value in enumerate(hashes.tolist()):
            if i in rows.bad or i in rows.fatal:
                continue
            first = self._numbers.setdefault(value, self._count + i)
            if first != self._count + i:
                expected = f"a click of its own: {self._place(first)} has the same image and place"
                rows.offend(i, expected, f"a repeated click, {rows.ids[i]}")
        self._count += len(hashes)

    def _place(self, number: int) -> str:
        k = bisect_right(self._starts, number) - 1
        path, line = self._places[k]
        if line is None:
            return f"image {number + 1} in {path}"
        return f"{path}:{line + number - self._starts[k]}"
