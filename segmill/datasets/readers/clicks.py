"""Logs of clicks: where users pointed on images of a sample, as many rows as there were clicks.

A log is a table (CSV or parquet) with a row per click, or a folder of images whose names hold the
clicks, see :mod:`segmill.datasets.click_names`; what a table does not say is taken from the names.
Rows are read in chunks, so that memory holds the table of the store and little else.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from segmill.clicks import CLICK
from segmill.datasets.bulk import BulkReader, Layout
from segmill.datasets.click_rows import ClickRows, SeenClicks, read_rows, stem
from segmill.datasets.click_tables import Chunk, ClickColumns, log_chunks, name_chunks
from segmill.datasets.headers import Header, read_headers
from segmill.datasets.images import read_image, single_image_rules
from segmill.datasets.raster import offence
from segmill.datasets.views import View
from segmill.errors import ConfigError, IntegrityError, Problem, raise_problems
from segmill.options import build_options, option
from segmill.progress import log
from segmill.samples import Sample


@dataclass(frozen=True)
class ClickRules:
    """Where clicks and images are, and what becomes of bad ones.

    Attributes
    ----------
    tables : glob of the tables, relative to the root of the dataset; None: names of images hold
        the clicks
    images : without tables, the glob of the images, relative to the root
    folder : with tables, the folder that the paths in them start from, relative to the root
    basename : with tables, take only the last part of these paths: the log's own folders are gone
    check : before the store is planned, decode every image (``full``), read its size from its
        header (``headers``), or trust the log (``names``)
    size : with check ``names``, (h, w) of the largest image, in px as it was saved
    missing : an image without click is an ``error``, or kept with its click unknown (``ignore``)
    invalid : a repeated click, one outside its image, or without image, is an ``error``, or left
        out with a warning (``skip``)
    """

    tables: str | None = option(None)
    images: str = option("**/*.jpg")
    folder: str = option(".")
    basename: bool = option(False)
    check: str = option("headers", choices=("full", "headers", "names"))
    size: tuple[int, ...] | None = option(None, low=1)
    missing: str = option("error", choices=("error", "ignore"))
    invalid: str = option("error", choices=("error", "skip"))

    def conflicts(self) -> list[str]:
        """What is wrong with the rules."""
        if (self.check == "names") != (self.size is not None):
            return ["size: expected the height and width of the largest image with check: names"]
        if self.size is not None and len(self.size) != 2:
            return [f"size: expected height and width, found {list(self.size)}"]
        return []


class Reader(BulkReader):
    """One sample per click. Configuration: `clicks` (ClickRules, ViewRules of
    :mod:`segmill.datasets.views`, `calibration`, `columns`: see ClickColumns) and `images`.
    """

    targets = (CLICK,)
    fields = ("image", "target")

    def __init__(self, config: Mapping, root: str | Path):
        super().__init__(config, root)
        section = dict(config.get("clicks") or {})
        names = dict(section.pop("columns", None) or {})
        self.columns = build_options(ClickColumns, names, "clicks.columns")
        self._given = set(names)
        self.view = View(config, section, "clicks")
        self.rules = build_options(ClickRules, section, "clicks")
        self.images = single_image_rules(config.get("images"))
        if names and self.rules.tables is None:
            raise ConfigError("clicks.columns: expected none without clicks.tables")
        self._largest: tuple[int, int] | None = None
        self._first: tuple[Path, int] | None = None

    def tables(self) -> Iterator[pd.DataFrame]:
        """Rows of the store's table; clicks are in px of the stored image.

        Raises IntegrityError after the last chunk, naming every bad row and table; where bad rows
        are left out, only those that cannot be.
        """
        seen, problems, skipped = SeenClicks(), [], []
        self._largest, self._first = self.rules.size, None
        try:
            for chunk in self._chunks():
                rows = read_rows(chunk, self.rules.folder, self.rules.basename)
                self._check(rows)
                seen.add(rows)
                table = self._table(rows)
                problems += rows.fatal.values()
                (problems if self.rules.invalid == "error" else skipped).extend(rows.bad.values())
                if not table.empty:
                    yield table
        except IntegrityError as error:
            problems += error.problems
        for problem in skipped:
            log.warning("left out: %s", problem)
        if not seen and not problems:
            place = f"{self.root}/{self.rules.tables or self.rules.images}"
            problems.append(Problem(place, "clicks", f"none, {len(skipped)} left out"))
        raise_problems(problems, f"dataset {self.root}")

    def _chunks(self) -> Iterator[Chunk]:
        if self.rules.tables is None:
            return name_chunks(self.root, self.rules.images)
        paths = sorted(path for path in self.root.glob(self.rules.tables) if path.is_file())
        return log_chunks(paths, self.columns, self._given)

    def _check(self, rows: ClickRows) -> None:
        """Look at each image of a chunk once; name rows whose image or click is bad."""
        paths = {source: self.root / source for source in dict.fromkeys(rows.sources) if source}
        if self.rules.check == "names":
            headers, damaged = {}, {}
        else:
            decode = self.rules.check == "full"
            headers, damaged = read_headers(paths.values(), self.images, decode)
        shapes = np.full((len(rows.sources), 2), np.nan)
        for i, source in enumerate(rows.sources):
            if not source:
                continue
            path = paths[source]
            if path in damaged:
                problem = damaged[path]
                rows.offend(i, f"{problem.expected} as {source}", problem.found)
                continue
            shapes[i] = self.rules.size or self._take(headers[path], path, rows, i)
            self._first = self._first or (path, 0)
        clicked = rows.clicked
        for i in np.flatnonzero(~clicked).tolist() if self.rules.missing == "error" else ():
            expected = "a row and a column of the click, or ..._y_ROW_x_COLUMN as its name"
            rows.offend(i, expected, f"none for {rows.sources[i]}")
        known = clicked & ~np.isnan(shapes).any(axis=1)
        for i in np.flatnonzero(known & ~_inside(rows.clicks, shapes)).tolist():
            size = f"{shapes[i, 0]:.0f} x {shapes[i, 1]:.0f} px (rows x columns)"
            row, column = rows.clicks[i]
            expected = f"a click inside {rows.sources[i]} of {size}"
            rows.offend(i, expected, f"row {row:g}, column {column:g}")

    def _take(self, header: Header, path: Path, rows: ClickRows, i: int) -> tuple[int, int]:
        """Keep the largest size, and compare the channels with those of the first image."""
        height, width = self._largest or (0, 0)
        self._largest = max(height, header.shape[0]), max(width, header.shape[1])
        first, channels = self._first = self._first or (path, header.channels)
        if header.channels != channels:
            expected = f"{channels} channels as {first.name} (images.channels: grey or rgb)"
            rows.offend(i, expected, f"{header.channels} in {path.name}")
        return header.shape

    def _table(self, rows: ClickRows) -> pd.DataFrame:
        """The good rows as columns of the store's table.

        Texts are no categoricals: groups may be as many as rows, and parquet would repeat all of
        them with each group of rows, so that a part would load those of the whole log.
        """
        cells, numbers = rows.chunk.rows, rows.numbers
        stems = [stem(source) for source in rows.sources]
        families = [
            self.view.family(fact, name) or name
            for fact, name in zip(rows.facts, stems, strict=True)
        ]
        moved = self.view.moved(rows.clicks)
        table = {
            "sample_id": rows.ids,
            "group": _filled(cells, "group", families),
            "source": rows.sources,
            "frame": numbers["frame"].fillna(0).astype("int64"),
            "kind": _filled(cells, "kind", [fact.kind for fact in rows.facts]),
            "omega": numbers["omega"],
            "zoom": numbers["zoom"],
            "mm_per_px": self._sizes(rows),
            "click_row": moved[:, 0],
            "click_column": moved[:, 1],
        }
        if "split" in cells:
            table["split"] = cells["split"].astype("str").to_numpy()
        table |= {name: cells[name].to_numpy() for name in rows.chunk.others}
        good = ~pd.RangeIndex(len(rows.ids)).isin(list(rows.bad))
        return pd.DataFrame(table)[good]

    def _sizes(self, rows: ClickRows) -> np.ndarray:
        """Side of a pixel in mm for each row; the first row of each unknown zoom is a problem."""
        zooms = rows.numbers["zoom"].to_numpy()
        sizes = np.full(len(zooms), self.view.mm_per_px(None))
        for zoom in np.unique(zooms[~np.isnan(zooms)]):
            here = zooms == zoom
            try:
                sizes[here] = self.view.mm_per_px(zoom)
            except ValueError as error:
                first = int(np.argmax(here))
                where = rows.chunk.where(first)
                rows.fatal.setdefault(first, Problem(where, str(error), f"zoom {zoom:g}"))
        return sizes

    def layout(self) -> Layout:
        """Size of the largest image in the store; channels and depth of the first one."""
        if self._first is None:
            for _ in self.tables():
                pass
        first = read_image(self._first[0], self.images)
        height, width = self.view.size(self._largest)
        return Layout(height, width, first.shape[2], first.dtype.name)

    def read_row(self, row: Mapping) -> Sample:
        """Image and heat map of one click; IntegrityError naming an image that does not fit it."""
        path = self.root / row["source"]
        image = self.view.shrink(read_image(path, self.images))
        click = np.array([row["click_row"], row["click_column"]], np.float64)
        if np.isnan(click).any():
            return Sample(image, target=self.view.target(image.shape[:2], None, np.nan))
        # A click on the edge of a shrunk image may lie behind its last, cut pixel.
        if not _inside(click, np.array(image.shape[:2]), slack=0.5):
            found = f"row {click[0]:g}, column {click[1]:g} of the stored image"
            raise offence(path, f"a click inside {image.shape[0]} x {image.shape[1]} px", found)
        place = float(click[0]), float(click[1])
        return Sample(image, target=self.view.target(image.shape[:2], place, row["mm_per_px"]))


def _inside(clicks: np.ndarray, shapes: np.ndarray, slack: float = 0.0) -> np.ndarray:
    """Whether rows and columns (..., 2) lie on a pixel of images of h, w (..., 2), give or take."""
    return ((clicks >= -0.5 - slack) & (clicks <= shapes - 0.5 + slack)).all(axis=-1)


def _filled(cells: pd.DataFrame, role: str, otherwise: list[str]) -> list[str]:
    """A text column of a log, with other values where a cell is empty or the column missing."""
    if role not in cells:
        return otherwise
    both = zip(cells[role], otherwise, strict=True)
    return [name if pd.isna(cell) else str(cell) for cell, name in both]
