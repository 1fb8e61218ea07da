"""Alignments of a beamline: movies or folders of frames of a turning sample, with omega per frame.

Columns of the store's table besides the contract's: ``omega`` (degrees, [0, 360)), ``rotating``,
``zoom``, ``mm_per_px``, ``beam_row`` and ``beam_column`` (pixels of the stored image); these four
are empty where nobody knows. Frame k is the k-th picture of its movie.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from segmill.datasets.alignments import Alignment, VideoRules, list_alignments
from segmill.datasets.angles import Angles, chosen, read_angles
from segmill.datasets.bulk import BulkReader, Layout
from segmill.datasets.goniometer import Settings
from segmill.datasets.images import ImageRules, read_image
from segmill.datasets.movie import OpenMovies, count_frames, read_header
from segmill.datasets.raster import SUFFIXES
from segmill.errors import IntegrityError, Problem, raise_problems
from segmill.options import build_options
from segmill.progress import track
from segmill.samples import Sample

# Alignments whose rows make a chunk.
CHUNK = 256


class Reader(BulkReader):
    """Frames of movies. Configuration: `video` (see VideoRules)."""

    def __init__(self, config: Mapping, root: str | Path):
        super().__init__(config, root)
        self.rules = build_options(VideoRules, config.get("video") or {}, "video")
        self.images = ImageRules(channels=self.rules.channels)
        self._movies = OpenMovies(self.rules.channels)
        self._sizes: set[tuple[int, int]] = set()

    def tables(self) -> Iterator[pd.DataFrame]:
        """The chosen frames of all alignments; see the module for the columns.

        Raises IntegrityError after the last chunk, listing all offending files.
        """
        problems: list[Problem] = []
        count, alignments = list_alignments(self.root, self.rules, problems)
        pieces: list[Piece] = []
        what = f"reading logs of {self.root}"
        for k, alignment in enumerate(track(alignments, count, what, "alignment")):
            try:
                angles, settings = read_angles(alignment, self.rules)
                self._check(alignment, len(angles.frames), first=k == 0)
                pieces.append(self._piece(alignment, angles, settings))
            except IntegrityError as error:
                problems += error.problems
            if len(pieces) == CHUNK:
                yield _chunk(pieces)
                pieces = []
        if pieces:
            yield _chunk(pieces)
        raise_problems(problems, f"dataset {self.root}")

    def layout(self) -> Layout:
        """The largest size among the movies that were opened."""
        height, width = np.max([*self._sizes], axis=0).tolist()
        return Layout(*self._stored(height, width), 3 if self.rules.channels == "rgb" else 1)

    def read_row(self, row: Mapping) -> Sample:
        """The frame of a row; movies are decoded from their start, once for rows in order."""
        path = self.root / row["source"]
        if path.suffix.lower() in SUFFIXES:
            image = read_image(path, self.images)
        else:
            image = self._movies.frame(path, int(row["frame"]))
        if self.rules.rescale != 1:
            height, width = self._stored(*image.shape[:2])
            image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        return Sample(image if image.ndim == 3 else image[..., None])

    def _stored(self, height: int, width: int) -> tuple[int, int]:
        """Size of the stored image of a frame."""
        scale = self.rules.rescale
        return max(1, round(height * scale)), max(1, round(width * scale))

    def _check(self, alignment: Alignment, frames: int, first: bool) -> None:
        """Compare a movie, as far as it shall be opened, with what is known of its frames."""
        check = self.rules.check
        if alignment.stills:
            self._check_stills(alignment.stills if check == "full" else alignment.stills[:1])
            return
        if check == "names" and not first:
            if not alignment.movie.is_file():
                raise IntegrityError([Problem(str(alignment.movie), "a movie", "no such file")])
            return
        header = read_header(alignment.movie)
        found = count_frames(alignment.movie) if check == "full" else header.frames
        # Some containers do not say how many frames they hold: reading will tell.
        if found and found != frames:
            source = "timestamps" if self.rules.omega == "log" else "rows of the table"
            expected = f"{frames} frames, as many as {source}"
            raise IntegrityError([Problem(str(alignment.movie), expected, str(found))])
        self._sizes.add((header.height, header.width))

    def _check_stills(self, paths: Sequence[Path]) -> None:
        problems = []
        for path in paths:
            try:
                self._sizes.add(read_image(path, self.images).shape[:2])
            except IntegrityError as error:
                problems += error.problems
        raise_problems(problems)

    def _piece(self, alignment: Alignment, angles: Angles, settings: Settings) -> "Piece":
        taken = chosen(angles, self.rules)
        if not len(taken):
            expected = "frames that rotate (video.speed, video.step; video.frames: all keeps all)"
            raise IntegrityError([Problem(str(alignment.where), expected, "none")])
        frames = angles.frames[taken]
        paths = [alignment.stills[k] for k in taken] if alignment.stills else [alignment.movie]
        sources = [path.relative_to(self.root).as_posix() for path in paths]
        each = {
            "sample_id": [f"{alignment.name}/f{k:04d}" for k in frames.tolist()],
            "source": sources * (len(taken) // len(sources)),
            "frame": frames.astype(np.int32),
            "omega": angles.omega[taken],
            "rotating": angles.rotating[taken],
        }
        same = {"group": alignment.group, "split": alignment.split, **self._facts(settings)}
        return Piece(each, {**same, **alignment.extra})

    def _facts(self, settings: Settings) -> dict:
        """Columns that are the same for all frames of an alignment."""
        scale = self.rules.rescale
        # The configuration answers for the frames as they are in the source.
        given = self.rules.mm_per_px or self.config.get("pixel_size_um", 0) / 1000
        mm_per_px = given or settings.mm_per_px or np.nan
        facts = {"zoom": settings.zoom, "mm_per_px": mm_per_px / scale}
        for name in ("beam_row", "beam_column"):
            value = getattr(settings, name)
            # Pixel centres are whole numbers.
            facts[name] = np.nan if value is None else (value + 0.5) * scale - 0.5
        return facts


@dataclass(frozen=True)
class Piece:
    """Rows of one alignment: columns of its frames, and values that all its frames share."""

    each: Mapping[str, Sequence]
    same: Mapping[str, object]


def _chunk(pieces: list[Piece]) -> pd.DataFrame:
    """Rows of several alignments as one table, repeated texts as categoricals."""
    counts = [len(piece.each["frame"]) for piece in pieces]
    ids = [name for piece in pieces for name in piece.each["sample_id"]]
    columns: dict[str, object] = {"sample_id": pd.array(ids, dtype="str")}
    columns["source"] = _texts([name for piece in pieces for name in piece.each["source"]])
    for name in ("frame", "omega", "rotating"):
        columns[name] = np.concatenate([piece.each[name] for piece in pieces])
    for name in pieces[0].same:
        values = [piece.same[name] for piece in pieces]
        if name == "zoom":
            column = pd.array(values, dtype="Int16")
        elif all(value is None or isinstance(value, str) for value in values):
            column = _texts(values)
        else:
            column = np.array(values)
        columns[name] = column.repeat(counts)
    return pd.DataFrame(columns)


def _texts(values: Sequence[str | None]) -> pd.Categorical:
    """Texts that repeat, each held once; None is missing."""
    codes, texts = pd.factorize(np.array(values, dtype=object))
    return pd.Categorical.from_codes(codes, pd.Index(texts, dtype="str"))
