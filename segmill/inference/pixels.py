"""The images that a predictor accepts."""

import numpy as np

from segmill.errors import SegmillError


class ImageError(SegmillError, ValueError):
    """An image that cannot be predicted; the message says what was expected and what was found."""


def as_pixels(image: np.ndarray) -> np.ndarray:
    """An image as (h, w, C) uint8 or uint16.

    Parameters
    ----------
    image : (h, w) or (h, w, C), channels last; uint8 or uint16 as they are, or floating point from
        0 to 1, which becomes uint16 from 0 to 65535

    Raises
    ------
    ImageError
        for another shape or dtype, an image without pixels, floats that are not finite or lie
        outside of 0 .. 1.
    """
    image = np.asarray(image)
    if image.ndim == 2:
        image = image[:, :, None]
    if image.ndim != 3 or 0 in image.shape:
        raise ImageError(f"expected an image (h, w) or (h, w, C) with pixels, found {image.shape}")
    if image.dtype in (np.uint8, np.uint16):
        return image
    if image.dtype.kind != "f":
        raise ImageError(
            f"expected an image of uint8, uint16 or floats from 0 to 1, found {image.dtype}"
        )
    low, high = float(image.min()), float(image.max())
    if not (low >= 0 and high <= 1):
        raise ImageError(
            f"expected floats from 0 to 1, found {low:g} to {high:g}; scale the image, or give its "
            "grey levels as uint8 or uint16"
        )
    return np.rint(image.astype(np.float64) * np.iinfo(np.uint16).max).astype(np.uint16)
