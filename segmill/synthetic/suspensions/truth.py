"""What an annotator marks of spheres in a sheet of light: the spots that an image shows."""

import math

import numba
import numpy as np
from scipy import special
from scipy.spatial import cKDTree

from segmill.peaks import local_maxima
from segmill.synthetic.suspensions.optics import share_inside

# Width of the halo of the point spread function over that of its core.
HALO = 3.0
# Two spots that are not farther apart than this, in pixels, are one.
APART = 2.0
# A spot is a sphere's whose centre is nearer than this share of its radius, or this many pixels.
REACH, LEAST_REACH = 0.8, 3.0
# Of spheres that near, the spot is the one's that dims most; a pixel of distance costs this much.
DISTANCE = 0.03
# So many spheres, the nearest ones, are looked at for each spot.
NEAREST = 4
# Spheres that dim less, alone, make no spot.
LEAST_DIMMING = 0.02
# A spot that is seen has a disc: at least what is deeper than this share of its middle.
FAINTEST = 0.8


def spots(seen: np.ndarray, depth: float) -> tuple[np.ndarray, np.ndarray]:
    """The dark spots of an image that an annotator marks.

    Parameters
    ----------
    seen : (h, w) float32, dimming as the eye sees it, its noise evened out
    depth : dimming above which the middle of a spot is seen

    Returns
    -------
    places : (n, 2) int64, row and column of the darkest pixel of each
    dimming : (n,) float32, there
    """
    places = local_maxima(seen, depth, APART)
    return places, seen[tuple(places.T)]


def owners(
    places: np.ndarray, centres: np.ndarray, radii: np.ndarray, dims: np.ndarray
) -> np.ndarray:
    """The sphere that each spot is of: (n,) int64, -1 where none is near. One spot per sphere.

    Parameters
    ----------
    places : (n, 2) row and column of the spots
    centres : (m, 2) of the spheres, in the same frame
    radii : (m,) of the spheres
    dims : (m,) dimming in the middle of each sphere, were it alone, over that deep inside one
    """
    owner = np.full(len(places), -1, np.int64)
    if not len(places) or not len(centres):
        return owner
    count = min(NEAREST, len(centres))
    distance, near = cKDTree(centres).query(places, k=[*range(1, count + 1)])
    claim = dims[near] - DISTANCE * distance
    claim[(distance >= np.maximum(REACH * radii[near], LEAST_REACH)) | (claim <= 0)] = 0
    rows, best = np.arange(len(places)), claim.argmax(1)
    found = (claim[rows, best] > 0) & (dims[near[rows, best]] > LEAST_DIMMING)
    owner[found] = near[rows, best][found]
    # Of two spots of one sphere the one that claims it more stays, of equal ones the first.
    order = np.argsort(-claim[rows, best], kind="stable")
    _, first = np.unique(owner[order], return_index=True)
    again = np.ones(len(places), bool)
    again[order[first]] = False
    owner[again] = -1
    return owner


def profiles(
    radii: np.ndarray, heights: np.ndarray, sheets: np.ndarray, blur: float, halo: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Dimming of spheres along their radius, were each alone, behind the lens.

    The dimming of a sphere has no closed form once it is blurred; it is blurred along its radius,
    where a Gaussian blur of a round image is an integral with the Bessel function I0.

    Parameters
    ----------
    radii, heights, sheets : (n,) radius, height over the sheet of light and the sheet's standard
        deviation there, pixels
    blur : standard deviation of the core of the point spread function, above 0
    halo : share of the light that is spread `HALO` times as far

    Returns
    -------
    places : (m,) distances from the centre in pixels, equally spaced
    dimming : (n, m) over that deep inside a sphere
    """
    step = min(0.5, 0.4 * blur)
    cores = ((1 - halo, blur), (halo, HALO * blur))
    reach = radii.max(initial=0) + 4 * (HALO * blur if halo else blur)
    places = (np.arange(math.ceil(reach / step)) + 0.5) * step
    sharp = _profiles(places, radii, heights, sheets)
    return places, sharp @ sum(w * _radial_blur(places, sigma, step) for w, sigma in cores if w)


def annotated_radii(
    places: np.ndarray, dimming: np.ndarray, seen: np.ndarray, own: float, edge: float
) -> np.ndarray:
    """Radius of the disc that an annotator draws around each spot.

    The spot has the profile of its sphere, as deep as it is seen: what stands before, behind and
    beside the sphere has made it deeper. The disc ends where that has fallen to a level between
    the share `edge` of its own middle (`own` 1) and that of a sphere in focus (`own` 0): an eye
    that looks at one spot alone sees the former, one that compares it with others the latter. Of a
    spot so faint that little of it or nothing is above the level, what is deeper than the share
    `FAINTEST` of its middle is drawn.

    Parameters
    ----------
    places, dimming : of the spheres, as :func:`profiles` returns them
    seen : (n,) dimming in the middle of the spots, over that deep inside a sphere in focus, above 0
    own, edge : shares

    Returns
    -------
    (n,) float64

    Examples
    --------
    >>> sharp = profiles(np.array([10.0]), np.array([0.0]), np.array([1.0]), 0.5)
    >>> annotated_radii(*sharp, np.array([1.0]), 1.0, 0.5).round(0)
    array([10.])
    """
    if not len(seen):
        return np.zeros(0)
    level = np.minimum(edge * (own * seen + 1 - own), FAINTEST * seen)
    scaled = dimming * (seen / dimming[:, 0])[:, None]
    # The profile falls from the middle outwards, which is above the level: the first place below it
    # ends the disc.
    below = scaled < level[:, None]
    first = np.where(below.any(1), below.argmax(1), len(places) - 1)
    n = np.arange(len(seen))
    inner, outer = scaled[n, first - 1], scaled[n, first]
    step = places[1] - places[0]
    return places[first] - step * (level - outer) / np.maximum(inner - outer, 1e-12)


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
