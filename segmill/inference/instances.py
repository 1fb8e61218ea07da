"""From the scores of a network to objects."""

from dataclasses import dataclass

import cv2
import numba
import numpy as np

from segmill.inference.watershed import LEVELS, flood
from segmill.options import option

METHODS = ("watershed", "components", "seeds")


@dataclass(frozen=True)
class InstanceOptions:
    """How class probabilities become objects. Sizes are in pixels (areas) of the image.

    Attributes
    ----------
    method : ``"watershed"``: seeds grow inside the foreground until they meet.
        ``"components"``: connected components of the foreground; touching objects merge.
        ``"seeds"``: the seeds themselves.
    foreground_threshold : foreground is where 1 - P(background) is above it
    seed_threshold : seeds are where P(cell) is above it; None: where the cell class is the largest
    seed_smoothing : sigma in pixels of a Gaussian over the probabilities before seeds are taken
    min_seed : seeds of a smaller area are dropped
    unseeded : watershed: a connected foreground region without any seed becomes no object
        (``"drop"``) or one object (``"keep"``)
    max_hole : holes of the foreground up to this area are filled
    min_size : objects of a smaller area are dropped
    background, cell : positions of the two classes among the scores
    """

    method: str = option("watershed", choices=METHODS)
    foreground_threshold: float = option(0.5, low=0, high=1)
    seed_threshold: float | None = option(None, low=0, high=1)
    seed_smoothing: float = option(0.0, low=0)
    min_seed: int = option(0, low=0)
    unseeded: str = option("drop", choices=("drop", "keep"))
    max_hole: int = option(0, low=0)
    min_size: int = option(10, low=0)
    background: int = option(0, low=0)
    cell: int = option(1, low=0)

    def conflicts(self) -> list[str]:
        """What is wrong between options."""
        same = self.background == self.cell
        return [f"background and cell are both class {self.cell}"] if same else []


def instances_from_scores(scores: np.ndarray, options: InstanceOptions | None = None) -> np.ndarray:
    """Objects of an image from its class probabilities.

    Parameters
    ----------
    scores : (h, w, K) floating point, probabilities that sum to 1 over K >= 2 classes
    options : see :class:`InstanceOptions`

    Returns
    -------
    (h, w) int32, objects numbered from 1 in the order of their first pixel, row by row;
    0 = background.

    Raises
    ------
    ValueError
        if the scores are no such array, are not finite, or lack a class the options name.

    References
    ----------
    Ronneberger et al., "U-Net", MICCAI 2015, for the border class that separates touching cells;
    Meyer, Signal Processing 38, 1994, for the watershed.
    """
    options = options or InstanceOptions()
    scores = _checked(scores, options)
    foreground = scores[:, :, options.background] < 1 - options.foreground_threshold
    if options.max_hole:
        foreground = fill_holes(foreground, options.max_hole)
    if options.method == "components":
        return numbered(components(foreground), options.min_size)
    seeds = numbered(components(_seed_mask(scores, options) & foreground), options.min_seed)
    if options.method == "seeds":
        return numbered(seeds, options.min_size)
    if options.unseeded == "keep":
        seeds = _with_unseeded(seeds, foreground)
    cell = scores[:, :, options.cell]
    level = np.rint((1 - np.clip(cell, 0, 1)) * (LEVELS - 1)).astype(np.uint8)
    return numbered(flood(level, seeds, foreground), options.min_size)


def components(mask: np.ndarray) -> np.ndarray:
    """Connected components (neighbours share an edge) of a (h, w) bool mask: (h, w) int32."""
    return cv2.connectedComponents(mask.view(np.uint8), connectivity=4, ltype=cv2.CV_32S)[1]


def fill_holes(mask: np.ndarray, max_area: int) -> np.ndarray:
    """A (h, w) bool mask without holes of up to `max_area` pixels.

    A hole is a region of the background, connected over edges and corners, that does not touch the
    edge of the image.
    """
    outside = (~mask).view(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(outside, connectivity=8)
    left, top, width, height, area = stats.T
    inner = (left > 0) & (top > 0)
    inner &= (left + width < mask.shape[1]) & (top + height < mask.shape[0])
    hole = inner & (area <= max_area)
    hole[0] = False  # the mask itself
    return mask | hole[labels]


@numba.njit(cache=True)
def numbered(labels: np.ndarray, min_size: int) -> np.ndarray:
    """Drop objects of less than `min_size` pixels, number the rest by their first pixel.

    Parameters
    ----------
    labels : (h, w) int32, not negative
    min_size : least area in pixels
    """
    height, width = labels.shape
    size = labels.max() + 1 if labels.size else 1
    area = np.zeros(size, np.int64)
    for r in range(height):
        for c in range(width):
            area[labels[r, c]] += 1
    number = np.zeros(size, np.int32)
    count = 0
    result = np.zeros((height, width), np.int32)
    for r in range(height):
        for c in range(width):
            label = labels[r, c]
            if label == 0 or area[label] < min_size:
                continue
            if number[label] == 0:
                count += 1
                number[label] = count
            result[r, c] = number[label]
    return result


def _seed_mask(scores: np.ndarray, options: InstanceOptions) -> np.ndarray:
    if options.seed_smoothing:
        sigma = options.seed_smoothing
        # Plane by plane: OpenCV filters at most four channels at once.
        planes = [
            cv2.GaussianBlur(np.ascontiguousarray(plane), (0, 0), sigma)
            for plane in np.moveaxis(scores, 2, 0)
        ]
        scores = np.stack(planes, axis=2)
    if options.seed_threshold is not None:
        return scores[:, :, options.cell] > options.seed_threshold
    return np.argmax(scores, axis=2) == options.cell


def _with_unseeded(seeds: np.ndarray, foreground: np.ndarray) -> np.ndarray:
    """Seeds, and each region of the foreground that has none as a seed of its own."""
    regions = components(foreground)
    seeded = np.zeros(int(regions.max()) + 1, bool)
    seeded[regions[seeds > 0]] = True
    return np.where(foreground & ~seeded[regions], regions + int(seeds.max()), seeds)


def _checked(scores: np.ndarray, options: InstanceOptions) -> np.ndarray:
    scores = np.asarray(scores)
    classes = max(options.background, options.cell) + 1
    if scores.ndim != 3 or scores.dtype.kind != "f" or scores.shape[2] < classes:
        raise ValueError(
            f"expected floating point scores (h, w, K) of at least {classes} classes, "
            f"found {scores.dtype} {scores.shape}"
        )
    if not np.isfinite(scores).all():
        raise ValueError("the scores have values that are not finite")
    return scores.astype(np.float32, copy=False)
