"""Shape and place of the blobs of a mask: each connected region by itself.

Positions are (row, column) of pixel centres: (0, 0) is the centre of the first pixel. A blob is
connected over edges and corners.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

SIDES = ("left", "right", "top", "bottom")


@dataclass(frozen=True)
class Blob:
    """One connected region of a mask; lengths in pixels.

    Attributes
    ----------
    area : number of pixels
    centroid : (row, column), mean of its pixel centres
    bbox : (r0, c0, r1, c1): rows r0 to r1 - 1, columns c0 to c1 - 1
    major_axis, minor_axis : lengths of the ellipse with the same second moments, 4 standard
        deviations along the principal axes; 0 across a line, both 0 for a single pixel
    orientation : degrees from the direction to the right to the major axis, counter-clockwise as
        seen, above -90 and at most 90; None where all directions are alike (a pixel, a square)
    extreme : (row, column) of its pixel farthest from the side where the sample enters; of several
        the middle one
    borders : sides of the image that it touches, so that it may go on beyond
    """

    area: int
    centroid: tuple[float, float]
    bbox: tuple[int, int, int, int]
    major_axis: float
    minor_axis: float
    orientation: float | None
    extreme: tuple[int, int]
    borders: tuple[str, ...]

    @property
    def box(self) -> tuple[float, float, int, int]:
        """(r, c, h, w): centre of the box, its height and its width."""
        r0, c0, r1, c1 = self.bbox
        return (r0 + r1 - 1) / 2, (c0 + c1 - 1) / 2, r1 - r0, c1 - c0


def find_blobs(mask: np.ndarray, enters_from: str = "left", min_size: int = 1) -> tuple[Blob, ...]:
    """The blobs of a mask, the largest first; of equals the one that begins first, row by row.

    Parameters
    ----------
    mask : (h, w) bool
    enters_from : side of the image where the sample enters: ``left``, ``right``, ``top``,
        ``bottom``
    min_size : blobs of a smaller area, in pixels, are left out

    Examples
    --------
    >>> blob, = find_blobs(np.array([[False, True, True]]))
    >>> blob.area, blob.centroid, blob.major_axis, blob.minor_axis, blob.extreme
    (2, (0.0, 1.5), 2.0, 0.0, (0, 2))
    """
    if enters_from not in SIDES:
        raise ValueError(f"expected a side among {', '.join(SIDES)}, found {enters_from!r}")
    if mask.size == 0:
        return ()
    bits = np.ascontiguousarray(mask).view(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(bits, connectivity=8)
    blobs = []
    for k in range(1, len(stats)):
        left, top, width, height, area = map(int, stats[k])
        if area < min_size:
            continue
        bbox = (top, left, top + height, left + width)
        inside = labels[top : bbox[2], left : bbox[3]] == k
        first = (top, left + int(np.argmax(inside[0])))
        blobs.append((-area, first, _measured(inside, bbox, mask.shape, enters_from)))
    return tuple(blob for _, _, blob in sorted(blobs, key=lambda found: found[:2]))


def _measured(inside: np.ndarray, bbox, shape: tuple[int, int], enters_from: str) -> Blob:
    """The blob whose pixels are `inside` its box."""
    rows, columns = np.nonzero(inside)
    major, minor, orientation = principal_axes(rows, columns)
    r0, c0, r1, c1 = bbox
    row, column = _extreme(rows, columns, enters_from)
    touched = {"left": c0 == 0, "right": c1 == shape[1], "top": r0 == 0, "bottom": r1 == shape[0]}
    return Blob(
        area=rows.size,
        centroid=(r0 + int(rows.sum()) / rows.size, c0 + int(columns.sum()) / rows.size),
        bbox=bbox,
        major_axis=major,
        minor_axis=minor,
        orientation=orientation,
        extreme=(r0 + row, c0 + column),
        borders=tuple(side for side in SIDES if touched[side]),
    )


def principal_axes(rows: np.ndarray, columns: np.ndarray) -> tuple[float, float, float | None]:
    """Lengths of the principal axes of pixels and the orientation of the first: see :class:`Blob`.

    The moments are whole numbers, so that lines and squares are told exactly.

    Parameters
    ----------
    rows, columns : (n,) integers, n at least 1
    """
    n = len(rows)
    rows, columns = rows.astype(np.int64), columns.astype(np.int64)
    row, column = int(rows.sum()), int(columns.sum())
    # n^2 times the variances along rows and columns and their covariance.
    across = n * int(rows @ rows) - row**2
    along = n * int(columns @ columns) - column**2
    mixed = n * int(rows @ columns) - row * column
    largest = (across + along + math.hypot(across - along, 2 * mixed)) / 2
    # The product of the eigenvalues is the determinant, which is 0 for every line.
    least = (across * along - mixed**2) / largest if largest else 0.0
    orientation = None
    if across != along or mixed:
        orientation = math.degrees(math.atan2(-2 * mixed, along - across)) / 2
    return 4 * math.sqrt(largest) / n, 4 * math.sqrt(least) / n, orientation


def _extreme(rows: np.ndarray, columns: np.ndarray, enters_from: str) -> tuple[int, int]:
    """The middle one of the pixels farthest from a side."""
    distance = columns if enters_from in ("left", "right") else rows
    other = rows if enters_from in ("left", "right") else columns
    end = distance.max() if enters_from in ("left", "top") else distance.min()
    ties = np.sort(other[distance == end])
    middle = ties[(ties.size - 1) // 2]
    place = (middle, end) if enters_from in ("left", "right") else (end, middle)
    return int(place[0]), int(place[1])
