"""What a COCO annotation file holds, as columns: each annotation by its place in the file.

The polygons of 118 000 images take gigabytes as Python objects. The file is read once, element by
element; of an annotation some numbers are kept, among them where it stands, so that whoever needs
its polygons reads just these bytes again.
"""

import math
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segmill.datasets.coco_masks import Extent, examine
from segmill.datasets.json_stream import Element, stream_elements
from segmill.errors import Problem

KEYS = ("images", "annotations", "categories")
# Columns of annotations and their kinds as `array` names them.
_COLUMNS = {
    "id": "q",
    "image_id": "q",
    "category_id": "q",
    "crowd": "b",
    "offset": "q",
    "length": "q",
    "left": "f",
    "top": "f",
    "right": "f",
    "bottom": "f",
    "height": "i",
    "width": "i",
}


@dataclass(frozen=True)
class CocoIndex:
    """Images and sound annotations of one file.

    Attributes
    ----------
    path : the file
    image_ids : (M,) int64
    names : `file_name` of each image
    shapes : (M, 2) int64, h and w of each image in px, as the file says
    objects : column -> (N,) array: `image` (number of the image in this index), `category_id`,
        `crowd` (0 or 1), `offset` and `length` (bytes of the annotation in the file)
    categories : id -> name
    """

    path: Path
    image_ids: np.ndarray
    names: list[str]
    shapes: np.ndarray
    objects: dict[str, np.ndarray]
    categories: dict[int, str]


def read_index(path: Path, tolerance: float) -> tuple[CocoIndex, list[Problem], list[Problem]]:
    """Read a file of COCO instances once, and check all that it says.

    Parameters
    ----------
    tolerance : coordinates up to this far outside the image are accepted, in px

    Returns
    -------
    index : images, and annotations that nothing is wrong with
    fatal : what is wrong with images and categories, and annotations whose image or category the
        file does not have, or whose id is taken
    bad : annotations with a wrong segmentation

    Raises IntegrityError where the file is missing or no JSON.
    """
    reading = _Reading(path)
    for element in stream_elements(path, KEYS):
        reading.take(element)
    return reading.finished(tolerance)


class _Reading:
    """A file as far as it has been read."""

    def __init__(self, path: Path):
        self.path = path
        self.fatal: list[Problem] = []
        self.bad: list[Problem] = []
        self.image_ids, self.heights, self.widths = array("q"), array("q"), array("q")
        self.names: list[str] = []
        self.categories: dict[int, str] = {}
        self.columns = {name: array(kind) for name, kind in _COLUMNS.items()}
        self.counts: Counter = Counter()

    def take(self, element: Element) -> None:
        """Keep one element, or say what is wrong with it."""
        number = self.counts[element.key]
        self.counts[element.key] += 1
        value = element.value
        what = {"images": "image", "annotations": "annotation", "categories": "category"}
        where = f"{self.path}, {what[element.key]} {number} (from 0)"
        if not isinstance(value, Mapping):
            self.fatal.append(Problem(where, "an object with an id", f"{value!r:.40}"))
            return
        if _is_integer(value.get("id")):
            where = f"{self.path}, {what[element.key]} {value['id']}"
        getattr(self, f"_take_{element.key}")(where, element)

    def _take_images(self, where: str, element: Element) -> None:
        value = element.value
        wanted = {"id": -(2**63), "height": 1, "width": 1}
        offences = [
            f"{k} {value.get(k)!r:.40}" for k, low in wanted.items() if _below(value, k, low)
        ]
        name = value.get("file_name")
        if not isinstance(name, str) or not name:
            offences.append(f"file_name {name!r:.40}")
        if offences:
            expected = "id, height and width as integers, file_name as a text"
            self.fatal.append(Problem(where, expected, ", ".join(offences)))
            return
        self.image_ids.append(value["id"])
        self.heights.append(value["height"])
        self.widths.append(value["width"])
        self.names.append(name)

    def _take_categories(self, where: str, element: Element) -> None:
        name, number = element.value.get("name"), element.value.get("id")
        if not _is_integer(number) or not isinstance(name, str) or not name:
            found = f"id {number!r:.40}, name {name!r:.40}"
            self.fatal.append(Problem(where, "an id and a name", found))
        elif number in self.categories or name in self.categories.values():
            found = f"{number}: {name} a second time"
            self.fatal.append(Problem(where, "an id and a name of its own", found))
        else:
            self.categories[number] = name

    def _take_annotations(self, where: str, element: Element) -> None:
        value = element.value
        numbers = ("id", "image_id", "category_id")
        offences = [f"{k} {value.get(k)!r:.40}" for k in numbers if not _is_integer(value.get(k))]
        crowd = value.get("iscrowd", 0)
        if crowd not in (0, 1):
            offences.append(f"iscrowd {crowd!r:.40}")
        if offences:
            expected = "id, image_id and category_id as integers, iscrowd as 0 or 1"
            self.fatal.append(Problem(where, expected, ", ".join(offences)))
            return
        extent = Extent()
        length = element.length
        try:
            extent = examine(value.get("segmentation"))
        except ValueError as error:
            self.bad.append(Problem(where, *error.args))
            length = 0  # known, so that its id is taken, and left out at the end
        height, width = extent.size or (0, 0)
        row = (*(value[name] for name in numbers), int(crowd), element.offset, length)
        row = (*row, *extent[:4], height, width)
        for column, cell in zip(self.columns.values(), row, strict=True):
            column.append(cell)

    def finished(self, tolerance: float) -> tuple[CocoIndex, list[Problem], list[Problem]]:
        """The index and all problems, once every element has been taken."""
        missing = [key for key in KEYS if not self.counts[key]]
        self.fatal += [Problem(str(self.path), f"elements of {key}", "none") for key in missing]
        image_ids = np.frombuffer(self.image_ids, np.int64)
        shapes = np.stack([np.frombuffer(s, np.int64) for s in (self.heights, self.widths)], axis=1)
        columns = {name: np.array(values) for name, values in self.columns.items()}
        self.columns.clear()
        self.fatal += self._repeated("image", image_ids)
        self.fatal += self._repeated("annotation", columns["id"])
        columns["image"], known = _positions(image_ids, columns["image_id"])
        self.fatal += self._orphans(columns, known)
        self.fatal += self._unknown_categories(columns)
        self.bad += self._outside(columns, known, shapes, tolerance)
        good = known & (columns["length"] > 0)
        kept = ("image", "category_id", "crowd", "offset", "length")
        objects = {name: columns[name][good] for name in kept}
        index = CocoIndex(self.path, image_ids, self.names, shapes, objects, self.categories)
        return index, self.fatal, self.bad

    def _repeated(self, what: str, ids: np.ndarray) -> list[Problem]:
        values, counts = np.unique(ids, return_counts=True)
        return [
            Problem(f"{self.path}, {what} {value}", "an id of its own", f"{count} with this id")
            for value, count in zip(values[counts > 1], counts[counts > 1], strict=True)
        ]

    def _orphans(self, columns: Mapping, known: np.ndarray) -> list[Problem]:
        return [
            Problem(
                f"{self.path}, annotation {columns['id'][i]}",
                "an image of this file",
                f"image_id {columns['image_id'][i]}",
            )
            for i in np.flatnonzero(~known)
        ]

    def _unknown_categories(self, columns: Mapping) -> list[Problem]:
        alien = ~np.isin(columns["category_id"], np.array([*self.categories], np.int64))
        return [
            Problem(
                f"{self.path}, annotation {columns['id'][i]}",
                "a category of this file",
                f"category_id {columns['category_id'][i]}",
            )
            for i in np.flatnonzero(alien)
        ]

    def _outside(
        self, columns: dict, known: np.ndarray, shapes: np.ndarray, tolerance: float
    ) -> list[Problem]:
        """Segmentations that leave their image; their length becomes 0."""
        h, w = (shapes[columns["image"], axis] if len(shapes) else 0 for axis in (0, 1))
        by_runs = columns["height"] > 0
        stray = (columns["left"] < -tolerance) | (columns["top"] < -tolerance)
        stray |= (columns["right"] > w + tolerance) | (columns["bottom"] > h + tolerance)
        stray &= columns["length"] > 0
        other = by_runs & ((columns["height"] != h) | (columns["width"] != w))
        problems = []
        for i in np.flatnonzero(known & (stray | other)).tolist():
            size = shapes[columns["image"][i]]
            where = f"{self.path}, annotation {columns['id'][i]}"
            if other[i]:
                expected = f"run lengths of size {size.tolist()} as its image"
                found = f"[{columns['height'][i]}, {columns['width'][i]}]"
            else:
                expected = f"polygons inside its image of {size[1]} x {size[0]} px (width x height)"
                box = [float(columns[side][i]) for side in ("left", "right", "top", "bottom")]
                found = "x from {:g} to {:g}, y from {:g} to {:g}".format(*box)
            problems.append(Problem(where, expected, found))
        columns["length"][stray | other] = 0
        return problems


def _positions(ids: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each wanted id stands among `ids` (0 if it does not), and whether it does."""
    if ids.size == 0:
        return np.zeros(wanted.size, np.int64), np.zeros(wanted.size, bool)
    order = np.argsort(ids, kind="stable")
    places = order[np.minimum(np.searchsorted(ids, wanted, sorter=order), ids.size - 1)]
    known = ids[places] == wanted
    return np.where(known, places, 0), known


def _is_integer(value: Any) -> bool:
    return type(value) is int and math.fabs(value) < 2**63


def _below(value: Mapping, key: str, low: int) -> bool:
    """Whether an entry is no integer, or below the lowest that makes sense."""
    return not _is_integer(value.get(key)) or value[key] < low
