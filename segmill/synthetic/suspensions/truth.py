"""What an annotator marks of spheres in a sheet of light."""

import math

import numba
import numpy as np
from scipy import special

from segmill.synthetic.suspensions.optics import share_inside, span

# Standard deviation in pixels of the blur by which an eye that looks for spots evens out the noise.
EYE = 2.0
# Width of the halo of the point spread function over that of its core.
HALO = 3.0


def annotated_radii(
    radii: np.ndarray,
    heights: np.ndarray,
    sheets: np.ndarray,
    blur: float,
    depth: float,
    own: float,
    edge: float = 0.5,
    halo: float = 0.0,
) -> np.ndarray:
    """Radius of the disc that an annotator draws around what a sphere, alone, dims.

    The disc of a sphere in focus ends where the dimming has fallen to the share `edge` of that deep
    inside. Out of focus an eye that looks at this sphere alone sees its edge at that share of its
    own dimming, one that compares it with others at the same grey level as theirs, farther inside:
    `own` says how much it does of the first. A sphere that is too faint is not drawn at all, as an
    eye sees it that averages the noise over `EYE` pixels.

    The dimming of a sphere has no closed form once it is blurred; it is blurred along its radius,
    where a Gaussian blur of a round image is an integral with the Bessel function I0.

    Parameters
    ----------
    radii, heights, sheets : (n,) radius, height over the sheet of light and the sheet's standard
        deviation there, pixels
    blur : standard deviation of the core of the point spread function, above 0
    depth : least dimming at the middle as the eye sees it, over the dimming deep inside a sphere
    own : 1, a disc ends at the share `edge` of a sphere's own dimming; 0, of that of a sphere in
        focus; between them, between
    edge : share of the dimming at which a disc ends; one half is the steepest place of a sharp edge
        that was blurred, more is farther inside

    Returns
    -------
    (n,) float64, 0 where the sphere is fainter than `depth`

    Examples
    --------
    >>> annotated_radii(np.array([10.0]), np.array([0.0]), np.array([1.0]), 0.5, 0.5, 1.0).round(0)
    array([10.])
    """
    if not len(radii):
        return np.zeros(0)
    step = min(0.5, 0.4 * blur)
    cores = ((1 - halo, blur), (halo, HALO * blur))
    reach = radii.max() + 4 * math.hypot(HALO * blur if halo else blur, EYE)
    places = (np.arange(math.ceil(reach / step)) + 0.5) * step
    sharp = _profiles(places, radii, heights, sheets)
    profiles = sharp @ sum(w * _radial_blur(places, sigma, step) for w, sigma in cores if w)
    seen = sum(
        w * (sharp @ _radial_blur(places, math.hypot(sigma, EYE), step)[:, 0]) for w, sigma in cores
    )
    # The profile falls from the middle outwards: the first place below the level ends the disc.
    level = edge * (own * profiles[:, 0] + 1 - own)
    below = profiles < level[:, None]
    first = np.where(below.any(1), below.argmax(1), len(places) - 1)
    n = np.arange(len(radii))
    inner, outer = profiles[n, first - 1], profiles[n, first]
    found = places[first] - step * (level - outer) / np.maximum(inner - outer, 1e-12)
    return np.where((seen < depth) | (first == 0), 0.0, found)


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
