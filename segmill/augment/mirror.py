"""Quarter and mirror, and what mirroring does to the identity of objects.

The mirror image of an object is another object, unless the object reaches the mirror: then both
halves are one.
"""

from collections.abc import Mapping

import numpy as np

from segmill.errors import SegmillError

QUARTERS = 4
# Mirror images further away than this share their ids; no crop reaches that far.
_FURTHEST = 7


def quarter_and_mirror(values: np.ndarray, quarter: int) -> np.ndarray:
    """Build a full image from one quarter, mirrored about the horizontal, then the vertical axis.

    The quarter stays where it is. With an odd side, the middle line belongs to every quarter.

    Parameters
    ----------
    values : (h, w) or (h, w, C), an image or labels of any dtype
    quarter : 0 top left, 1 top right, 2 bottom left, 3 bottom right

    Returns
    -------
    Array of the shape and dtype of `values`, symmetrical about both of its middle lines.

    Raises
    ------
    ValueError
        if there is no such quarter.
    """
    rows, columns = _folds(values.shape, quarter)
    return values[rows[:, None], columns]


def mirrored_instances(instances: np.ndarray, quarter: int) -> np.ndarray:
    """:func:`quarter_and_mirror` of object ids (h, w) int32: mirror images become new objects."""
    rows, columns = _folds(instances.shape, quarter)
    folded = instances[rows[:, None], columns]
    shape = instances.shape
    row_mirror = np.broadcast_to((rows != np.arange(shape[0]))[:, None], shape).astype(np.int64)
    column_mirror = np.broadcast_to(columns != np.arange(shape[1]), shape).astype(np.int64)
    row_seam = np.unique(folded[rows == _axis(rows, quarter // 2)])
    column_seam = np.unique(folded[:, columns == _axis(columns, quarter % 2)])
    return separate_mirrored(folded, row_mirror, column_mirror, {1: row_seam}, {1: column_seam})


def separate_mirrored(
    instances: np.ndarray,
    row_mirror: np.ndarray,
    column_mirror: np.ndarray,
    row_seams: Mapping[int, np.ndarray],
    column_seams: Mapping[int, np.ndarray],
) -> np.ndarray:
    """Give the mirror images of objects ids of their own.

    Parameters
    ----------
    instances : (h, w) int32 object ids, mirror images still carrying the id of their original
    row_mirror, column_mirror : (h, w) int64, 0 = original, k = its k-th mirror image along the axis
    row_seams, column_seams : mirror image k -> ids that reach the line between it and the original;
        they stay one object across it

    Returns
    -------
    (h, w) int32; new ids follow the largest one, in an order that depends on the input alone.

    Raises
    ------
    SegmillError
        if the new ids do not fit int32.
    """
    at = np.nonzero((instances > 0) & ((row_mirror != 0) | (column_mirror != 0)))
    if not at[0].size:
        return instances
    ids = instances[at].astype(np.int64)
    rows = _joined(ids, row_mirror[at], row_seams)
    columns = _joined(ids, column_mirror[at], column_seams)
    base = 2 * _FURTHEST + 1
    keys = (ids * base + rows + _FURTHEST) * base + columns + _FURTHEST
    new = (rows != 0) | (columns != 0)
    _, number = np.unique(keys[new], return_inverse=True)
    ids[new] = int(instances.max()) + 1 + number
    if ids.max(initial=0) > np.iinfo(np.int32).max:
        raise SegmillError(f"object ids up to {instances.max()} leave no room for mirror images")
    separated = instances.copy()
    separated[at] = ids
    return separated


def _joined(ids, mirror, seams) -> np.ndarray:
    mirror = np.clip(mirror, -_FURTHEST, _FURTHEST)
    for k, reaching in seams.items():
        mirror[(mirror == k) & np.isin(ids, reaching)] = 0
    return mirror


def _folds(shape: tuple[int, ...], quarter: int) -> tuple[np.ndarray, np.ndarray]:
    if not 0 <= quarter < QUARTERS:
        raise ValueError(f"expected a quarter from 0 to {QUARTERS - 1}, found {quarter}")
    halves = (quarter // 2, quarter % 2)
    return tuple(_fold(side, half) for side, half in zip(shape[:2], halves, strict=True))


def _fold(side: int, half: int) -> np.ndarray:
    there = np.arange(side)
    return (np.maximum if half else np.minimum)(there, there[::-1])


def _axis(fold: np.ndarray, half: int) -> int:
    """Index of the line of the kept half that lies at the mirror."""
    return fold.min() if half else fold.max()
