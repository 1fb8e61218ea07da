"""Polygons drawn by hand become masks, exactly.

Coordinates are (x, y) = (column, row) in pixels, and (0, 0) is the centre of the first pixel, as in
LabelMe's own masks. A format whose (0, 0) is the outer corner of the first pixel (COCO) passes
coordinates less 0.5.
"""

import numpy as np


def rasterise(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Pixels whose centres lie in a polygon or on its edge.

    A centre is inside where a ray from it crosses the outline an odd number of times (the even-odd
    rule), so that a polygon which overlaps itself has a hole there. What lies outside the image is
    cut off. Polygons that share an edge leave no gap between them; both have the centres on it.

    Parameters
    ----------
    points : (n, 2) float corners x, y in px; the last is joined to the first
    shape : (h, w) in px

    Returns
    -------
    (h, w) bool

    Notes
    -----
    Crossings of edges and rows are computed in float64, so a centre nearer to an edge than about
    1e-12 of its coordinates may fall on either side. With coordinates that are multiples of a
    power of two, such as 1/8 px, the result is exact.

    References
    ----------
    J. D. Foley et al., "Computer Graphics: Principles and Practice", 2nd ed., section 3.6: the
    scan-line algorithm.

    Examples
    --------
    >>> rasterise(np.array([[0, 0], [2, 0], [0, 2]]), (3, 4)).astype(int)
    array([[1, 1, 1, 0],
           [1, 1, 0, 0],
           [1, 0, 0, 0]])
    """
    points = np.asarray(points, np.float64)
    mask = np.zeros(shape, bool)
    rows, columns = _crossings(points, shape[0])
    # A crossing flips all pixels from its own place to the end of the row.
    flips = np.zeros((shape[0], shape[1] + 1), np.uint8)
    places = np.clip(np.ceil(columns), 0, shape[1]).astype(np.intp)
    np.bitwise_xor.at(flips, (rows, places), 1)
    inner = slice(rows.min(), rows.max() + 1) if len(rows) else slice(0, 0)
    mask[inner] = np.bitwise_xor.accumulate(flips[inner, :-1], axis=1)
    _add_edges(mask, points, rows, columns)
    return mask


def _crossings(points: np.ndarray, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Row and (real) column of every crossing of an edge with the middle line of a row.

    An edge owns its upper end and not its lower one, so that a corner counts once or twice as it
    must.
    """
    ends = np.stack([points, np.roll(points, -1, axis=0)], axis=1)
    # From top to bottom: an edge shared by two polygons is computed alike in both.
    downwards = (ends[:, 0, 1] <= ends[:, 1, 1])[:, None, None]
    (x0, y0), (x1, y1) = np.where(downwards, ends, ends[:, ::-1]).transpose(1, 2, 0)
    first = np.clip(np.ceil(y0), 0, height).astype(np.intp)
    stop = np.clip(np.ceil(y1), 0, height).astype(np.intp)
    counts = stop - first
    edge = np.repeat(np.arange(len(points)), counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    rows = first[edge] + within
    # Product before quotient: a crossing that is a whole number comes out as one.
    columns = x0[edge] + (rows - y0[edge]) * (x1 - x0)[edge] / (y1 - y0)[edge]
    return rows, columns


def _add_edges(mask: np.ndarray, points: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> None:
    """Set the pixels whose centres lie on the outline: on slopes, in corners, on level edges."""
    h, w = mask.shape
    on_centre = (columns == np.floor(columns)) & (columns >= 0) & (columns < w)
    mask[rows[on_centre], columns[on_centre].astype(np.intp)] = True
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        if y0 == int(y0) and 0 <= y0 < h:
            # The corner itself where the edge is not level.
            left, right = sorted((x0, x1)) if y0 == y1 else (x0, x0)
            span = slice(max(0, int(np.ceil(left))), max(0, int(np.floor(right)) + 1))
            mask[int(y0), span] = True


def outside(points: np.ndarray, shape: tuple[int, int], tolerance: float = 0.0) -> np.ndarray:
    """Corners (k, 2) that lie further than `tolerance` px outside the pixels of an image (h, w).

    Examples
    --------
    >>> outside(np.array([[0, 0], [9.4, 0], [12, 3]]), (4, 10), tolerance=1.0)
    array([[12.,  3.]])
    """
    points = np.asarray(points, np.float64)
    low = -0.5 - tolerance
    high = np.array([shape[1], shape[0]]) - 0.5 + tolerance
    return points[((points < low) | (points > high)).any(axis=1)]
