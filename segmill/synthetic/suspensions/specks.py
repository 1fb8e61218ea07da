"""Grains, bubbles and dead pixels: what is bright or dark in an image and no particle."""

import numpy as np


def specks(
    rng: np.random.Generator, shape: tuple[int, int], per_million: float, radius: float
) -> np.ndarray:
    """Light that grains and bubbles add to the liquid's 1: (h, w) float32.

    A grain is a bright spot; a bubble a spot with a dark ring and a faint bright one around it, as
    a point out of focus shows.

    Parameters
    ----------
    per_million : expected number in a million pixels
    radius : of the particles; a ring has up to a third of it
    """
    added = np.zeros(shape, np.float32)
    for _ in range(rng.poisson(per_million * shape[0] * shape[1] / 1e6)):
        centre = rng.uniform(0, shape)
        spot, height = rng.uniform(0.7, 1.6), rng.uniform(0.3, 1.6)
        ring = rng.uniform(0.2, 0.35) * radius + 1 if rng.random() < 0.5 else 0.0
        _add(added, centre, spot, height, ring)
    return added


def _add(added: np.ndarray, centre: np.ndarray, spot: float, height: float, ring: float) -> None:
    """Add one speck to the image, in place."""
    reach = int(np.ceil(4 * spot + 2 * ring))
    row, column = np.round(centre).astype(int)
    rows = slice(max(0, row - reach), row + reach + 1)
    columns = slice(max(0, column - reach), column + reach + 1)
    place = np.ogrid[rows, columns]
    part = added[rows, columns]
    distance = np.hypot(
        place[0][: part.shape[0]] - centre[0], place[1][:, : part.shape[1]] - centre[1]
    )
    bright = np.exp(-(distance**2) / (2 * spot**2))
    if ring:
        bright += 0.3 * np.exp(-((distance - 1.3 * ring) ** 2) / 2)
        bright -= 0.25 * np.exp(-((distance - 0.7 * ring) ** 2) / 2)
    part += (height * bright).astype(np.float32)


def kill_pixels(rng: np.random.Generator, image: np.ndarray, per_million: float) -> np.ndarray:
    """The image with some pixels at zero."""
    n = rng.poisson(per_million * image.size / 1e6)
    image.flat[rng.integers(image.size, size=n)] = 0
    return image
