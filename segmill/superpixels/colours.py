"""Colours in which a distance means the same in every image: normalised CIELAB."""

import cv2
import numpy as np

# A channel of CIELAB with a smaller standard deviation counts as constant.
ROUNDING = 0.05
_MAXIMUM = {"b": 1, "u1": 255, "u2": 65535}


def normalised_lab(
    image: np.ndarray, smoothing: float = 0.0, least_spread: float = 0.0
) -> np.ndarray:
    """CIELAB channels blurred, with mean 0 and standard deviation 1 over the image.

    Parameters
    ----------
    image : (h, w) or (h, w, 1 | 3 | 4), bool, uint8, uint16 or float from 0 to 1: grey, RGB (sRGB,
        D65) or RGBA, whose alpha is left out
    smoothing : standard deviation in pixels of a Gaussian blur of the channels, 0 = none
    least_spread : a channel whose standard deviation is smaller, in units of CIELAB, is divided by
        this instead, lest the noise of a nearly colourless image count as much as its lightness

    Returns
    -------
    (h, w, 3) float32, of a grey image (h, w, 1); a constant channel is 0

    Raises
    ------
    ValueError
        for another shape or dtype, or values that are not finite.
    """
    image = check_image(image)
    kind = _kind(image)
    scaled = np.multiply(image[..., :3], np.float32(1 / _MAXIMUM.get(kind, 1)), dtype=np.float32)
    if scaled.shape[2] == 3:
        lab = cv2.cvtColor(scaled, cv2.COLOR_RGB2LAB)
    else:
        grey = np.repeat(scaled, 3, axis=2)
        lab = np.ascontiguousarray(cv2.cvtColor(grey, cv2.COLOR_RGB2LAB)[..., :1])
    mean, spread = (values.ravel() for values in cv2.meanStdDev(lab))
    # Of a grey image the colours vary by rounding errors.
    varies = spread > ROUNDING
    scale = np.where(varies, 1 / np.maximum(spread, max(least_spread, ROUNDING)), 0)
    lab -= mean.astype(np.float32)
    lab *= scale.astype(np.float32)
    if smoothing > 0:
        lab = cv2.GaussianBlur(lab, (0, 0), smoothing, borderType=cv2.BORDER_REFLECT)
    return lab.reshape(*image.shape[:2], -1)


def check_image(image: np.ndarray) -> np.ndarray:
    """The image as (h, w, C); ValueError unless it is one that :func:`normalised_lab` takes."""
    image = np.asarray(image)
    if image.ndim == 2:
        image = image[..., None]
    kind = _kind(image)
    if image.ndim != 3 or image.shape[2] not in (1, 3, 4) or kind not in (*_MAXIMUM, "f"):
        raise ValueError(
            "expected an image (h, w) or (h, w, 1, 3 or 4) of bool, uint8, uint16 or float, "
            f"found {image.dtype} {image.shape}"
        )
    if image.size == 0:
        raise ValueError(f"the image has no pixel: {image.shape}")
    if kind == "f" and not np.isfinite(image).all():
        raise ValueError(f"{np.count_nonzero(~np.isfinite(image))} values of the image not finite")
    return image


def _kind(image: np.ndarray) -> str:
    """``b``, ``f``, or the kind and bytes of an integer dtype."""
    return image.dtype.kind if image.dtype.kind in "bf" else image.dtype.str[1:]


def gradient_magnitude(colours: np.ndarray) -> np.ndarray:
    """Norm of the central differences over all channels, (h, w) float32; edges are mirrored."""
    kernel = np.array([[-0.5, 0, 0.5]], np.float32)
    along, across = (
        cv2.filter2D(colours, cv2.CV_32F, derivative, borderType=cv2.BORDER_REFLECT)
        for derivative in (kernel, kernel.T)
    )
    magnitude = np.hypot(along, across)
    return magnitude if magnitude.ndim == 2 else np.linalg.norm(magnitude, axis=2)
