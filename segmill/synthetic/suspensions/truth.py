"""What an annotator marks of spheres in a sheet of light."""

import math

import numba
import numpy as np
from scipy import special

from segmill.synthetic.suspensions.optics import share_inside, span


def annotated_radii(
    radii: np.ndarray, heights: np.ndarray, sheets: np.ndarray, blur: float, depth: float
) -> np.ndarray:
    """Radius of the disc where a sphere, alone, dims the image by at least `depth`.

    The dimming of a sphere has no closed form once it is blurred; it is blurred along its radius,
    where a Gaussian blur of a round image is an integral with the Bessel function I0.

    Parameters
    ----------
    radii, heights, sheets : (n,) radius, height over the sheet of light and the sheet's standard
        deviation there, pixels
    blur : standard deviation of the point spread function, above 0
    depth : share of the dimming deep inside a sphere

    Returns
    -------
    (n,) float64, 0 where the sphere dims no place as much

    Examples
    --------
    >>> annotated_radii(np.array([10.0]), np.array([0.0]), np.array([1.0]), 0.5, 0.5).round(0)
    array([10.])
    """
    if not len(radii):
        return np.zeros(0)
    step = min(0.5, 0.4 * blur)
    reach = radii.max() + 4 * blur
    places = (np.arange(math.ceil(reach / step)) + 0.5) * step
    profiles = _profiles(places, radii, heights, sheets) @ _radial_blur(places, blur, step)
    # The profile falls from the centre outwards: the first place below the depth ends the disc.
    below = profiles < depth
    first = np.where(below.any(1), below.argmax(1), len(places) - 1)
    n = np.arange(len(radii))
    inner, outer = profiles[n, first - 1], profiles[n, first]
    found = places[first] - step * (depth - outer) / np.maximum(inner - outer, 1e-12)
    return np.where(first > 0, found, 0.0)


def _radial_blur(places: np.ndarray, sigma: float, step: float) -> np.ndarray:
    """Matrix that blurs round images given along their radius: (from, to), columns sum to 1."""
    start, end = places[:, None], places[None]
    weight = start * np.exp(-((start - end) ** 2) / (2 * sigma**2))
    weight *= special.ive(0, start * end / sigma**2) * step / sigma**2
    return weight


@numba.njit(cache=True, nogil=True)
def _profiles(places, radii, heights, sheets):
    """Dimming of each sphere at distances from its centre: (n, m)."""
    profiles = np.zeros((radii.size, places.size))
    for k in range(radii.size):
        for m in range(places.size):
            profiles[k, m] = share_inside(places[m], heights[k], radii[k], sheets[k])
    return profiles


@numba.njit(cache=True, nogil=True)
def discs(centres, radii, shape):
    """Label image (h, w) int32 of discs: a pixel belongs to one if its centre is inside.

    Where discs overlap the line through the intersections of their circles parts them.

    Parameters
    ----------
    centres : (n, 2) row, column
    radii : (n,) discs of radius 0 have no pixel
    shape : height and width

    Returns
    -------
    labels, k + 1 for disc k
    """
    labels = np.zeros(shape, np.int32)
    powers = np.zeros(shape)
    for k in range(radii.size):
        row, column, radius = centres[k, 0], centres[k, 1], radii[k]
        first_row, end_row = span(row, radius, shape[0])
        first, end = span(column, radius, shape[1])
        for r in range(first_row, end_row):
            for c in range(first, end):
                # The power of a point: negative inside, equal on that line.
                power = (r - row) ** 2 + (c - column) ** 2 - radius**2
                if power < 0 and (labels[r, c] == 0 or power < powers[r, c]):
                    labels[r, c] = k + 1
                    powers[r, c] = power
    return labels
