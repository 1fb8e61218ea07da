"""Superpixels by any method: the eikonal ones, and others by scikit-image in the same form."""

import numpy as np
from skimage.color import rgb2gray
from skimage.filters import sobel
from skimage.measure import label
from skimage.segmentation import felzenszwalb, slic, watershed

from segmill.superpixels.colours import check_image
from segmill.superpixels.eikonal import grow_superpixels
from segmill.superpixels.options import (
    CompactWatershedOptions,
    EikonalOptions,
    FelzenszwalbOptions,
    SlicOptions,
    SuperpixelOptions,
)
from segmill.superpixels.pieces import number_in_reading_order


def divide(image: np.ndarray, o: SuperpixelOptions, truth: np.ndarray | None = None) -> np.ndarray:
    """Superpixels by the method whose options are given.

    Of other methods each 8-connected piece of a segment is a superpixel, since Felzenszwalb's grow
    along diagonals too; the eikonal ones are 4-connected.

    Parameters
    ----------
    image : as :func:`segmill.superpixels.eikonal_superpixels` takes it
    o : checked options of a method; which number of superpixels it gives they say
    truth : of the eikonal method, see :func:`segmill.superpixels.eikonal_superpixels`

    Returns
    -------
    (h, w) int32, 1 .. n in the order of their first pixels

    Raises
    ------
    ValueError
        for an image of another shape or dtype, values that are not finite, or a truth with another
        method than the eikonal one.
    """
    if isinstance(o, EikonalOptions):
        return grow_superpixels(image, o, truth)
    if truth is not None:
        raise ValueError(f"{type(o).__name__}: only eikonal superpixels keep to a truth")
    image = check_image(image)
    image = image[..., :3] if image.shape[2] > 1 else image[..., 0]
    found = _BASELINES[type(o)](image, o)
    pieces = label(found.astype(np.int64), background=-1, connectivity=2) - 1
    return number_in_reading_order(pieces.astype(np.int32))


def _slic(image: np.ndarray, o: SlicOptions) -> np.ndarray:
    return slic(
        image,
        n_segments=o.n_segments,
        compactness=o.compactness,
        sigma=o.smoothing,
        channel_axis=_channel_axis(image),
        start_label=0,
    )


def _compact_watershed(image: np.ndarray, o: CompactWatershedOptions) -> np.ndarray:
    grey = image if image.ndim == 2 else rgb2gray(image)
    return watershed(sobel(grey), markers=o.n_segments, compactness=o.compactness)


def _felzenszwalb(image: np.ndarray, o: FelzenszwalbOptions) -> np.ndarray:
    return felzenszwalb(
        image,
        scale=o.scale,
        sigma=o.sigma,
        min_size=o.min_size,
        channel_axis=_channel_axis(image),
    )


def _channel_axis(image: np.ndarray) -> int | None:
    return None if image.ndim == 2 else -1


_BASELINES = {
    SlicOptions: _slic,
    CompactWatershedOptions: _compact_watershed,
    FelzenszwalbOptions: _felzenszwalb,
}
