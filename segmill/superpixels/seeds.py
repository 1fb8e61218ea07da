"""Where superpixels start: quiet places on a grid, then the places reached last."""

import itertools

import cv2
import numba
import numpy as np


def grid_seeds(gradient: np.ndarray, width: float, most: int) -> np.ndarray:
    """The place of least gradient in the middle of each cell of a grid.

    The grid has the number of rows and columns that makes its cells closest to `width`, at least
    one each, and at most `most` cells. In a cell only the middle half along each axis is searched,
    so that seeds are apart; the first of equal places counts, row by row.

    Parameters
    ----------
    gradient : (h, w) numbers
    width : of a cell in pixels
    most : largest number of seeds

    Returns
    -------
    (n, 2) int64, (row, column), in the order of the cells
    """
    height, breadth = gradient.shape
    rows, columns = (int(min(max(1, round(n / width)), n)) for n in (height, breadth))
    while rows * columns > most:
        # The shorter cells become longer.
        if rows > 1 and (columns == 1 or height / rows <= breadth / columns):
            rows -= 1
        else:
            columns -= 1
    places = [
        (top, bottom, left, right)
        for top, bottom in _middles(height, rows)
        for left, right in _middles(breadth, columns)
    ]
    return _least(np.ascontiguousarray(gradient), np.array(places))


def late_seeds(times: np.ndarray, labels: np.ndarray, count: int, margin: int) -> np.ndarray:
    """The place reached last in each region, for the `count` regions reached last.

    Parameters
    ----------
    times : (h, w) arrival times
    labels : (h, w) regions 0 .. n - 1
    count : largest number of seeds
    margin : radius in pixels of the disc around a place that must lie in one region

    Returns
    -------
    (m, 2) int64, (row, column), the latest first; m < `count` where fewer regions have a pixel that
    is farther than `margin` from other regions and is not a seed itself
    """
    far = np.zeros(labels.shape, np.uint8)
    _mark_boundaries(np.ascontiguousarray(labels), far)
    if margin > 0:
        side = 2 * margin + 1
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        far = cv2.dilate(far, disc)
    else:
        far[:] = 0
    latest, places = _latest(times, labels, far, int(labels.max()) + 1)
    order = np.argsort(-latest, kind="stable")[:count]
    order = order[latest[order] > 0]
    return np.stack(np.divmod(places[order], labels.shape[1]), axis=1)


def _middles(length: int, parts: int) -> list[tuple[int, int]]:
    """First and last + 1 of the middle half of each of `parts` equal stretches."""
    edges = np.arange(parts + 1) * length / parts
    middles = []
    for low, high in itertools.pairwise(edges):
        first = int(low + (high - low) / 4)
        middles.append((first, max(first + 1, int(high - (high - low) / 4))))
    return middles


@numba.njit(cache=True, nogil=True)
def _least(gradient, windows):
    places = np.zeros((windows.shape[0], 2), np.int64)
    for k in range(windows.shape[0]):
        top, bottom, left, right = windows[k]
        least = np.inf
        for r in range(top, bottom):
            for c in range(left, right):
                if gradient[r, c] < least:
                    least = gradient[r, c]
                    places[k, 0], places[k, 1] = r, c
    return places


@numba.njit(cache=True, nogil=True)
def _mark_boundaries(labels, marks):
    for r in range(labels.shape[0]):
        for c in range(labels.shape[1]):
            if c + 1 < labels.shape[1] and labels[r, c + 1] != labels[r, c]:
                marks[r, c] = marks[r, c + 1] = 1
            if r + 1 < labels.shape[0] and labels[r + 1, c] != labels[r, c]:
                marks[r, c] = marks[r + 1, c] = 1


@numba.njit(cache=True, nogil=True)
def _latest(times, labels, excluded, n):
    latest = np.zeros(n, np.float64)
    places = np.zeros(n, np.int64)
    for r in range(labels.shape[0]):
        for c in range(labels.shape[1]):
            k = labels[r, c]
            if not excluded[r, c] and times[r, c] > latest[k]:
                latest[k] = times[r, c]
                places[k] = r * labels.shape[1] + c
    return latest, places
