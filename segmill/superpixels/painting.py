"""Images painted with the mean colours of their superpixels."""

import numpy as np


def paint_means(labels: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Each superpixel in its mean colour.

    Parameters
    ----------
    labels : (h, w) integers of at least 0, every value a superpixel
    image : (h, w) or (h, w, C) numbers

    Returns
    -------
    array of the image's shape and dtype; means are rounded to the nearest integer for integers

    Raises
    ------
    ValueError
        if the shapes differ, or labels are negative or not integers.

    Examples
    --------
    >>> paint_means(np.array([[1, 1, 2]]), np.array([[10, 13, 7]], np.uint8)).tolist()
    [[12, 12, 7]]
    """
    labels, image = np.asarray(labels), np.asarray(image)
    if labels.ndim != 2 or image.shape[:2] != labels.shape or image.ndim not in (2, 3):
        raise ValueError(f"the superpixels are {labels.shape}, the image {image.shape}")
    if labels.dtype.kind not in "iub" or (labels.size and labels.min() < 0):
        raise ValueError("expected superpixels that are integers of at least 0")
    flat = labels.ravel()
    areas = np.maximum(np.bincount(flat), 1)
    values = image.reshape(labels.size, -1)
    painted = np.empty(values.shape, image.dtype)
    for channel in range(values.shape[1]):
        means = np.bincount(flat, values[:, channel]) / areas
        if image.dtype.kind in "iub":
            means = np.rint(means)
        painted[:, channel] = means.astype(image.dtype)[flat]
    return painted.reshape(image.shape)
