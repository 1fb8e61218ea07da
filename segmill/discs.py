"""Discs as pixels."""

import math

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def span(centre, reach, size):
    """First and end of the pixels 0 .. size - 1 whose centres are within `reach` of `centre`."""
    return max(0, math.ceil(centre - reach)), min(size, math.floor(centre + reach) + 1)


@numba.njit(cache=True, nogil=True)
def discs(centres, radii, shape):
    """Label image (h, w) int32 of discs: a pixel belongs to one if its centre is inside.

    Where discs overlap the line through the intersections of their circles parts them.

    Parameters
    ----------
    centres : (n, 2) row, column, pixels; (0, 0) is the centre of the first pixel
    radii : (n,) pixels; discs of radius 0 have no pixel
    shape : height and width

    Returns
    -------
    labels, k + 1 for disc k
    """
    labels = np.zeros(shape, np.int32)
    powers = np.zeros(shape)
    for k in range(radii.size):
        row, column, radius = centres[k, 0], centres[k, 1], radii[k]
        first_row, end_row = span(row, radius, shape[0])
        first, end = span(column, radius, shape[1])
        for r in range(first_row, end_row):
            for c in range(first, end):
                # The power of a point: negative inside, equal on that line.
                power = (r - row) ** 2 + (c - column) ** 2 - radius**2
                if power < 0 and (labels[r, c] == 0 or power < powers[r, c]):
                    labels[r, c] = k + 1
                    powers[r, c] = power
    return labels
