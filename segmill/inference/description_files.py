"""Descriptions of image files as JSON, and what that JSON holds."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from segmill.errors import ConfigError, Problem, raise_problems
from segmill.inference.description import DescribeOptions, describe
from segmill.inference.files import find_images, predicted
from segmill.inference.predictor import Predictor
from segmill.options import build_options
from segmill.progress import log


def describe_files(
    images: str | Path | Iterable[str | Path],
    model: str | Path | Sequence[str | Path],
    deliver: Callable[[str], object] | None = None,
    description: Mapping | None = None,
    **options,
) -> list[dict]:
    """Describe what a network of overlapping notions sees on image files.

    A file that cannot be read or predicted does not stop the others: what is good is delivered,
    and all that failed are named at the end.

    Parameters
    ----------
    images : PNG, TIFF, JPEG or BMP files, and folders, of which all such files are taken; each page
        of a stack is an image
    model : model file, or several that are averaged
    deliver : called once, with the JSON text of the result
    description : options of :class:`DescribeOptions`
    options : of :meth:`segmill.inference.Predictor.load`

    Returns
    -------
    One object per image, as :data:`SCHEMA` says: ``image`` (path), ``page``, and all of
    :meth:`Description.as_dict`.

    Raises
    ------
    ConfigError
        for a network of another task, an unknown option or an illegal value; nothing is predicted.
    IntegrityError
        before anything is predicted: naming every path that is no image. At the end: naming every
        file that could not be predicted.
    """
    given = dict(description or {})
    build_options(DescribeOptions, given, "options of a description")
    sources = find_images(images)
    predictor = Predictor.load(model, **options)
    if predictor.task != "notions":
        raise ConfigError(f"describe: needs overlapping notions, {model} has {predictor.task}")
    described: list[dict] = []
    problems: list[Problem] = []
    for source, page, _, prediction in predicted(sources, predictor, problems):
        place = {"image": str(source.path), "page": page or 0}
        described.append(place | describe(prediction, **given).as_dict())
    if deliver is not None:
        deliver(json.dumps(described, indent=2, allow_nan=False) + "\n")
    log.info("described %d images", len(described))
    raise_problems(problems, "the images to describe; the others are described")
    return described


def _list_of(item: dict, least: int, most: int) -> dict:
    return {"type": "array", "items": item, "minItems": least, "maxItems": most}


_NUMBER, _COUNT = {"type": "number"}, {"type": "integer", "minimum": 0}
_POINT, _SHARE_BOX, _PIXEL_BOX = (_list_of(_NUMBER, n, n) for n in (2, 5, 6))
_BLOB = {
    "area": _COUNT | {"description": "pixels"},
    "centroid": _POINT | {"description": "row, column"},
    "bbox": _list_of(_COUNT, 4, 4) | {"description": "r0, c0, r1, c1; r1 and c1 lie beyond"},
    "r": _NUMBER | {"description": "row of the centre of the box"},
    "c": _NUMBER | {"description": "column of the centre of the box"},
    "h": _COUNT | {"description": "height of the box in pixels"},
    "w": _COUNT | {"description": "width of the box in pixels"},
    "major_axis": _NUMBER | {"description": "4 standard deviations along it, pixels"},
    "minor_axis": _NUMBER | {"description": "4 standard deviations along it, pixels"},
    "orientation": {
        "type": ["number", "null"],
        "description": "degrees from the right to the major axis, counter-clockwise; null: alike",
    },
    "extreme": _POINT | {"description": "row, column farthest from the side of entry"},
    "borders": {
        "type": "array",
        "items": {"enum": ["left", "right", "top", "bottom"]},
        "description": "sides of the image that the blob touches",
    },
}
_MICROMETRES = {
    name: {"type": ["number", "null"], "minimum": 0, "description": "with mm_per_px only"}
    for name in ("area_um2", "h_um", "w_um", "major_axis_um", "minor_axis_um")
}
_FIRST = {
    name: {"anyOf": [part, {"type": "null"}]}
    for name, part in _BLOB.items()
    if name not in ("area", "borders")
}
_NOTION = {
    "present": {"type": "boolean"},
    "count": _COUNT | {"description": "number of blobs"},
    "total_area": _COUNT | {"description": "pixels of all blobs"},
    "blobs": {
        "type": "array",
        "description": "every blob, the largest first",
        "items": {
            "type": "object",
            "properties": _BLOB | _MICROMETRES,
            "required": list(_BLOB),
            "additionalProperties": False,
        },
    },
}
# JSON schema of what describe_files delivers. An absent notion has null for all it lacks.
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "descriptions of images",
    "type": "array",
    "items": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "image": {"type": "string", "description": "path"},
            "page": _COUNT | {"description": "of a stack, from 0"},
            "original_shape": _list_of({"type": "integer", "minimum": 1}, 2, 2)
            | {"description": "height, width in pixels"},
            "most_likely_click": _POINT
            | {"description": "row, column as shares of height and width; -1, -1: none"},
            "most_likely_click_px": _POINT | {"description": "row, column; -1, -1: none"},
            "click_source": {
                "type": ["string", "null"],
                "description": "click, or the notion whose centroid takes its place; null: none",
            },
            "extreme": _POINT | {"description": "of the foreground, shares; -1, -1: none"},
            "extreme_px": _POINT | {"description": "of the foreground; -1, -1: none"},
            **{
                f"{name}_bbox": _SHARE_BOX
                | {"description": "present (1 or 0), r, c of the centre, h, w as shares"}
                for name in ("aoi", "crystal", "loop")
            },
            **{
                f"{name}_bbox_px": _PIXEL_BOX
                | {"description": "present (1 or 0), r, c of the centre, h, w, area h w in pixels"}
                for name in ("aoi", "crystal", "loop")
            },
            "notions": {
                "type": "object",
                "description": "by name; of the largest blob, and of every one",
                "additionalProperties": {
                    "type": "object",
                    "properties": _FIRST
                    | {"area": _BLOB["area"], "borders": _BLOB["borders"]}
                    | _MICROMETRES
                    | _NOTION,
                    "required": [*_BLOB, *_NOTION],
                    "additionalProperties": False,
                },
            },
            "hierarchy": {
                "type": "array",
                "items": {"type": "string"},
                "description": "notions from the lowest to the one on top",
            },
            "threshold": _NUMBER,
            "enters_from": {"enum": ["left", "right", "top", "bottom"]},
            "mm_per_px": {"type": ["number", "null"]},
        },
    },
}
SCHEMA["items"]["required"] = list(SCHEMA["items"]["properties"])
