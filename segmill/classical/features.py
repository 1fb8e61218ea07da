"""Pixel features in which cells stand out, and the thresholds that part them from the background.

A feature is a (h, w) float32 image; the pixels above the threshold are the foreground.
"""

import cv2
import numpy as np
from skimage import filters

BINS = 256


def luminance(image: np.ndarray) -> np.ndarray:
    """Grey values of an image, (h, w) float32.

    Parameters
    ----------
    image : (h, w) or (h, w, C) boolean, integer or float; C = 1 (grey), 3 (RGB) or 4 (RGBA, whose
        alpha is left out). Colours are weighted as in ITU-R BT.601.

    Raises
    ------
    ValueError
        for another shape or dtype, or for values that are not finite.
    """
    image = np.asarray(image)
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (1, 3, 4)):
        raise ValueError(f"expected an image (h, w) or (h, w, 1, 3 or 4), found {image.shape}")
    if image.dtype.kind not in "buif":
        raise ValueError(f"expected an image of numbers, found {image.dtype}")
    grey = image.astype(np.float32)
    if not np.isfinite(grey).all():
        raise ValueError(f"{np.count_nonzero(~np.isfinite(grey))} values of the image not finite")
    if grey.ndim == 2:
        return grey
    if grey.shape[2] == 1:
        return grey[..., 0]
    return grey[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32)


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur, `sigma` in pixels; the image is mirrored at its edges."""
    if sigma <= 0 or image.size == 0:
        return image
    # Radius of 4 sigma, at least 1: the kernel that scipy and scikit-image use.
    side = 2 * max(1, round(4 * sigma)) + 1
    return cv2.GaussianBlur(image, (side, side), sigma, borderType=cv2.BORDER_REFLECT)


def subtract_background(image: np.ndarray, method: str, size: float) -> np.ndarray:
    """Remove what varies slowly over the field.

    Parameters
    ----------
    method : ``none``; ``gaussian``, a blur of standard deviation `size`; ``tophat``, a grey
        opening with a disc of radius `size`; ``rolling``, the same opening, then blurred by a
        quarter of the radius, close to Sternberg's rolling ball and far faster
    size : in pixels, larger than the cells
    """
    if method == "none":
        return image
    if method == "gaussian":
        return image - blur(image, size)
    opened = _open_grey(image, round(size))
    return image - (blur(opened, size / 4) if method == "rolling" else opened)


def _open_grey(image: np.ndarray, radius: int) -> np.ndarray:
    """Grey opening with a disc; a large one on a coarser grid, where the background lives."""
    step = max(1, radius // 8)
    shape = image.shape[::-1]
    small = tuple(max(1, side // step) for side in shape)
    coarse = cv2.resize(image, small, interpolation=cv2.INTER_AREA) if step > 1 else image
    side = 2 * max(1, round(radius / step)) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    opened = cv2.morphologyEx(coarse, cv2.MORPH_OPEN, disc)
    return cv2.resize(opened, shape, interpolation=cv2.INTER_LINEAR) if step > 1 else opened


def local_deviation(image: np.ndarray, window: int) -> np.ndarray:
    """Standard deviation in a square window of odd side `window`, float32."""
    # Centred first: the difference of squares loses digits far from zero.
    centred = (image - image.mean()).astype(np.float64)
    size, border = (window, window), cv2.BORDER_REFLECT
    mean = cv2.blur(centred, size, borderType=border)
    square = cv2.blur(centred**2, size, borderType=border)
    return np.sqrt(np.clip(square - mean**2, 0, None)).astype(np.float32)


def distance_to_background(mask: np.ndarray) -> np.ndarray:
    """Euclidean distance in pixels of each pixel to the nearest zero of the mask, float32.

    OpenCV's exact transform differs in its last bit with the alignment of the memory it is given,
    enough to move a watershed line from one run to the next. A squared distance is an integer:
    rounded to it, the result is the same always, up to distances of 2000 pixels.
    """
    distance = cv2.distanceTransform(
        mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
    ).astype(np.float64)
    return np.sqrt(np.rint(distance**2)).astype(np.float32)


def threshold_value(feature: np.ndarray, method: str) -> float:
    """The threshold of a feature that is not constant.

    Parameters
    ----------
    method : ``otsu`` (Otsu 1979), ``li`` (least cross entropy, Li and Lee 1993), ``triangle``
        (Zack et al. 1977) or ``kmeans`` (middle of the two means of 2-means clustering)
    """
    if method == "kmeans":
        return _two_means(feature)
    if method == "li":
        low = float(feature.min())
        return float(filters.threshold_li(feature - low)) + low
    counts, edges = np.histogram(feature, BINS)
    centres = (edges[:-1] + edges[1:]) / 2
    if method == "otsu":
        return float(filters.threshold_otsu(hist=(counts, centres)))
    return float(filters.threshold_triangle(feature, BINS))


def _two_means(feature: np.ndarray) -> float:
    """Lloyd's algorithm for two clusters of numbers, from the extremes, until nothing changes."""
    values = np.sort(feature, axis=None).astype(np.float64)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    cut = np.searchsorted(values, (values[0] + values[-1]) / 2, side="right")
    while True:
        below, above = sums[cut] / cut, (sums[-1] - sums[cut]) / (values.size - cut)
        threshold = (below + above) / 2
        new = int(np.searchsorted(values, threshold, side="right"))
        if new == cut:
            return float(threshold)
        cut = new


def contrast(feature: np.ndarray, foreground: np.ndarray) -> float:
    """How far apart foreground and background lie: difference of their medians over the robust
    standard deviation (1.4826 times the median absolute deviation) of the background.

    White noise cut by Otsu's threshold has about 2.3, uniform values 2.7, cells far more.
    """
    inside, outside = feature[foreground], feature[~foreground]
    if inside.size == 0 or outside.size == 0:
        return 0.0
    middle = np.median(outside)
    spread = 1.4826 * np.median(np.abs(outside - middle))
    gap = float(np.median(inside) - middle)
    return gap / float(spread) if spread > 0 else np.inf
