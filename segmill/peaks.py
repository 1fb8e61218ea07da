"""Local maxima of a map, their places refined between the pixels."""

import cv2
import numba
import numpy as np

REFINEMENTS = ("gaussian", "quadratic", "none")
# Below this share of the maximum a logarithm says more of the noise than of the peak.
LEAST_SHARE = 1e-3


def local_maxima(
    heights: np.ndarray, threshold: float, min_distance: float, mask: np.ndarray | None = None
) -> np.ndarray:
    """Pixels that are above all others near them.

    Parameters
    ----------
    heights : (h, w) float32
    threshold : heights of at most this are no maximum
    min_distance : of two maxima that are not farther apart than this, in pixels, only the higher
        one stays, of equal ones the first in reading order
    mask : (h, w) bool, where maxima may lie; None: anywhere

    Returns
    -------
    (n, 2) int64, (row, column) of each, in reading order
    """
    if heights.size == 0:
        return np.empty((0, 2), np.int64)
    # A pixel below one of its neighbours is no maximum; what is beyond the edge is lower than all.
    highest = cv2.dilate(heights, np.ones((3, 3), np.uint8))
    candidates = (heights == highest) & (heights > threshold)
    if mask is not None:
        candidates &= mask
    places = np.argwhere(candidates)
    order = np.argsort(-heights[tuple(places.T)], kind="stable")
    kept = _apart(places[order], heights.shape[0], heights.shape[1], float(min_distance))
    return places[np.sort(order[kept])]


def refined(heights: np.ndarray, places: np.ndarray, method: str = "gaussian") -> np.ndarray:
    """Places of maxima between the pixels, from each one's neighbours in its row and column.

    Parameters
    ----------
    heights : (h, w) floating point
    places : (n, 2) integers, (row, column) of the maxima
    method : ``"gaussian"``, the vertex of the parabola through three logarithms, exact for a
        Gaussian peak (a neighbour that is not positive counts as a thousandth of the peak);
        ``"quadratic"``, the vertex through the heights themselves; ``"none"``, the pixel

    Returns
    -------
    (n, 2) float64, at most half a pixel from `places` along each axis. At the edge of the image,
    where a neighbour is missing, the place stays on the pixel's centre along that axis.
    """
    found = places.astype(np.float64)
    if method == "none" or not len(places):
        return found
    rows, columns = places.T
    top = heights[rows, columns].astype(np.float64)
    for axis, place in enumerate((rows, columns)):
        inner = (place > 0) & (place < heights.shape[axis] - 1)
        step = np.eye(2, dtype=np.int64)[axis]
        before, after = (
            heights[tuple(np.where(inner[:, None], places + side * step, places).T)].astype(float)
            for side in (-1, 1)
        )
        middle = top
        if method == "gaussian":
            floor = LEAST_SHARE * np.maximum(top, np.finfo(np.float32).tiny)
            before, middle, after = (np.log(np.maximum(v, floor)) for v in (before, top, after))
        bend = before - 2 * middle + after
        flat = ~inner | (bend >= 0)
        offset = 0.5 * (before - after) / np.where(flat, -1.0, bend)
        found[:, axis] += np.where(flat, 0.0, np.clip(offset, -0.5, 0.5))
    return found


@numba.njit(cache=True, nogil=True)
def _apart(places, height, width, distance):
    """Positions of the places to keep, those that come first ruling out what is near them."""
    ruled_out = np.zeros((height, width), np.bool_)
    kept = np.zeros(len(places), np.bool_)
    reach = int(distance)
    for k in range(len(places)):
        row, column = places[k]
        if ruled_out[row, column]:
            continue
        kept[k] = True
        for r in range(max(0, row - reach), min(height, row + reach + 1)):
            for c in range(max(0, column - reach), min(width, column + reach + 1)):
                if (r - row) ** 2 + (c - column) ** 2 <= distance**2:
                    ruled_out[r, c] = True
    return np.flatnonzero(kept)
