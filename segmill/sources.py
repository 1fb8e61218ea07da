"""Stars and galaxies on a dark sky: background, detection, separation, and a catalogue.

The steps are those of SExtractor (Bertin and Arnouts 1996, Astronomy and Astrophysics Supplement
117): the sky is estimated in boxes and taken off, what rises above its noise in the filtered image
is a source, and sources that touch are divided. Here they are divided by a watershed from the peaks
of the filtered image instead of by a tree of thresholds.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter
from skimage.feature import peak_local_max
from skimage.measure import label as label_regions
from skimage.segmentation import watershed

from segmill.labels import relabel
from segmill.options import option

# Median absolute deviation times this is the standard deviation of a Gaussian.
MAD_TO_STD = 1.4826
CLIPPINGS = 5
CATALOGUE = ("id", "x", "y", "flux", "peak", "area", "a", "b", "theta")


@dataclass(frozen=True)
class SourceOptions:
    """How sources are found. Lengths in pixels, areas in square pixels.

    Attributes
    ----------
    box : side of the boxes in which the sky is measured; larger than the largest source
    clip : values further from the median of a box than so many standard deviations are no sky
    smoothing : standard deviation of the Gaussian that the image is filtered with before detection,
        best that of the point spread function
    threshold : a source rises above so many standard deviations of the filtered sky
    min_area : sources of a smaller area are dropped
    separation : least distance of two peaks that are two sources
    """

    box: int = option(64, low=4, high=4096)
    clip: float = option(3.0, low=1.0, high=10.0)
    smoothing: float = option(1.5, low=0.0, high=50.0)
    threshold: float = option(4.0, low=0.0, high=1000.0)
    min_area: int = option(12, low=1)
    separation: int = option(5, low=1, high=1000)


def sky(image: np.ndarray, options: SourceOptions | None = None) -> np.ndarray:
    """The light behind the sources.

    The median of each box, bright outliers being clipped again and again, then of each 3 x 3 boxes,
    so that a box full of one source does not count, interpolated smoothly in between.

    Parameters
    ----------
    image : (h, w) brightness
    options : see :class:`SourceOptions`

    Returns
    -------
    (h, w) float32 in the unit of the image
    """
    options = options or SourceOptions()
    height, width = image.shape
    rows, columns = (
        np.array_split(np.arange(n), max(1, round(n / options.box))) for n in image.shape
    )
    levels = np.array(
        [[_clipped_median(image[r[0] : r[-1] + 1, c[0] : c[-1] + 1], options.clip) for c in columns]
         for r in rows], np.float32,
    )  # fmt: skip
    padded = np.pad(np.array(levels, np.float32), 1, mode="symmetric")
    near = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    levels = np.median(near, axis=(2, 3)).astype(np.float32)
    return cv2.resize(levels, (width, height), interpolation=cv2.INTER_LINEAR)


def detect_sources(image: np.ndarray, options: SourceOptions | None = None) -> np.ndarray:
    """Find the sources of an image and tell those that touch apart.

    Parameters
    ----------
    image : (h, w) brightness, or (h, w, C), of which the mean over the channels is taken
    options : see :class:`SourceOptions`

    Returns
    -------
    (h, w) int32, sources from 1, 0 = sky
    """
    options = options or SourceOptions()
    image = brightness(image)
    raised = image - sky(image, options)
    smooth = gaussian_filter(raised, options.smoothing) if options.smoothing else raised
    bright = smooth > options.threshold * _noise(smooth)
    regions = label_regions(bright, connectivity=1)
    peaks = peak_local_max(
        smooth, min_distance=options.separation, labels=regions, exclude_border=False
    )
    seeds = np.zeros(image.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    found = watershed(-smooth, seeds, mask=bright, connectivity=1).astype(np.int32)
    small = np.bincount(found.ravel()) < options.min_area
    return relabel(np.where(small[found], 0, found))


def source_catalogue(
    image: np.ndarray, sources: np.ndarray, options: SourceOptions | None = None
) -> pd.DataFrame:
    """Measure each source of an image, whoever found it.

    Parameters
    ----------
    image : (h, w) or (h, w, C) brightness
    sources : (h, w) integer ids, 0 = sky
    options : of :func:`sky`, which is taken off

    Returns
    -------
    One row per source, in the order of the ids: ``id``; ``x``, ``y``, column and row of the
    centroid of the light in pixels; ``flux``, its sum, and ``peak``, its largest value, in the unit
    of the image above the sky; ``area`` in pixels; ``a``, ``b``, ``theta``, root mean square of the
    light along the major and the minor axis in pixels, and the angle in degrees, -90 to 90, from
    the x axis to the major one, towards larger y. Light below the sky counts as none in centroid
    and axes; nan where a source has no light at all.
    """
    image = brightness(image)
    raised = image - sky(image, options)
    inside = np.asarray(sources) != 0
    ids, place = np.unique(np.asarray(sources)[inside], return_inverse=True)
    y, x = (axis.astype(float) for axis in np.nonzero(inside))
    light = raised[inside].astype(float)

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(place, values, minlength=len(ids))

    weight = np.maximum(light, 0)
    sums = total(weight)
    sums = np.where(sums > 0, sums, np.nan)
    centre = [total(weight * axis) / sums for axis in (x, y)]
    dx, dy = x - centre[0][place], y - centre[1][place]
    xx, yy, xy = (total(weight * product) / sums for product in (dx * dx, dy * dy, dx * dy))
    mean, half = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    peak = np.full(len(ids), -np.inf)
    np.maximum.at(peak, place, light)
    columns = {
        "id": ids,
        "x": centre[0],
        "y": centre[1],
        "flux": total(light),
        "peak": peak,
        "area": np.bincount(place, minlength=len(ids)),
        "a": np.sqrt(mean + half),
        "b": np.sqrt(np.maximum(mean - half, 0)),
        "theta": np.degrees(np.arctan2(2 * xy, xx - yy) / 2),
    }
    return pd.DataFrame({name: columns[name] for name in CATALOGUE})


def brightness(image: np.ndarray) -> np.ndarray:
    """(h, w) float32 of an image (h, w) or (h, w, C): the mean over the channels."""
    image = np.asarray(image, np.float32)
    return image if image.ndim == 2 else image.mean(axis=2)


def _clipped_median(values: np.ndarray, clip: float) -> float:
    """Median of what is left when outliers above it have gone."""
    values = values.ravel()
    for _ in range(CLIPPINGS):
        median = np.median(values)
        spread = MAD_TO_STD * np.median(np.abs(values - median))
        kept = values[values <= median + clip * spread]
        if kept.size == values.size:
            break
        values = kept
    return float(np.median(values))


def _noise(smooth: np.ndarray) -> float:
    """Standard deviation of the sky about 0, from its dark half, which has no sources in it."""
    below = smooth[smooth < 0]
    return float(MAD_TO_STD * np.median(-below)) if below.size else 0.0
