"""Superpixels in one piece, numbered in reading order."""

import numba
import numpy as np


def join_pieces(labels: np.ndarray, seeds: np.ndarray, regions: np.ndarray | None = None):
    """Give pixels that are not connected to their region's seed to the nearest region.

    Connection is by 4-neighbours, nearness the number of steps from pixel to pixel; of equally near
    regions the one whose pixel comes first in reading order counts.

    Parameters
    ----------
    labels : (h, w) int32, numbers of the seeds; -1 = none
    seeds : (n, 2) integers, (row, column), seed k labelled k
    regions : (h, w) integers; a pixel only goes to a region of its own value

    Returns
    -------
    (h, w) int32, each label one 4-connected region with its seed; -1 where no seed can be reached
    """
    walls = np.zeros((0, 0), np.int32) if regions is None else np.asarray(regions, np.int32)
    return _join(np.ascontiguousarray(labels), np.asarray(seeds, np.int64), walls)


def number_in_reading_order(labels: np.ndarray) -> np.ndarray:
    """Labels 0 .. n - 1 as 1 .. n in the order of their first pixels, row by row; int32."""
    return _number(np.ascontiguousarray(labels), int(labels.max()) + 1)


@numba.njit(cache=True, nogil=True)
def _join(labels, seeds, regions):
    height, width = labels.shape
    stride = width + 2
    # Flat and padded: what is around the image counts as joined.
    before = np.full((height + 2) * stride, -1, np.int32)
    walls = np.zeros(before.size if regions.size else 0, np.int32)
    joined = np.full(before.size, -2, np.int32)
    for r in range(height):
        start = (r + 1) * stride + 1
        for c in range(width):
            before[start + c] = labels[r, c]
            joined[start + c] = -1
            if regions.size:
                walls[start + c] = regions[r, c]
    queue = np.empty(labels.size, np.int32)
    used = 0
    for k in range(seeds.shape[0]):
        p = (seeds[k, 0] + 1) * stride + seeds[k, 1] + 1
        joined[p] = k
        queue[used] = p
        used += 1
    used = _spread(queue, used, joined, before, walls, stride, True)
    if used < labels.size:
        # The rest, from all that is joined, in reading order.
        used = 0
        for p in range(joined.size):
            if joined[p] >= 0:
                queue[used] = p
                used += 1
        _spread(queue, used, joined, before, walls, stride, False)
    return joined.reshape(height + 2, stride)[1:-1, 1:-1].copy()


@numba.njit(cache=True, nogil=True)
def _spread(queue, used, joined, before, walls, stride, own):
    """Carry labels from the pixels of the queue to their neighbours not joined yet, with `own` only
    to those that had the label before; the new length of the queue.
    """
    done = 0
    while done < used:
        p = np.int64(queue[done])
        done += 1
        k = joined[p]
        for q in (p - stride, p - 1, p + 1, p + stride):
            if joined[q] != -1 or (own and before[q] != k):
                continue
            if walls.size == 0 or walls[q] == walls[p]:
                joined[q] = k
                queue[used] = q
                used += 1
    return used


@numba.njit(cache=True, nogil=True)
def _number(labels, n):
    number = np.zeros(n, np.int32)
    used = 0
    numbered = np.empty(labels.shape, np.int32)
    for r in range(labels.shape[0]):
        for c in range(labels.shape[1]):
            k = labels[r, c]
            if number[k] == 0:
                used += 1
                number[k] = used
            numbered[r, c] = number[k]
    return numbered
