"""Settling of contours: boundary pixels change sides where that lowers an energy."""

import numba
import numpy as np


def settle_contours(
    labels: np.ndarray,
    colours: np.ndarray,
    contour_weight: float,
    sweeps: int,
    regions: np.ndarray | None = None,
) -> np.ndarray:
    """Lower the energy of colours and contours by moving single pixels between neighbours.

    The energy is the sum over the pixels of their colours' squared distance to the mean of their
    superpixel, plus `contour_weight` for each pair of 8-neighbours in different superpixels (a
    Potts model, descended by iterated conditional modes: Besag, JRSS B 48, 1986). In each sweep,
    row by row, a pixel goes to the superpixel of the 4-neighbour that lowers the energy most, means
    following at once; it stays where its superpixel would lose it as a bridge between its parts or
    as its last pixel, so that connected superpixels stay connected and none vanishes.

    Parameters
    ----------
    labels : (h, w) int32, 0 .. n - 1 without gaps
    colours : (h, w, C) float32
    contour_weight : in squared units of the colours
    sweeps : largest number of passes over the image
    regions : (h, w) integers; a pixel only goes to the superpixel of a neighbour of its own value

    Returns
    -------
    (h, w) int32
    """
    walls = np.zeros((0, 0), np.int32) if regions is None else np.asarray(regions, np.int32)
    settled = np.array(labels, np.int32, order="C")
    if sweeps:
        n = int(settled.max()) + 1
        _settle(settled, np.ascontiguousarray(colours), walls, float(contour_weight), sweeps, n)
    return settled


# The ring of 8 neighbours, from the one above to the left; 4-neighbours at odd places.
_ROWS = (-1, -1, -1, 0, 1, 1, 1, 0)
_COLUMNS = (-1, 0, 1, 1, 1, 0, -1, -1)


@numba.njit(cache=True, nogil=True)
def _settle(labels, colours, walls, weight, sweeps, n):
    height, width, channels = colours.shape
    walled = walls.size > 0
    areas = np.zeros(n)
    sums = np.zeros((n, channels))
    means = np.zeros((n, channels))
    for r in range(height):
        for c in range(width):
            areas[labels[r, c]] += 1
            for j in range(channels):
                sums[labels[r, c], j] += colours[r, c, j]
    for k in range(n):
        for j in range(channels):
            means[k, j] = sums[k, j] / areas[k]
    ring = np.empty(8, np.int64)
    for _ in range(sweeps):
        moved = False
        for r in range(height):
            for c in range(width):
                k = labels[r, c]
                if not _at_boundary(labels, r, c, k) or areas[k] == 1:
                    continue
                for d in range(8):
                    rr, cc = r + _ROWS[d], c + _COLUMNS[d]
                    inside = 0 <= rr < height and 0 <= cc < width
                    ring[d] = labels[rr, cc] if inside else -1
                if not _is_spare(ring, k):
                    continue
                mine, neighbours = 0.0, 0
                for j in range(channels):
                    mine += (colours[r, c, j] - means[k, j]) ** 2
                for d in range(8):
                    neighbours += ring[d] == k
                best, least = -1, -1e-9
                for d in range(1, 8, 2):
                    other = ring[d]
                    if other < 0 or other == k:
                        continue
                    if walled and walls[r + _ROWS[d], c + _COLUMNS[d]] != walls[r, c]:
                        continue
                    gain, more = -mine, 0
                    for j in range(channels):
                        gain += (colours[r, c, j] - means[other, j]) ** 2
                    for x in range(8):
                        more += ring[x] == other
                    gain -= weight * (more - neighbours)
                    if gain < least:
                        best, least = other, gain
                if best >= 0:
                    moved = True
                    labels[r, c] = best
                    areas[k] -= 1
                    areas[best] += 1
                    for j in range(channels):
                        sums[k, j] -= colours[r, c, j]
                        sums[best, j] += colours[r, c, j]
                        means[k, j] = sums[k, j] / areas[k]
                        means[best, j] = sums[best, j] / areas[best]
        if not moved:
            break


@numba.njit(cache=True, nogil=True, inline="always")
def _at_boundary(labels, r, c, k):
    return (
        (r > 0 and labels[r - 1, c] != k)
        or (c > 0 and labels[r, c - 1] != k)
        or (c + 1 < labels.shape[1] and labels[r, c + 1] != k)
        or (r + 1 < labels.shape[0] and labels[r + 1, c] != k)
    )


@numba.njit(cache=True, nogil=True)
def _is_spare(ring, k):
    """Whether the 4-neighbours of label k are connected without the pixel, within its ring."""
    runs = 0
    for d in range(1, 8, 2):
        if ring[d] == k and not (ring[d - 1] == k and ring[d - 2] == k):
            runs += 1
    return runs == 1
