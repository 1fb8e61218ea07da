"""Files of LabelMe: shapes drawn on one image, which lies inside the JSON or beside it.

See https://github.com/wkentaro/labelme. Points are (x, y) in px; LabelMe's own masks put (0, 0) on
the centre of the first pixel, and it keeps points between 0 and the sides less 1.
"""

import base64
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segmill.datasets.images import ImageRules, image_values, read_image
from segmill.datasets.raster import SUFFIXES, decode_raster, offence
from segmill.errors import IntegrityError, Problem, raise_problems

CORNERS = {"polygon": 3, "rectangle": 2, "point": 1}
UNSUPPORTED = ("circle", "line", "linestrip", "points", "mask")


@dataclass(frozen=True)
class Shape:
    """One drawn shape: a label, its kind in CORNERS, and (n, 2) float points x, y in px.

    A rectangle has four corners here, whichever two of them the file gives. `number` counts the
    shapes of the file from 0.
    """

    number: int
    label: str
    kind: str
    points: np.ndarray


@dataclass(frozen=True)
class Annotation:
    """Content of a file.

    Attributes
    ----------
    path : of the JSON
    shapes : in the order of the file
    image_path : of the image as the file names it, often in a folder of another computer
    image_data : the encoded image in base64, or None
    size : (h, w) of the image as the file says, None where it does not
    """

    path: Path
    shapes: tuple[Shape, ...]
    image_path: str | None
    image_data: str | None
    size: tuple[int, int] | None


def read_annotation(path: Path, ignored: Collection[str] = ()) -> Annotation:
    """Read a file of LabelMe, without the shapes of `ignored` labels, whatever these are.

    Raises IntegrityError naming everything in it that is no annotation: broken JSON, missing keys,
    shapes of unsupported kinds, points that are no numbers.
    """
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise offence(path, "a JSON file of LabelMe", f"{type(error).__name__}: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
        found = list(content) if isinstance(content, dict) else type(content).__name__
        raise offence(path, "a JSON file of LabelMe with a list of shapes", f"{found}")
    problems: list[Problem] = []
    shapes = [
        _shape(path, k, shape, problems)
        for k, shape in enumerate(content["shapes"])
        if not (isinstance(shape, dict) and shape.get("label") in ignored)
    ]
    image_data, image_path = content.get("imageData"), content.get("imagePath")
    for key, value in (("imageData", image_data), ("imagePath", image_path)):
        if value is not None and not isinstance(value, str):
            problems.append(Problem(str(path), f"a text as {key}", repr(value)[:50]))
    if not image_data and not image_path:
        problems.append(Problem(str(path), "an image: imageData or imagePath", "neither"))
    sides = [content.get("imageHeight"), content.get("imageWidth")]
    if any(side is not None and not isinstance(side, int) for side in sides):
        expected = "whole numbers as imageHeight and imageWidth"
        problems.append(Problem(str(path), expected, f"{sides}"))
    raise_problems(problems)
    size = None if None in sides else (sides[0], sides[1])
    return Annotation(path, tuple(s for s in shapes if s), image_path, image_data, size)


def _shape(path: Path, number: int, shape, problems: list[Problem]) -> Shape | None:
    """A shape, or None with what is wrong with it added to `problems`."""
    where = f"{path}, shape {number}"
    if not isinstance(shape, dict) or not isinstance(shape.get("label"), str):
        problems.append(Problem(where, "a shape with a label", repr(shape)[:80]))
        return None
    label, kind = shape["label"], shape.get("shape_type", "polygon")
    where = f"{where} ({label})"
    if kind not in CORNERS:
        hint = ": draw its outline as a polygon" if kind in UNSUPPORTED else ""
        problems.append(Problem(where, f"one of {', '.join(CORNERS)}{hint}", f"a {kind}"))
        return None
    try:
        points = np.array(shape.get("points"), np.float64)
    except (TypeError, ValueError):
        points = np.empty(0)
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        found = repr(shape.get("points"))[:80]
        problems.append(Problem(where, "a list of points [x, y], finite numbers", found))
        return None
    least = CORNERS[kind]
    if len(points) < least or (kind != "polygon" and len(points) > least):
        more = " or more" if kind == "polygon" else ""
        problems.append(Problem(where, f"{least}{more} points of a {kind}", f"{len(points)}"))
        return None
    if kind == "rectangle":
        (x0, y0), (x1, y1) = points
        points = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    return Shape(number, label, kind, points)


def read_labelme_image(annotation: Annotation, rules: ImageRules) -> np.ndarray:
    """The image of an annotation as (h, w, C) uint8 or uint16.

    An embedded image wins over a file: it is the one that was drawn on. An image with an
    orientation tag is refused as everywhere: LabelMe turns such a file before it shows it, so that
    the points do not lie on its pixels as stored.

    Raises IntegrityError naming broken base64 or image data, a missing image, or a size that is not
    the one in the JSON.
    """
    path = annotation.path
    if annotation.image_data:
        try:
            content = base64.b64decode("".join(annotation.image_data.split()), validate=True)
        except ValueError as error:
            raise offence(path, "base64 in imageData", f"{error}") from error
        raster = decode_raster(content, path, "a readable image in imageData")
        image = image_values(raster, rules, path)
    else:
        image = read_image(find_image(annotation), rules)
    if annotation.size is not None and image.shape[:2] != annotation.size:
        expected = "imageHeight x imageWidth of its image, {} x {}".format(*image.shape[:2])
        raise offence(path, expected, "{} x {}".format(*annotation.size))
    return image


def find_image(annotation: Annotation) -> Path:
    """The image file that an annotation names.

    It may have moved with the JSON, to another system, or to one that forbids ``:`` in names. In
    this order: the path from the folder of the JSON; a file of that name, or of the name of the
    JSON, in the folder; one whose name is equal but for ``:`` and ``_``.

    Raises IntegrityError naming the places that were looked at, or the files that may be meant.
    """
    folder = annotation.path.parent
    given = (annotation.image_path or "").replace("\\", "/")
    name = given.rpartition("/")[2]
    own = [annotation.path.with_name(annotation.path.stem + suffix) for suffix in SUFFIXES]
    for candidate in (folder / given, folder / name, *own):
        if candidate.is_file():
            return candidate
    wanted = {_bare(name), *(_bare(candidate.name) for candidate in own)}
    alike = sorted(p for p in folder.iterdir() if p.is_file() and _bare(p.name) in wanted)
    if len(alike) == 1:
        return alike[0]
    found = " or ".join(p.name for p in alike) or "no such file"
    looked = f"its image {name} in {folder} (imagePath {annotation.image_path!r}), or imageData"
    raise IntegrityError([Problem(str(annotation.path), looked, found)])


def _bare(name: str) -> str:
    """A name without the signs that copying changes."""
    return re.sub("[:_]", "", name).lower()
