"""From a mask and a map of centres to particles: their places, areas and pixels."""

import math
from dataclasses import dataclass

import cv2
import numba
import numpy as np
import pandas as pd

from segmill.discs import discs
from segmill.inference.counting import centred_in_view
from segmill.inference.instances import components, fill_holes, numbered
from segmill.inference.watershed import LEVELS, flood
from segmill.options import option
from segmill.particles import centroids
from segmill.peaks import REFINEMENTS, local_maxima, refined

PLACES = ("mask", "peak")
LEAST_WEIGHT = 1e-3
PARTINGS = ("distance", "mask", "centre")


@dataclass(frozen=True)
class ParticleOptions:
    """How a mask and a map of centres become particles. Lengths in pixels, areas in square pixels.

    Attributes
    ----------
    mask_threshold : a pixel belongs to particles where the mask is above it
    centre_threshold : a centre is a local maximum of the map of centres above it, on the mask
    smoothing : standard deviation of a Gaussian blur of the map of centres before; 0 = none
    min_distance : of two centres that are not farther apart only the higher one stays
    place : where the centre of a particle is said to be: ``"mask"``, the centroid of its pixels
        weighted by the mask; ``"peak"``, the local maximum. The mask gathers all of a particle, the
        peak a few pixels of it
    refinement : of a local maximum between the pixels, see :func:`segmill.peaks.refined`
    parting : what a watershed from the centres parts touching particles by: ``"distance"`` from
        the background, which cuts at the necks; ``"mask"`` or ``"centre"``, the values of that map
    unseeded : a connected region of the mask without a centre becomes no particle (``"drop"``) or
        one (``"keep"``), placed by the mask
    cut : what becomes of particles that the edge of the image cuts: ``"keep"``, all are particles;
        ``"centre"``, those whose centre lies in the image, see
        :func:`~segmill.inference.counting.centred_in_view`
    shape : what the pixels of a particle are: ``"region"``, those of the mask that are its;
        ``"disc"``, the disc of their area around their centroid, for spheres. Of a sphere that the
        edge of the image cuts that is a smaller disc in view
    max_hole : holes of the mask up to this area are filled
    min_size : particles of a smaller area are dropped
    um_per_px : side of a pixel in micrometres, for areas and radii in these; None leaves them out
    """

    mask_threshold: float = option(0.5)
    centre_threshold: float = option(0.2)
    smoothing: float = option(1.0, low=0, high=100)
    min_distance: float = option(3.0, low=1, high=1000)
    place: str = option("mask", choices=PLACES)
    refinement: str = option("gaussian", choices=REFINEMENTS)
    parting: str = option("distance", choices=PARTINGS)
    unseeded: str = option("drop", choices=("drop", "keep"))
    cut: str = option("keep", choices=("keep", "centre"))
    shape: str = option("region", choices=("region", "disc"))
    max_hole: int = option(0, low=0)
    min_size: int = option(5, low=0)
    um_per_px: float | None = option(None, low=1e-9)


@dataclass(frozen=True)
class Particles:
    """The particles of one image.

    Attributes
    ----------
    instances : (h, w) int32, particles from 1 in reading order of their first pixel, 0 =
        background
    table : one row per particle, see :func:`find_particles`
    """

    instances: np.ndarray
    table: pd.DataFrame


def find_particles(
    mask: np.ndarray, centre: np.ndarray, options: ParticleOptions | None = None
) -> Particles:
    """Particles of an image from what a network says of it.

    Parameters
    ----------
    mask, centre : (h, w) floating point maps, about 0 to 1, as of
        :func:`segmill.particles.particle_targets`
    options : see :class:`ParticleOptions`

    Returns
    -------
    Particles
        Columns of the table: particle (its id), row and column of the centre (pixel centres, (0, 0)
        is that of the first pixel), radius of the circle of the same area, area (square pixels),
        score (height of the centre), touches_border (its pixels reach the edge of the image, so
        that centre and area are those of the part in view); with ``um_per_px`` also radius_um and
        area_um2.

    Raises
    ------
    ValueError
        if the maps are no such arrays of one shape or have values that are not finite.

    References
    ----------
    Meyer, "Topographic distance and watershed lines", Signal Processing 38, 1994.
    """
    options = options or ParticleOptions()
    mask, centre = _checked(mask, centre)
    if not mask.size:
        # OpenCV does not survive an image without pixels.
        instances = np.zeros(mask.shape, np.int32)
        none = np.empty((0, 2), np.int64)
        return Particles(instances, _table(instances, mask, centre, none, options))
    foreground = mask > options.mask_threshold
    if options.max_hole:
        foreground = fill_holes(foreground, options.max_hole)
    heights = _blurred(centre, options.smoothing)
    peaks = local_maxima(heights, options.centre_threshold, options.min_distance, foreground)
    seeds = np.zeros(mask.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    if options.unseeded == "keep":
        seeds = _with_unseeded(seeds, foreground)
    grown = flood(_landscape(mask, centre, foreground, options.parting), seeds, foreground)
    if options.cut == "centre":
        grown = np.where(centred_in_view(grown)[grown], grown, 0)
    if options.shape == "disc":
        grown = _as_discs(grown)
    instances = numbered(grown, options.min_size)
    return Particles(instances, _table(instances, mask, heights, peaks, options))


def _table(instances, mask, heights, peaks, options: ParticleOptions) -> pd.DataFrame:
    area, middles, score, cut = _measured(instances, mask, heights)
    if options.place == "peak":
        owner = instances[tuple(peaks.T)]
        places = refined(heights, peaks, options.refinement)
        middles[owner[owner > 0] - 1] = places[owner > 0]
    measured = {
        "particle": np.arange(1, area.size + 1),
        "row": middles[:, 0],
        "column": middles[:, 1],
        "radius": np.sqrt(area / math.pi),
        "area": area,
        "score": score,
        "touches_border": cut,
    }
    if options.um_per_px is not None:
        measured["radius_um"] = measured["radius"] * options.um_per_px
        measured["area_um2"] = area * options.um_per_px**2
    return pd.DataFrame(measured)


@numba.njit(cache=True, nogil=True)
def _measured(instances, mask, heights):
    """Of the particles 1 .. n: area, centroid weighted by the mask, greatest height, whether cut.

    Weights lie above 0, for the mask may be anything where a hole was filled, and are at most 1.
    """
    height, width = instances.shape
    n = instances.max() if instances.size else 0
    area = np.zeros(n, np.int64)
    total = np.zeros(n)
    middles = np.zeros((n, 2))
    score = np.full(n, -np.inf)
    cut = np.zeros(n, np.bool_)
    for r in range(height):
        for c in range(width):
            k = instances[r, c] - 1
            if k >= 0:
                weight = min(max(mask[r, c], LEAST_WEIGHT), 1.0)
                area[k] += 1
                total[k] += weight
                middles[k, 0] += weight * r
                middles[k, 1] += weight * c
                score[k] = max(score[k], heights[r, c])
                cut[k] |= r == 0 or c == 0 or r == height - 1 or c == width - 1
    for k in range(n):
        middles[k] /= total[k]
    return area, middles, score, cut


def _landscape(mask, centre, foreground, parting: str) -> np.ndarray:
    """What the watershed floods, (h, w) uint8: low where particles are most themselves."""
    if parting == "distance":
        # In quarters of a pixel: 64 pixels deep is as deep as a landscape gets.
        shape = foreground.astype(np.uint8)
        distance = cv2.distanceTransform(shape, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        depth = np.rint(4 * distance)
    else:
        values = mask if parting == "mask" else centre
        depth = np.rint(np.clip(values, 0, 1) * (LEVELS - 1))
    return (LEVELS - 1 - np.minimum(depth, LEVELS - 1)).astype(np.uint8)


def _with_unseeded(seeds: np.ndarray, foreground: np.ndarray) -> np.ndarray:
    """Seeds, and each region of the foreground that has none as a seed of its own."""
    regions = components(foreground)
    seeded = np.zeros(int(regions.max()) + 1, bool)
    seeded[regions[seeds > 0]] = True
    return np.where(foreground & ~seeded[regions], regions + seeds.max(), seeds)


def _as_discs(instances: np.ndarray) -> np.ndarray:
    """Discs of the areas and centroids of objects; a line parts those that overlap."""
    ids, centres = centroids(instances)
    areas = np.bincount(instances.ravel())[ids]
    return discs(centres, np.sqrt(areas / math.pi), instances.shape)


def _blurred(values: np.ndarray, sigma: float) -> np.ndarray:
    if not sigma:
        return values
    return cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)


def _checked(mask: np.ndarray, centre: np.ndarray) -> list[np.ndarray]:
    mask, centre = np.asarray(mask), np.asarray(centre)
    if (
        mask.ndim != 2
        or mask.shape != centre.shape
        or {mask.dtype.kind, centre.dtype.kind} != {"f"}
    ):
        raise ValueError(
            "expected floating point maps (h, w) of mask and centre, "
            f"found {mask.dtype} {mask.shape} and {centre.dtype} {centre.shape}"
        )
    if not (np.isfinite(mask).all() and np.isfinite(centre).all()):
        raise ValueError("the maps of mask and centre have values that are not finite")
    return [np.ascontiguousarray(values, np.float32) for values in (mask, centre)]
