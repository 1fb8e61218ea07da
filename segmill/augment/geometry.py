"""Moving an image and its labels together, through one coordinate map and one resampling.

A coordinate map says for each output pixel from which position of the source it takes its value:
(2, h, w) float32, rows and columns in source pixels, integer at pixel centres. Flip, rotation,
zoom, shear, elastic displacement and crop are composed in it before anything is resampled, so that
the image is interpolated once, and what lies around a crop comes into view when the crop turns.

Positions beyond the source are reflected about the centre of its edge pixels (numpy's "reflect"),
alike for the image and for every label.
"""

import math
from collections.abc import Callable

import cv2
import numba
import numpy as np

INTERPOLATIONS = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}
# OpenCV addresses the source of a remapping with 16 bits.
_LARGEST_SIDE = 32766
_QUARTER_TURNS = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}


def affine_matrix(
    rotation: float = 0.0,
    zoom: float = 1.0,
    shear: float = 0.0,
    flip_rows: bool = False,
    flip_columns: bool = False,
    transpose: bool = False,
) -> np.ndarray:
    """Map an offset from the output's centre to the offset from the crop's centre in the source.

    The content is zoomed, sheared along the columns, rotated, flipped, then transposed; the matrix
    is the inverse of that. Multiples of 90 degrees, flips and transposition are exact.

    Parameters
    ----------
    rotation : degrees, counter-clockwise as seen with rows running downwards
    zoom : factor above 0; 2 shows objects twice as large
    shear : degrees; a column line leans by this angle
    flip_rows, flip_columns : mirror top and bottom, left and right
    transpose : exchange rows and columns about the centre

    Returns
    -------
    (2, 2) float64, acting on (row, column)
    """
    exact = _QUARTER_TURNS.get(rotation % 360)
    angle = math.radians(rotation)
    cosine, sine = exact if exact else (math.cos(angle), math.sin(angle))
    unflip = np.diag([-1.0 if flip_rows else 1.0, -1.0 if flip_columns else 1.0])
    unrotate = np.array([[cosine, sine], [-sine, cosine]], np.float64)
    unshear = np.array([[1.0, 0.0], [-math.tan(math.radians(shear)), 1.0]])
    matrix = unshear @ unrotate @ unflip / zoom
    return np.ascontiguousarray(matrix[:, ::-1]) if transpose else matrix


def coordinate_map(
    shape: tuple[int, int],
    centre: tuple[float, float],
    matrix: np.ndarray | None = None,
    displacement: np.ndarray | None = None,
) -> np.ndarray:
    """Source position of each pixel of an output of `shape`.

    Parameters
    ----------
    shape : (h, w) of the output in pixels
    centre : (row, column) in the source that the output's centre ((h - 1) / 2, (w - 1) / 2) shows
    matrix : (2, 2) as :func:`affine_matrix` makes it; None is the identity
    displacement : (2, h, w) float32 in source pixels, added last

    Returns
    -------
    (2, h, w) float32, (row, column)
    """
    matrix = np.eye(2) if matrix is None else np.asarray(matrix, np.float64)
    coordinates = np.empty((2, *shape), np.float32)
    _fill_coordinates(coordinates, np.asarray(centre, np.float64), matrix)
    if displacement is not None:
        coordinates += displacement
    return coordinates


def warp_image(
    values: np.ndarray, coordinates: np.ndarray, interpolation: str = "linear"
) -> np.ndarray:
    """Resample an image, or another quantity that may be interpolated, at the coordinates.

    Parameters
    ----------
    values : (H, W, C) uint8, uint16 or float32
    coordinates : (2, h, w) float32
    interpolation : ``"linear"`` or ``"cubic"``

    Returns
    -------
    (h, w, C) of the dtype of `values`

    Raises
    ------
    ValueError
        if a side of `values` exceeds 32 766 pixels.
    """
    if max(values.shape[:2]) > _LARGEST_SIDE:
        raise ValueError(
            f"expected a source of at most {_LARGEST_SIDE} pixels a side, found {values.shape[:2]}"
        )
    rows, columns = coordinates
    method, channels = INTERPOLATIONS[interpolation], values.shape[2]
    # OpenCV resamples at most four channels at once.
    parts = [
        cv2.remap(
            np.ascontiguousarray(values[:, :, c : c + 4]),
            columns,
            rows,
            method,
            borderMode=cv2.BORDER_REFLECT_101,
        ).reshape(*rows.shape, -1)
        for c in range(0, channels, 4)
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)


def warp_field(
    values: np.ndarray, coordinates: np.ndarray, interpolation: str = "linear"
) -> np.ndarray:
    """Resample quantities that may be unknown (NaN) in places, as :func:`warp_image` otherwise.

    A pixel is unknown where the source pixel nearest to it is. In a channel that is known in part,
    the others are interpolated linearly between the known pixels alone: OpenCV would give NaN to
    each neighbour of an unknown pixel, even at a weight of zero.

    Parameters
    ----------
    values : (H, W, K) float32
    coordinates : (2, h, w) float32
    interpolation : ``"linear"`` or ``"cubic"``

    Returns
    -------
    (h, w, K) float32
    """
    moved = warp_image(values, coordinates, interpolation)
    known = ~np.isnan(values)
    in_part = np.flatnonzero(known.any((0, 1)) & ~known.all((0, 1)))
    if in_part.size:
        pixels, _ = nearest_pixels(coordinates, values.shape[:2])
        for k in in_part:
            moved[:, :, k] = interpolate_known(
                values[:, :, k], known[:, :, k],
                lambda plane: warp_image(plane[:, :, None], coordinates)[:, :, 0],
                take(known[:, :, k], pixels),
            )  # fmt: skip
    return moved


def interpolate_known(
    values: np.ndarray,
    known: np.ndarray,
    resample: Callable[[np.ndarray], np.ndarray],
    moved_known: np.ndarray,
) -> np.ndarray:
    """Resample a plane by its known pixels alone: their mean by the weights of the resampling.

    Parameters
    ----------
    values : (H, W) float32
    known : (H, W) bool, where `values` counts
    resample : a linear resampling of a (H, W) float32 plane to (h, w)
    moved_known : (h, w) bool, which of the result is known; the rest becomes NaN

    Returns
    -------
    (h, w) float32
    """
    total = resample(np.where(known, values, np.float32(0)))
    weight = resample(known.astype(np.float32))
    moved = np.full(moved_known.shape, np.nan, np.float32)
    return np.divide(total, weight, out=moved, where=moved_known & (weight > 0))


def nearest_pixels(coordinates: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, bool]:
    """Number of the source pixel nearest to each position, for :func:`take`.

    Parameters
    ----------
    coordinates : (2, h, w) float32
    shape : (H, W) of the source

    Returns
    -------
    pixels : (h, w) int64, row * W + column, reflected where the position lies beyond the source
    beyond : whether any position does
    """
    pixels = np.empty(coordinates.shape[1:], np.int64)
    beyond = _nearest_pixels(coordinates, shape[0], shape[1], pixels)
    return pixels, beyond


def take(labels: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Labels (H, W) of any dtype at the pixels (h, w): copied, never computed with."""
    return labels.ravel()[pixels]


def reflections(coordinates: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """In which mirror image of the source each position lies.

    Returns
    -------
    rows, columns : (h, w) int64 each; 0 inside the source, -1 and 1 for its first mirror images
        above and below (left and right), -2 and 2 for the mirror images of these, and so on
    """
    nearest = np.floor(coordinates + np.float32(0.5)).astype(np.int64)
    return tuple(_reflection(position, side) for position, side in zip(nearest, shape, strict=True))


def _reflection(position: np.ndarray, side: int) -> np.ndarray:
    period = max(side - 1, 1)
    after = np.where(position >= side, -(-position // period) - 1, 0)
    return np.where(position < 0, position // period, after)


@numba.njit(cache=True, nogil=True)
def _fill_coordinates(coordinates, centre, matrix):
    _, height, width = coordinates.shape
    for y in range(height):
        row = y - 0.5 * (height - 1)
        for x in range(width):
            column = x - 0.5 * (width - 1)
            coordinates[0, y, x] = centre[0] + matrix[0, 0] * row + matrix[0, 1] * column
            coordinates[1, y, x] = centre[1] + matrix[1, 0] * row + matrix[1, 1] * column


@numba.njit(cache=True, nogil=True)
def _nearest_pixels(coordinates, height, width, pixels):
    beyond = False
    for y in range(pixels.shape[0]):
        for x in range(pixels.shape[1]):
            row = int(np.floor(coordinates[0, y, x] + np.float32(0.5)))
            column = int(np.floor(coordinates[1, y, x] + np.float32(0.5)))
            if row < 0 or row >= height or column < 0 or column >= width:
                beyond = True
                row, column = _reflect(row, height), _reflect(column, width)
            pixels[y, x] = row * width + column
    return beyond


@numba.njit(cache=True, nogil=True)
def _reflect(position, side):
    if side == 1:
        return 0
    position = abs(position) % (2 * (side - 1))
    return min(position, 2 * (side - 1) - position)
