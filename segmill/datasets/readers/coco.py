"""COCO: images and their annotated objects in one JSON file per set.

Objects may overlap, a label image holds one at a pixel: smaller objects lie on top of larger ones
(by their pixels; of equals the later one), since what is annotated within another object is mostly
in front of it. Masks are those of pycocotools to the pixel. Object k of an image in the order of
the file has the id k + 1; the id of one that others cover altogether does not occur.

The file is read as a stream, see :mod:`segmill.datasets.coco_index`: planning needs memory for
some numbers of each object, and a job reads the annotations of its own images only.
"""

import json
import os
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from threading import Lock

import numpy as np
import pandas as pd

from segmill.datasets.bulk import BulkReader, Layout
from segmill.datasets.coco_index import CocoIndex, read_index
from segmill.datasets.coco_masks import area, encode, examine, paint
from segmill.datasets.coco_rules import (
    IGNORED,
    LEFT_OUT,
    MOST_CLASSES,
    Categories,
    CocoRules,
    CocoSet,
    coco_sets,
)
from segmill.datasets.headers import Header, read_headers
from segmill.datasets.images import read_image, single_image_rules
from segmill.datasets.raster import offence
from segmill.errors import ConfigError, IntegrityError, Problem, raise_problems
from segmill.options import build_options
from segmill.progress import log
from segmill.samples import Sample

# Images that are looked at, and rows that are made, at once.
ROWS_AT_ONCE = 8192
# An object as a row remembers it: where its annotation stands, its class, whether it is a crowd.
OBJECT = np.dtype([("offset", "<i8"), ("length", "<i4"), ("class", "<i2"), ("crowd", "<i2")])


class Reader(BulkReader):
    """One sample per image. Configuration: `coco` (CocoRules; `sets`: name -> CocoSet;
    `categories`: see Categories) and `images`. The split column names the set.
    """

    def __init__(self, config: Mapping, root: str | Path):
        super().__init__(config, root)
        for key in ("labels", "classes"):
            if key in config:
                raise ConfigError(f"{key}: expected none, see coco.labels and coco.categories")
        section = dict(config.get("coco") or {})
        self.sets = coco_sets(section.pop("sets", None))
        self.categories = Categories(section.pop("categories", None))
        self.rules = build_options(CocoRules, section, "coco")
        self.images = single_image_rules(config.get("images"))
        self._largest = (0, 0)
        self._first: tuple[Path, Header | None] | None = None
        self._files = _OpenFiles()

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the arrays that each sample has."""
        named = [name for name in ("semantic", "instances") if name in self.rules.labels]
        may_ignore = "ignore" in (self.rules.crowd, self.rules.others)
        return ("image", *named, *(["ignore"] if may_ignore else []))

    def tables(self) -> Iterator[pd.DataFrame]:
        """Rows of the store's table, a row per image.

        Columns beside the contract's: `image_id`; `objects` and `crowds`, numbers of the wanted
        ones; `class_counts`, JSON with the number of objects of each class.

        Raises IntegrityError after the last chunk, naming every bad annotation and image.
        """
        problems: list[Problem] = []
        self._largest, self._first = (0, 0), None
        indices = self._read_indices(problems)
        names, lookups = self._resolve(indices, problems)
        for (name, place), index, lookup in zip(self.sets.items(), indices, lookups, strict=True):
            if index is not None:
                for rows in self._rows(name, place, index, lookup, names, problems):
                    if not rows.empty:
                        yield rows
        raise_problems(problems, f"dataset {self.root}")

    def _read_indices(self, problems: list[Problem]) -> list[CocoIndex | None]:
        """What the annotation files hold; None where one cannot be read."""
        indices: list[CocoIndex | None] = []
        for place in self.sets.values():
            try:
                index, fatal, bad = read_index(self.root / place.annotations, self.rules.tolerance)
            except IntegrityError as error:
                problems += error.problems
                indices.append(None)
                continue
            indices.append(index)
            problems += fatal
            if self.rules.invalid == "error":
                problems += bad
            else:
                for problem in bad:
                    log.warning("left out: %s", problem)
        return indices

    def _resolve(
        self, indices: list[CocoIndex | None], problems: list[Problem]
    ) -> tuple[tuple[str, ...], list[dict[int, int]]]:
        """Names of classes, and for each set category -> class; sets `classes`."""
        others = IGNORED if self.rules.others == "ignore" else LEFT_OUT
        files = [(index.path, index.categories) if index else (Path(), {}) for index in indices]
        known = [file for file in files if file[1]]
        names, _, missing = self.categories.resolve(known, others)
        problems += missing
        _, lookups, _ = self.categories.resolve(files, others)
        if "semantic" in self.rules.labels:
            self.classes = names
            if len(names) > MOST_CLASSES:
                expected = f"at most {MOST_CLASSES - 1} categories (coco.categories chooses)"
                problems.append(Problem(str(self.root), expected, f"{len(names) - 1}"))
        return names, lookups

    def _rows(
        self,
        name: str,
        place: CocoSet,
        index: CocoIndex,
        lookup: Mapping[int, int],
        classes: tuple[str, ...],
        problems: list[Problem],
    ) -> Iterator[pd.DataFrame]:
        """Chunks of rows of one set."""
        sources = self._sources(index, place.images, problems)
        objects, bounds = _by_image(index, lookup)
        for first in range(0, len(sources), ROWS_AT_ONCE):
            rows = range(first, min(first + ROWS_AT_ONCE, len(sources)))
            self._check_images(index, sources, rows, problems)
            kept = [objects[bounds[i] : bounds[i + 1]] for i in rows]
            counts = [_counts(own, classes) for own in kept]
            crowds = [int(((own["class"] > 0) & (own["crowd"] > 0)).sum()) for own in kept]
            yield pd.DataFrame(
                {
                    "sample_id": [str(PurePosixPath(sources[i]).with_suffix("")) for i in rows],
                    "group": [str(PurePosixPath(sources[i]).with_suffix("")) for i in rows],
                    "source": [sources[i] for i in rows],
                    "frame": 0,
                    "split": name,
                    "image_id": index.image_ids[first : rows.stop],
                    "objects": [sum(count.values()) for count in counts],
                    "crowds": crowds,
                    "class_counts": [json.dumps(count) for count in counts],
                    "_objects": [own.tobytes() for own in kept],
                    "_annotations": place.annotations,
                    "_height": index.shapes[first : rows.stop, 0],
                    "_width": index.shapes[first : rows.stop, 1],
                }
            )[[self.rules.empty == "keep" or bool((own["class"] > 0).any()) for own in kept]]

    def _sources(self, index: CocoIndex, folder: str, problems: list[Problem]) -> list[str]:
        """Paths of the images relative to the root."""
        for name, number in zip(index.names, index.image_ids, strict=True):
            if name.startswith("/") or ".." in PurePosixPath(name).parts:
                where = f"{index.path}, image {number}"
                problems.append(Problem(where, "a file below the images' folder", name))
        return [PurePosixPath(folder, name.lstrip("/")).as_posix() for name in index.names]

    def _check_images(
        self, index: CocoIndex, sources: list[str], rows: range, problems: list[Problem]
    ) -> None:
        """Look at the images of some rows; keep the largest size, name those that do not fit."""
        paths = [self.root / sources[i] for i in rows]
        shapes = index.shapes[rows.start : rows.stop]
        self._largest = tuple(np.maximum(self._largest, shapes.max(axis=0)).tolist())
        if self.rules.check == "names":
            self._first = self._first or (paths[0], None)
            return
        headers, damaged = read_headers(paths, self.images, self.rules.check == "full")
        problems += damaged.values()
        for path, (height, width) in zip(paths, shapes.tolist(), strict=True):
            header = headers.get(path)
            if header is None:
                continue
            if header.shape != (height, width):
                expected = f"{height} x {width} px (rows x columns) as in {index.path.name}"
                problems.append(Problem(str(path), expected, "{} x {}".format(*header.shape)))
            first, seen = self._first = self._first or (path, header)
            if seen.channels != header.channels:
                fix = "images.channels: rgb or grey brings all to one"
                expected = f"{seen.channels} channels as {first.name} ({fix})"
                problems.append(Problem(str(path), expected, f"{header.channels}"))

    def layout(self) -> Layout:
        """Largest size that the files speak of; channels and depth of the first image."""
        if self._first is None:
            for _ in self.tables():
                pass
        first = read_image(self._first[0], self.images)
        return Layout(*self._largest, first.shape[2], first.dtype.name)

    def read_row(self, row: Mapping) -> Sample:
        """Image and labels of one row.

        Raises IntegrityError naming an image that does not fit, or an annotation file that has
        changed since the store was planned.
        """
        path = self.root / row["source"]
        image = read_image(path, self.images)
        shape = int(row["_height"]), int(row["_width"])
        if image.shape[:2] != shape:
            expected = f"{shape[0]} x {shape[1]} px (rows x columns) as in {row['_annotations']}"
            raise offence(path, expected, "{} x {}".format(*image.shape[:2]))
        objects = np.frombuffer(row["_objects"], OBJECT)
        masks = self._masks(self.root / row["_annotations"], objects, row["image_id"], shape)
        return self._labelled(image, objects, masks)

    def _masks(
        self, path: Path, objects: np.ndarray, image_id: int, shape: tuple[int, int]
    ) -> list[dict]:
        """Masks of the objects of an image, read again from their places in the file."""
        masks = []
        for offset, length in zip(
            objects["offset"].tolist(), objects["length"].tolist(), strict=True
        ):
            raw = self._files.read(path, offset, length)
            try:
                annotation = json.loads(raw)
                same = annotation["image_id"] == image_id
                same = same and _fits(annotation["segmentation"], shape)
            except (ValueError, TypeError, KeyError):
                same = False
            if not same:
                expected = f"an annotation of image {image_id} at byte {offset}"
                raise offence(path, expected, "another: the file has changed since it was planned")
            masks.append(encode(annotation["segmentation"], shape))
        return masks

    def _labelled(self, image: np.ndarray, objects: np.ndarray, masks: list[dict]) -> Sample:
        """The sample of an image, its objects painted from the largest to the smallest."""
        shape = image.shape[:2]
        crowd = objects["crowd"] > 0
        shown = objects["class"] > 0
        if self.rules.crowd != "instances":
            shown &= ~crowd
        hidden = objects["class"] == IGNORED
        if self.rules.crowd == "ignore":
            hidden |= crowd
        visible = np.flatnonzero(shown)
        visible = visible[np.argsort(-area([masks[k] for k in visible]), kind="stable")]
        numbers = np.cumsum(shown)
        # A byte per pixel as long as it will do: what is slow is memory.
        kind = np.uint8 if numbers.max(initial=0) < 256 else np.uint16
        seen = [masks[k] for k in visible]
        painted = paint(seen, numbers[visible].tolist(), shape, kind)
        sample = Sample(image)
        if "instances" in self.rules.labels:
            sample.instances = painted.astype(np.int32)
        if "semantic" in self.rules.labels:
            sample.semantic = paint(seen, objects["class"][visible].tolist(), shape, np.uint8)
        if "ignore" in self.fields:
            sample.ignore = np.zeros(shape, bool)
            unknown = [masks[k] for k in np.flatnonzero(hidden)]
            if unknown:
                ignored = paint(unknown, [1] * len(unknown), shape, np.uint8).view(bool)
                sample.ignore = ignored & (painted == 0)
        return sample


def _by_image(index: CocoIndex, lookup: Mapping[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Objects (n,) OBJECT that are not left out, image by image in the order of the file; bounds.

    Those of image i are ``objects[bounds[i] : bounds[i + 1]]``.
    """
    columns = index.objects
    numbers, place = np.unique(columns["category_id"], return_inverse=True)
    # A category that the file does not have is a problem by now; here it is left out.
    classes = np.array([lookup.get(int(n), LEFT_OUT) for n in numbers], np.int64)
    classes = classes[place] if numbers.size else np.zeros(0, np.int64)
    kept = np.flatnonzero(classes != LEFT_OUT)
    kept = kept[np.argsort(columns["image"][kept], kind="stable")]
    objects = np.empty(kept.size, OBJECT)
    for name in ("offset", "length", "crowd"):
        objects[name] = columns[name][kept]
    objects["class"] = classes[kept]
    bounds = np.searchsorted(columns["image"][kept], np.arange(len(index.names) + 1))
    return objects, bounds


def _fits(segmentation: list | Mapping, shape: tuple[int, int]) -> bool:
    """Whether a segmentation can still be painted into an image of (h, w).

    Polygons have been examined; run lengths are again, since wrong ones would be written outside.
    """
    if isinstance(segmentation, Mapping):
        return examine(segmentation).size == shape
    return bool(segmentation) and all(len(polygon) >= 6 for polygon in segmentation)


def _counts(objects: np.ndarray, classes: tuple[str, ...]) -> dict[str, int]:
    """Number of wanted objects by class, crowds left out."""
    own = objects["class"][(objects["class"] > 0) & (objects["crowd"] == 0)]
    numbers, counts = np.unique(own, return_counts=True)
    return {classes[n]: int(count) for n, count in zip(numbers, counts, strict=True)}


class _OpenFiles:
    """Files that threads read pieces of; closed when the reader goes."""

    def __init__(self):
        self._numbers: dict[Path, int] = {}
        self._lock = Lock()

    def read(self, path: Path, offset: int, length: int) -> bytes:
        """Bytes of a file from an offset on; fewer at its end."""
        number = self._numbers.get(path)
        return os.pread(self._open(path) if number is None else number, length, offset)

    def _open(self, path: Path) -> int:
        with self._lock:
            if path not in self._numbers:
                try:
                    self._numbers[path] = os.open(path, os.O_RDONLY)
                except OSError as error:
                    raise offence(path, "a file of annotations", str(error)) from error
                weakref.finalize(self, os.close, self._numbers[path])
            return self._numbers[path]
