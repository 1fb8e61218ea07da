"""Changes of the channels of an image: their order, and colour to grey."""

import math

import cv2
import numpy as np

# Divisible by the number of orders of up to 20 channels, so that each order is as likely.
ORDERS = math.factorial(20)


def channel_order(number: int, channels: int) -> list[int]:
    """Order of channels that a number stands for: its digits in the factorial number system.

    Numbers 0 to channels! - 1 stand for all orders, in lexicographic sequence; 0 for no change.
    Larger numbers repeat them.

    Examples
    --------
    >>> [channel_order(k, 3) for k in (0, 1, 5, 6)]
    [[0, 1, 2], [0, 2, 1], [2, 1, 0], [0, 1, 2]]
    """
    left = list(range(channels))
    number %= math.factorial(channels)
    order = []
    for remaining in range(channels - 1, -1, -1):
        place, number = divmod(number, math.factorial(remaining))
        order.append(left.pop(place))
    return order


def swap_channels(image: np.ndarray, number: int) -> np.ndarray:
    """The image (h, w, C) with its channels in the order that `number` stands for."""
    order = channel_order(number, image.shape[2])
    if order == sorted(order):
        return image
    return np.ascontiguousarray(image[:, :, order])


def to_grey(image: np.ndarray) -> np.ndarray:
    """Every channel of an image becomes its grey level.

    That is the luminance 0.299 R + 0.587 G + 0.114 B of ITU-R BT.601 for three channels, else the
    mean of the channels; rounded.

    Parameters
    ----------
    image : (h, w, C) uint8 or uint16

    Returns
    -------
    (h, w, C) of the image's dtype, its channels equal
    """
    channels = image.shape[2]
    if channels == 1:
        return image
    if channels == 3:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    else:
        grey = np.rint(image.mean(axis=2)).astype(image.dtype)
    return np.repeat(grey[:, :, None], channels, axis=2)
