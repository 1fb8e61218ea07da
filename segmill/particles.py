"""Particles as regression targets: the mask of all of them, and a map of their centres.

Positions are (row, column) of pixel centres: (0, 0) is the centre of the first pixel.
"""

import math

import numba
import numpy as np

from segmill.labels import relabel

TARGETS = MASK, CENTRE = ("mask", "centre")
# Beyond this many standard deviations a Gaussian of height 1 is below 4e-6.
REACH = 5


def centroids(instances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean pixel centre of each object, exact to the last bits of float64.

    Parameters
    ----------
    instances : (h, w) integer object ids, 0 = background

    Returns
    -------
    ids : (n,) ids that occur, ascending
    centres : (n, 2) float64, (row, column) of each in pixels

    Examples
    --------
    >>> ids, centres = centroids(np.array([[0, 7, 7], [0, 7, 7], [3, 0, 0]]))
    >>> ids.tolist(), centres.tolist()
    ([3, 7], [[2.0, 0.0], [0.5, 1.5]])
    """
    compact = relabel(instances)
    areas, rows, columns, ids = _sums(compact, np.asarray(instances).astype(np.int64, copy=False))
    return ids, np.column_stack([rows, columns]) / areas[:, None]


def particle_targets(instances: np.ndarray, sigma: float) -> np.ndarray:
    """What a network learns of particles: where any lies, and where their centres are.

    A centre is the centroid of the particle's pixels and may lie between pixels. Where Gaussians of
    two centres overlap the higher counts, so that each keeps its maximum. Of a particle that the
    edge of the image cuts only the part in view is known: its centre is the centroid of that part,
    which lies inside the image.

    Parameters
    ----------
    instances : (h, w) integer object ids, 0 = background
    sigma : standard deviation of the Gaussians in pixels, above 0

    Returns
    -------
    (h, w, 2) float32, the channels as `TARGETS` names them: mask, 0 or 1; centre, the largest of
    the Gaussians of height 1 around the centres

    Raises
    ------
    ValueError
        if `instances` is no (h, w) integer array or has a negative id, or `sigma` is not above 0.
    """
    if not 0 < sigma < math.inf:
        raise ValueError(f"expected a standard deviation above 0 pixels, found {sigma}")
    _, centres = centroids(instances)
    target = np.zeros((*np.shape(instances), len(TARGETS)), np.float32)
    target[:, :, 0] = np.asarray(instances) > 0
    _paint(target[:, :, 1], centres, float(sigma))
    return target


@numba.njit(cache=True, nogil=True)
def _sums(compact, instances):
    """Area, sum of rows, sum of columns and id of the objects 1 .. n of `compact`."""
    n = compact.max() if compact.size else 0
    areas = np.zeros(n, np.int64)
    rows = np.zeros(n, np.int64)
    columns = np.zeros(n, np.int64)
    ids = np.zeros(n, np.int64)
    for r in range(compact.shape[0]):
        for c in range(compact.shape[1]):
            k = compact[r, c] - 1
            if k >= 0:
                areas[k] += 1
                rows[k] += r
                columns[k] += c
                ids[k] = instances[r, c]
    return areas, rows, columns, ids


@numba.njit(cache=True, nogil=True)
def _paint(heat, centres, sigma):
    """Raise `heat` (h, w) to Gaussians of height 1 around `centres` (n, 2), in place."""
    height, width = heat.shape
    reach = REACH * sigma
    for k in range(centres.shape[0]):
        row, column = centres[k]
        left = max(0, math.ceil(column - reach))
        right = min(width - 1, math.floor(column + reach))
        profile = np.exp(-((np.arange(left, right + 1) - column) ** 2) / (2 * sigma**2))
        for r in range(
            max(0, math.ceil(row - reach)), min(height - 1, math.floor(row + reach)) + 1
        ):
            factor = math.exp(-((r - row) ** 2) / (2 * sigma**2))
            for c in range(left, right + 1):
                heat[r, c] = max(heat[r, c], factor * profile[c - left])
