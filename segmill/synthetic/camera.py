"""What stands between a specimen and the recorded grey levels: blur, illumination and camera.

Noise model: shot noise is Poisson in photoelectrons, read noise is Gaussian, the result is scaled
by the gain, shifted by the offset, rounded and clipped (EMVA Standard 1288, linear camera model).
"""

import cv2
import numpy as np


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of a (h, w) float32 image; `sigma` in pixels, 0 leaves it as it is."""
    if sigma <= 0:
        return image
    return cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)


def band_noise(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> np.ndarray:
    """Gaussian noise of correlation length `sigma` pixels, zero mean, unit variance: float32.

    A long correlation is drawn on a coarser grid and interpolated, which changes nothing visible:
    the field has no detail below `sigma`.
    """
    step = max(1, int(sigma / 2))
    coarse = (-(-shape[0] // step) + 2, -(-shape[1] // step) + 2)
    noise = blur(rng.standard_normal(coarse, dtype=np.float32), sigma / step)
    # Variance left after a Gaussian filter of white noise: 1 / (4 pi sigma^2) for a wide filter.
    left = 1 / (2 * np.sqrt(np.pi) * max(sigma / step, 1 / (2 * np.sqrt(np.pi))))
    if step > 1:
        size = (coarse[1] * step, coarse[0] * step)
        noise = cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC)
    return noise[: shape[0], : shape[1]] / np.float32(left)


def texture_patch(rng: np.random.Generator, texture: np.ndarray, side: int) -> np.ndarray:
    """A (side, side) piece of a square texture at a random place, wrapped around its edges."""
    row, column = rng.integers(texture.shape[0], size=2)
    rows = np.arange(row, row + side) % texture.shape[0]
    columns = np.arange(column, column + side) % texture.shape[1]
    return texture[rows[:, None], columns]


def illumination(
    rng: np.random.Generator, shape: tuple[int, int], vignetting: float, gradient: float
) -> np.ndarray:
    """Relative illumination of the field, (h, w) float32 with maximum 1.

    Parameters
    ----------
    vignetting : relative loss of light in the corner of a centred field; the bright centre is
        displaced at random by up to a fifth of the field
    gradient : relative loss across the field along a random direction
    """
    row = np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None]
    column = np.linspace(-1, 1, shape[1], dtype=np.float32)[None, :]
    shift = rng.uniform(-0.4, 0.4, 2).astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    direction = np.array([np.sin(angle), np.cos(angle)], np.float32)
    direction /= np.abs(direction).sum()
    field = 1 - vignetting / 2 * ((row - shift[0]) ** 2 + (column - shift[1]) ** 2)
    field *= 1 - gradient / 2 * (1 + row * direction[0] + column * direction[1])
    return np.clip(field / field.max(), 0, 1).astype(np.float32)


def expose(
    rng: np.random.Generator,
    photoelectrons: np.ndarray,
    gain: float,
    offset: float,
    read_noise: float,
    bit_depth: int,
) -> np.ndarray:
    """Record an image: mean = offset + gain e, variance = gain^2 (e + read_noise^2) + 1/12.

    Parameters
    ----------
    photoelectrons : (h, w) expected electrons per pixel, >= 0
    gain : grey levels per electron
    offset : grey level without light
    read_noise : standard deviation in electrons
    bit_depth : 8 to 16; grey levels saturate at 2^bit_depth - 1

    Returns
    -------
    (h, w) uint8 where bit_depth is 8, else uint16
    """
    electrons = rng.poisson(photoelectrons).astype(np.float32)
    electrons += np.float32(read_noise) * rng.standard_normal(electrons.shape, dtype=np.float32)
    levels = np.rint(offset + gain * electrons)
    dtype = np.uint8 if bit_depth == 8 else np.uint16
    return np.clip(levels, 0, 2**bit_depth - 1).astype(dtype)
