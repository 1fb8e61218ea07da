"""Threshold, distance transform and marker watershed: cells without a trained network."""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed

from segmill.classical import features
from segmill.classical.options import WatershedOptions
from segmill.options import build_options
from segmill.progress import log

EIGHT = np.ones((3, 3), bool)


@dataclass(frozen=True)
class Segmentation:
    """Instances (h, w) int32, 0 = background; `reason` says why there are none, else None."""

    instances: np.ndarray
    reason: str | None = None


def watershed_instances(image: np.ndarray, **options) -> np.ndarray:
    """Segment cells by threshold, distance transform and marker watershed.

    An image without any contrast (empty, constant, noise only) has no instance; the reason is
    logged, and returned by :func:`segment_cells`.

    Parameters
    ----------
    image : (h, w) or (h, w, 1 | 3 | 4): grey, RGB or RGBA of any integer or float dtype
    options : fields of :class:`WatershedOptions`

    Returns
    -------
    (h, w) int32, ids 1 .. n without gaps in reading order, 0 = background; each instance is one
    8-connected region

    Raises
    ------
    ConfigError
        for unknown options and values out of range, all at once.
    ValueError
        where the image has another shape or dtype, or values that are not finite.

    Examples
    --------
    >>> image = np.zeros((40, 60), np.uint16)
    >>> image[5:20, 5:20] = image[25:35, 30:50] = 1000
    >>> int(watershed_instances(image).max())
    2
    """
    found = segment_cells(image, build_options(WatershedOptions, options, "watershed_instances"))
    if found.reason:
        log.info("watershed_instances: no instance: %s", found.reason)
    return found.instances


def segment_cells(image: np.ndarray, options: WatershedOptions) -> Segmentation:
    """As :func:`watershed_instances`, with checked options and the reason of an empty result."""
    grey = features.luminance(image)
    empty = np.zeros(grey.shape, np.int32)
    if grey.size == 0:
        return Segmentation(empty, f"the image has no pixel: {grey.shape}")
    if grey.min() == grey.max():
        return Segmentation(empty, f"the image is constant at {grey.flat[0]:g}")
    foreground, reason = _foreground(grey, options)
    if reason:
        return Segmentation(empty, reason)
    distance = features.distance_to_background(_framed(foreground))
    distance = features.blur(distance[1:-1, 1:-1], options.distance_smoothing)
    markers = _markers(distance, foreground, options)
    labels = watershed(-distance, markers, mask=foreground, connectivity=2).astype(np.int32)
    instances = _sized(labels, options)
    return Segmentation(instances, None if instances.any() else "no object has a legal size")


def _foreground(grey: np.ndarray, o: WatershedOptions) -> tuple[np.ndarray, str | None]:
    """Pixels of cells, (h, w) bool, and why there are none."""
    feature = _feature(grey, o)
    if feature.min() == feature.max():
        return np.zeros(grey.shape, bool), "nothing is left after the background is removed"
    method = "otsu" if o.threshold in ("local", "local_variance") else o.threshold
    value = features.threshold_value(feature, method)
    background = feature[feature <= value]
    if background.size:
        middle = float(np.median(background))
        value = middle + o.threshold_scale * (value - middle)
    foreground = feature > value
    found = features.contrast(feature, foreground)
    if found < o.min_contrast:
        reason = f"contrast {found:.2g} is below min_contrast {o.min_contrast:g}"
        return np.zeros(grey.shape, bool), reason
    foreground = _cleaned(foreground, o)
    return foreground, None if foreground.any() else "nothing is left after opening and erosion"


def _feature(grey: np.ndarray, o: WatershedOptions) -> np.ndarray:
    """The image in which cells are brighter than their surroundings, (h, w) float32."""
    if o.polarity == "dark":
        grey = grey.max() - grey
    grey = features.blur(grey, o.smoothing)
    if o.transform != "linear":
        grey = grey - grey.min()
        grey = np.sqrt(grey) if o.transform == "sqrt" else np.log1p(grey)
    grey = features.subtract_background(grey, o.background, o.background_size)
    if o.threshold == "local":
        return grey - features.blur(grey, o.window)
    if o.threshold == "local_variance":
        return features.local_deviation(grey, 2 * (round(o.window) // 2) + 1)
    return grey


def _cleaned(foreground: np.ndarray, o: WatershedOptions) -> np.ndarray:
    """The foreground closed, filled, opened and eroded, (h, w) bool."""
    mask = foreground.astype(np.uint8)
    if o.closing:
        mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, _disc(o.closing))
    if o.fill_holes:
        mask = _filled(mask.astype(bool), o.max_hole).astype(np.uint8)
    if o.opening:
        mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, _disc(o.opening))
    if o.erosion:
        # The edge of the image is no outline: a cell cut by it is not eroded there.
        mask = features.distance_to_background(mask) > o.erosion
    return mask.astype(bool)


def _filled(mask: np.ndarray, max_hole: int) -> np.ndarray:
    """The mask with its holes of at most `max_hole` square pixels filled; 0 fills all."""
    filled = ndimage.binary_fill_holes(mask)
    if max_hole == 0:
        return filled
    holes, _ = ndimage.label(filled & ~mask)
    return mask | ((holes > 0) & (np.bincount(holes.ravel())[holes] <= max_hole))


def _disc(radius: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))


def _framed(mask: np.ndarray) -> np.ndarray:
    """The mask with its edge pixels repeated outwards, uint8.

    A mask that fills the image would else have no zero to measure the distance to; repeated, the
    edge is no outline, and a cell cut by it keeps its seed at the edge.
    """
    framed = np.pad(mask.astype(np.uint8), 1, mode="edge")
    if framed.all():
        framed[0, 0] = 0
    return framed


def _markers(distance: np.ndarray, foreground: np.ndarray, o: WatershedOptions) -> np.ndarray:
    """One marker per cell, (h, w) int32; every region of the foreground has at least one."""
    regions, n_regions = ndimage.label(foreground, EIGHT)
    if o.seeds == "distance":
        peaks = np.zeros(foreground.shape, bool)
        places = peak_local_max(
            distance, min_distance=o.min_distance, labels=regions, exclude_border=False
        )
        peaks[tuple(places.T)] = True
    else:
        lowered = reconstruction(distance - o.h, distance, method="dilation")
        peaks = local_maxima(lowered, connectivity=2) & foreground
    seeded = np.zeros(n_regions + 1, bool)
    seeded[regions[peaks]] = True
    # A region flatter than h has no maximum of its own: it is one cell.
    peaks |= foreground & ~seeded[regions]
    return ndimage.label(peaks, EIGHT)[0].astype(np.int32)


def _sized(labels: np.ndarray, o: WatershedOptions) -> np.ndarray:
    """Objects of legal size that may stay, ids 1 .. n in reading order of their first pixel."""
    areas = np.bincount(labels.ravel())
    keep = areas >= o.min_size
    if o.max_size:
        keep &= areas <= o.max_size
    if o.clear_border:
        for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
            keep[edge] = False
    keep[0] = False
    labels = np.where(keep[labels], labels, 0)
    ids, first = np.unique(labels, return_index=True)
    ids, first = ids[ids > 0], first[ids > 0]
    renumbered = np.zeros(areas.size, np.int32)
    renumbered[ids[np.argsort(first)]] = np.arange(1, ids.size + 1)
    return renumbered[labels]
