"""Clicks on an image: where a user pointed, as a heat map that a network can learn.

Positions are (row, column) of pixel centres: (0, 0) is the centre of the first pixel.
"""

import numpy as np

CLICK = "click"
NO_CLICK = (-1, -1)


def heat_map(shape: tuple[int, int], click: tuple[float, float] | None, sigma: float) -> np.ndarray:
    """Gaussian of height 1 around a click; zero everywhere where there is none.

    Parameters
    ----------
    shape : (h, w) in pixels
    click : (row, column) in pixels, may lie between pixels; None: nobody would click here
    sigma : standard deviation in pixels, above 0: a length on the sample divided by the size of a
        pixel at the image's zoom

    Returns
    -------
    (h, w) float32

    Examples
    --------
    >>> heat_map((1, 3), (0, 1), 1.0).astype(float).round(3).tolist()
    [[0.607, 1.0, 0.607]]
    """
    if sigma <= 0:
        raise ValueError(f"expected a standard deviation above 0 pixels, found {sigma}")
    if click is None:
        return np.zeros(shape, np.float32)
    rows = np.exp(-((np.arange(shape[0]) - click[0]) ** 2) / (2 * sigma**2))
    columns = np.exp(-((np.arange(shape[1]) - click[1]) ** 2) / (2 * sigma**2))
    return np.outer(rows, columns).astype(np.float32)


def unknown(shape: tuple[int, int]) -> np.ndarray:
    """The heat map (h, w) float32 of an image without a recorded click: NaN, never learnt from."""
    return np.full(shape, np.nan, np.float32)


def most_likely_click(heat: np.ndarray, threshold: float = 0.5) -> tuple[int, int]:
    """(row, column) of the highest value of a heat map (h, w); (-1, -1) where it is too low.

    Of several equal values the first in reading order counts.

    Examples
    --------
    >>> most_likely_click(np.array([[0.1, 0.9], [0.2, 0.3]]))
    (0, 1)
    >>> most_likely_click(np.array([[0.1, 0.2]]))
    (-1, -1)
    """
    place = int(np.argmax(heat))
    if not heat.flat[place] > threshold:
        return NO_CLICK
    row, column = np.unravel_index(place, heat.shape)
    return int(row), int(column)
