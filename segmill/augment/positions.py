"""Where a point of the source, such as a click, lies in a varied crop."""

import numpy as np

NOWHERE = (float("nan"), float("nan"))
# The search ends at this distance in source pixels, far below what a click is worth.
_CLOSE = 1e-2
_STEPS = 30


def moved_point(
    point: tuple[float, float], coordinates: np.ndarray, matrix: np.ndarray
) -> tuple[float, float]:
    """Position in the output that shows a point of the source.

    The coordinate map is inverted by fixed-point iteration with its affine part: one step where
    nothing is bent, a few with an elastic displacement. Where a strong displacement folds the image
    over, so that the iteration does not settle, the answer is the output pixel that shows the
    nearest place. Mirror images beyond the source do not count.

    Parameters
    ----------
    point : (row, column) in pixels of the source, integer at pixel centres; NaN: no point
    coordinates : (2, h, w) float32, as :func:`segmill.augment.geometry.coordinate_map` makes it
    matrix : (2, 2), its affine part

    Returns
    -------
    (row, column) in pixels of the output; NaN where the point is not in view
    """
    if not np.isfinite(point).all():
        return NOWHERE
    shape = np.array(coordinates.shape[1:])
    wanted = np.asarray(point, np.float64)
    found = _settled(wanted, (shape - 1) / 2, coordinates, np.linalg.inv(matrix))
    if found is None:
        found = _nearest(wanted, coordinates, matrix)
    inside = (found >= -0.5).all() and (found < shape - 0.5).all()
    return (float(found[0]), float(found[1])) if inside else NOWHERE


def mirrored_point(
    point: tuple[float, float], shape: tuple[int, int], quarter: int
) -> tuple[float, float]:
    """A point after :func:`segmill.augment.quarter_and_mirror`; NaN where it was not kept.

    A kept point stays where it is; up to three mirror images of it come into being.
    """
    kept = all(
        at >= (side - 1) / 2 if half else at <= (side - 1) / 2
        for at, side, half in zip(point, shape, (quarter // 2, quarter % 2), strict=True)
    )
    return point if kept else NOWHERE


def rescaled_point(
    point: tuple[float, float], shape: tuple[int, int], new_shape: tuple[int, int]
) -> tuple[float, float]:
    """A point of an image of `shape` in the image resized to `new_shape`, edges on edges."""
    return tuple(
        (at + 0.5) * new / old - 0.5 for at, old, new in zip(point, shape, new_shape, strict=True)
    )


def _nearest(wanted, coordinates, matrix) -> np.ndarray:
    """The output pixel that shows the nearest place, if that is as near as pixels lie apart."""
    distance = np.hypot(coordinates[0] - wanted[0], coordinates[1] - wanted[1])
    if distance.min() > np.abs(matrix).sum(axis=1).max():
        return np.array(NOWHERE)
    return np.array(np.unravel_index(np.argmin(distance), distance.shape), np.float64)


def _settled(wanted, start, coordinates, inverse) -> np.ndarray | None:
    place = start
    for _ in range(_STEPS):
        missing = wanted - _shown(place, coordinates, inverse)
        if np.hypot(*missing) < _CLOSE:
            return place
        place = place + inverse @ missing
    return None


def _shown(place, coordinates, inverse) -> np.ndarray:
    """Source position at a place of the output, bilinear; beyond the output it goes on affinely."""
    shape = np.array(coordinates.shape[1:])
    inside = np.clip(place, 0, shape - 1)
    low = np.minimum(inside.astype(int), np.maximum(shape - 2, 0))
    high = np.minimum(low + 1, shape - 1)
    row, column = inside - low
    top = (1 - column) * coordinates[:, low[0], low[1]] + column * coordinates[:, low[0], high[1]]
    end = (1 - column) * coordinates[:, high[0], low[1]] + column * coordinates[:, high[0], high[1]]
    return (1 - row) * top + row * end + np.linalg.solve(inverse, place - inside)
