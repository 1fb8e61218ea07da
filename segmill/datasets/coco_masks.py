"""Segmentations of COCO: polygons and run lengths, checked, and painted as COCO's own code does.

Coordinates are (x, y) = (column, row) in pixels; (0, 0) is the outer corner of the first pixel.
Run lengths go down the columns, and the first run is background.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import cv2
import numba
import numpy as np
from pycocotools import mask as coco_mask

# pycocotools 2.0.11 fails with NumPy 2 where it is asked for the areas of more than 255 masks.
_AREAS_AT_ONCE = 255


class Extent(NamedTuple):
    """Smallest and largest coordinates of polygons in px, or the size that run lengths speak of."""

    left: float = math.inf
    top: float = math.inf
    right: float = -math.inf
    bottom: float = -math.inf
    size: tuple[int, int] | None = None


def examine(segmentation: Any) -> Extent:
    """Extent of a segmentation as the file gives it.

    Raises
    ------
    ValueError
        ``(expected, found)`` for what is neither polygons nor run lengths: an odd number of
        coordinates, fewer than three points, coordinates that are no finite numbers, no polygon at
        all, runs that do not fill their image.
    """
    if isinstance(segmentation, Mapping):
        size = _size(segmentation)
        runs_of(segmentation, size)
        return Extent(size=size)
    if not isinstance(segmentation, list):
        raise ValueError("polygons or run lengths", f"{segmentation!r:.60}")
    if not segmentation:
        raise ValueError("a polygon or run lengths", "an empty list")
    left, top, right, bottom, _ = Extent()
    for polygon in segmentation:
        _check_polygon(polygon)
        xs, ys = polygon[0::2], polygon[1::2]
        left, right = min(left, min(xs)), max(right, max(xs))
        top, bottom = min(top, min(ys)), max(bottom, max(ys))
    return Extent(left, top, right, bottom)


def _check_polygon(polygon: Any) -> None:
    expected = "a polygon x, y, x, y ... of finite numbers"
    try:
        finite = isinstance(polygon, list) and math.isfinite(math.fsum(polygon))
    except (TypeError, OverflowError, ValueError):
        finite = False
    if not finite:
        raise ValueError(expected, f"{polygon!r:.60}")
    if len(polygon) % 2:
        raise ValueError("as many y as x in a polygon", f"{len(polygon)} coordinates")
    if len(polygon) < 6:
        raise ValueError("a polygon of at least 3 points", f"{len(polygon) // 2}")


def _size(segmentation: Mapping) -> tuple[int, int]:
    size = segmentation.get("size")
    good = isinstance(size, list) and len(size) == 2
    if not good or not all(type(side) is int and side > 0 for side in size):
        raise ValueError("run lengths with size [height, width]", f"size {size!r:.60}")
    return size[0], size[1]


def runs_of(segmentation: Mapping, size: tuple[int, int]) -> np.ndarray:
    """Run lengths (n,) int64 of an uncompressed (list) or compressed (text) encoding.

    Parameters
    ----------
    size : (h, w) that the runs must fill

    Raises ValueError ``(expected, found)`` where they do not.
    """
    counts = segmentation.get("counts")
    if isinstance(counts, list):
        if not all(type(count) is int for count in counts):
            raise ValueError("run lengths that are integers", f"{counts!r:.60}")
        try:
            runs = np.array(counts, np.int64)
        except OverflowError:
            raise ValueError("run lengths of an image", f"{counts!r:.60}") from None
    elif isinstance(counts, str):
        if not counts.isascii():
            raise ValueError("compressed run lengths in ASCII", f"{counts!r:.60}")
        runs = unpack_runs(counts.encode())
    else:
        raise ValueError("counts as a list or a text", f"{counts!r:.60}")
    # Each run by itself too: a sum of huge ones may wrap around to what was expected.
    pixels = size[0] * size[1]
    if runs.size == 0 or runs.min() < 0 or runs.max() > pixels or runs.sum() != pixels:
        expected = f"run lengths from 0 that sum to {size[0]} x {size[1]} = {pixels}"
        found = f"{runs.size} runs from {runs.min(initial=0)} that sum to {runs.sum()}"
        raise ValueError(expected, found)
    return runs


def unpack_runs(packed: bytes) -> np.ndarray:
    """Run lengths (n,) int64 of COCO's compressed encoding.

    Each character holds 5 bits, lowest first, and whether more follow (LEB128 in 6 bits, offset
    48); from the fourth run on the difference to the run before the last is stored.

    Raises ValueError ``(expected, found)`` for other characters or an unfinished run.
    """
    codes = np.frombuffer(packed, np.uint8).astype(np.int64) - 48
    if codes.size == 0:
        return np.zeros(0, np.int64)
    if codes.min() < 0 or codes.max() > 63 or codes[-1] & 32:
        raise ValueError("compressed run lengths of COCO", f"{packed!r:.60}")
    last = np.flatnonzero((codes & 32) == 0)
    first = np.concatenate([[0], last[:-1] + 1])
    digits = np.arange(codes.size) - np.repeat(first, last - first + 1)
    if digits.max() > 8:
        raise ValueError("compressed run lengths of an image", f"{packed!r:.60}")
    runs = np.add.reduceat((codes & 31) << (5 * digits), first)
    runs -= np.where(codes[last] & 16, np.int64(1) << (5 * (last - first + 1)), 0)
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    return runs


def encode(segmentation: list | Mapping, shape: tuple[int, int]) -> dict:
    """Compressed run lengths of one object: what ``COCO.annToRLE`` makes of its segmentation.

    Parameters
    ----------
    segmentation : as :func:`examine` accepts it
    shape : (h, w) of the image in px

    Returns
    -------
    ``{"size": [h, w], "counts": bytes}``; several polygons are united.
    """
    if isinstance(segmentation, list):
        parts = coco_mask.frPyObjects(segmentation, *shape)
        return coco_mask.merge(parts) if len(parts) > 1 else parts[0]
    if isinstance(segmentation["counts"], list):
        return coco_mask.frPyObjects(segmentation, *shape)
    return {"size": list(shape), "counts": segmentation["counts"].encode()}


def paint(
    masks: Sequence[dict], values: Sequence[int], shape: tuple[int, int], dtype: type
) -> np.ndarray:
    """An image (h, w) of 0 where no mask is, and elsewhere the value of the last mask there.

    Only the runs of the masks are touched, never whole images per object; the pixels of a mask are
    exactly those of ``pycocotools.mask.decode``.

    Parameters
    ----------
    masks : as :func:`encode` gives them, all of `shape`
    values : one for each mask
    """
    # Run lengths go down the columns, so that in the transposed image they lie in one piece.
    turned = np.zeros(shape[::-1], dtype)
    flat = turned.reshape(-1)
    for mask, value in zip(masks, values, strict=True):
        _fill(np.frombuffer(mask["counts"], np.uint8), flat, value)
    return cv2.transpose(turned)


@numba.njit(cache=True, nogil=True)
def _fill(packed: np.ndarray, flat: np.ndarray, value: int) -> None:
    """Write a value where compressed run lengths, which are taken to be sound, have foreground."""
    before_last, last, place, number, at = 0, 0, 0, 0, 0
    while at < packed.size:
        run, shift, code = 0, 0, 32
        while code & 32:
            code = np.int64(packed[at]) - 48
            run |= (code & 31) << shift
            at, shift = at + 1, shift + 5
        if code & 16:
            run -= 1 << shift
        if number > 2:
            run += before_last
        if number % 2:
            flat[place : place + run] = value
        place += run
        before_last, last = last, run
        number += 1


def area(masks: Sequence[dict]) -> np.ndarray:
    """Number of pixels (n,) int64 of masks as :func:`encode` gives them."""
    firsts = range(0, len(masks), _AREAS_AT_ONCE)
    parts = [coco_mask.area(list(masks[first : first + _AREAS_AT_ONCE])) for first in firsts]
    return np.concatenate([np.zeros(0, np.int64), *parts]).astype(np.int64)
