"""Changes of grey levels: one look-up table for all deterministic ones, then noise."""

import cv2
import numpy as np


def grey_table(
    dtype: np.dtype,
    brightness: float = 0.0,
    contrast: float = 1.0,
    gamma: float = 1.0,
    pivot: float = 0.5,
) -> np.ndarray:
    """New grey level of each grey level of a dtype.

    With grey levels as fractions v of the largest one:
    clip((v ** gamma - pivot) * contrast + pivot + brightness, 0, 1), rounded to the nearest level.

    Parameters
    ----------
    dtype : uint8 or uint16
    brightness : added, as a fraction of the range
    contrast : factor on the difference to `pivot`
    gamma : exponent, above 0; below 1 it lightens
    pivot : grey level that contrast leaves alone, as a fraction

    Returns
    -------
    (256,) or (65536,) array of `dtype`
    """
    top = np.iinfo(dtype).max
    values = np.arange(top + 1, dtype=np.float64) / top
    if gamma != 1:
        values **= gamma
    values = (values - pivot) * contrast + pivot + brightness
    return np.rint(np.clip(values, 0, 1) * top).astype(dtype)


def change_greys(
    image: np.ndarray, brightness: float = 0.0, contrast: float = 1.0, gamma: float = 1.0
) -> np.ndarray:
    """Change gamma, contrast about the image's mean after gamma, and brightness, clipped.

    Parameters
    ----------
    image : (h, w, C) uint8 or uint16
    brightness, contrast, gamma : see :func:`grey_table`

    Returns
    -------
    (h, w, C) of the image's dtype
    """
    if (brightness, contrast, gamma) == (0, 1, 1):
        return image
    pivot = 0.5
    if contrast != 1:
        after_gamma = grey_table(image.dtype, gamma=gamma)
        pivot = float(apply_table(image, after_gamma).mean()) / np.iinfo(image.dtype).max
    return apply_table(image, grey_table(image.dtype, brightness, contrast, gamma, pivot))


def apply_table(image: np.ndarray, table: np.ndarray) -> np.ndarray:
    """`table[image]`, through OpenCV where it is faster."""
    if image.dtype == np.uint8:
        return cv2.LUT(image, table).reshape(image.shape)
    return np.take(table, image)


def add_noise(image: np.ndarray, rng: np.random.Generator, deviation: float) -> np.ndarray:
    """Add white Gaussian noise, rounded and clipped to the dtype.

    Parameters
    ----------
    image : (h, w, C) uint8 or uint16
    rng : generator that the noise is drawn from
    deviation : standard deviation as a fraction of the dtype's range, at least 0

    Returns
    -------
    (h, w, C) of the image's dtype
    """
    if deviation == 0:
        return image
    top = np.iinfo(image.dtype).max
    noisy = rng.standard_normal(image.shape, dtype=np.float32)
    noisy *= np.float32(deviation * top)
    noisy += image
    return np.clip(np.rint(noisy, out=noisy), 0, top, out=noisy).astype(image.dtype)
