"""Elastic deformation: a smooth random displacement of every pixel.

P. Simard, D. Steinkraus, J. Platt, "Best Practices for Convolutional Neural Networks Applied to
Visual Document Analysis", ICDAR 2003.
"""

import cv2
import numpy as np

# The Gaussian filter is cut off at this many standard deviations.
TRUNCATE = 4.0


def displacement(
    rng: np.random.Generator, shape: tuple[int, int], alpha: float, sigma: float
) -> np.ndarray:
    """A random displacement field of Simard.

    Each component is white noise, uniform in (-1, 1), filtered with a Gaussian of standard
    deviation `sigma` and multiplied by `alpha`. The noise reaches beyond the field by the radius of
    the filter on every side, so that the field has the same statistics everywhere, its edges
    included: mean 0, standard deviation alpha / (sigma sqrt(12 pi)), correlation
    exp(-r^2 / (4 sigma^2)) between points r pixels apart. Alpha 60 and sigma 4 move a pixel by 2.4
    pixels (root mean square) along each axis.

    The noise takes the 256 values (2 v - 255) / 256, which filter twice as fast as floating point.
    Its variance is the uniform one's less one part in 65 536.

    Parameters
    ----------
    rng : generator that the noise is drawn from
    shape : (h, w) in pixels
    alpha : strength in pixels, at least 0
    sigma : smoothness in pixels, above 0

    Returns
    -------
    (2, h, w) float32: displacement in pixels of rows, of columns.

    Raises
    ------
    ValueError
        if `sigma` is not above 0 or `alpha` is negative.
    """
    if not 0 < sigma < np.inf or not 0 <= alpha < np.inf:
        raise ValueError(f"expected sigma above 0 and alpha of at least 0, found {sigma}, {alpha}")
    kernel = gaussian_kernel(sigma)
    radius = len(kernel) // 2
    rows, columns = (side + 2 * radius for side in shape)
    noise = rng.integers(0, 255, (2, rows, columns), dtype=np.uint8, endpoint=True)
    inside = np.s_[radius : radius + shape[0], radius : radius + shape[1]]
    field = np.empty((2, *shape), np.float32)
    for component, values in zip(field, noise, strict=True):
        smooth = cv2.sepFilter2D(values, cv2.CV_32F, kernel, kernel)[inside]
        # The kernel sums to 1, so that scale and offset of the noise can follow the filter.
        np.multiply(smooth, np.float32(alpha / 128), out=component)
        component -= np.float32(alpha * 255 / 256)
    return field


def gaussian_kernel(sigma: float) -> np.ndarray:
    """Weights (2 r + 1,) float32 of a sampled Gaussian, r = 4 sigma rounded, of sum 1."""
    radius = int(TRUNCATE * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return (weights / weights.sum()).astype(np.float32)
