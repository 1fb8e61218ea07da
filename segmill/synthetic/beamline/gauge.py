"""The gauge function of a convex area: how far out a pixel lies, 1 on the edge."""

import cv2
import numpy as np
from scipy import ndimage

DIRECTIONS = 2048


def grid_of(window: tuple[int, int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Rows (h, 1) and columns (1, w) of a window, float32."""
    rows = np.arange(window[0], window[1], dtype=np.float32)[:, None]
    return rows, np.arange(window[2], window[3], dtype=np.float32)[None]


def convex_gauge(
    points: np.ndarray, window: tuple[int, int, int, int], smoothing: float = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Distance from the middle of the convex hull of points as a share of that to its edge.

    Parameters
    ----------
    points : (m, 2) columns and rows
    window : first row, end row, first column, end column
    smoothing : of the second result over directions, in parts of a turn / `DIRECTIONS`

    Returns
    -------
    exact, smooth : (h, w) float32
        below 1 inside; infinite everywhere where the hull has no area. The smooth one has no
        creases towards the corners of the hull.
    """
    rows, columns = grid_of(window)
    shape = (rows.shape[0], columns.shape[1])
    hull = cv2.convexHull(points.astype(np.float32))[:, 0].astype(float)
    if len(hull) < 3 or cv2.contourArea(hull.astype(np.float32)) < 1e-3:
        return (np.full(shape, np.inf, np.float32),) * 2
    middle = hull.mean(0)
    edges = np.roll(hull, -1, 0) - hull
    normals = np.stack([edges[:, 1], -edges[:, 0]], 1)
    heights = np.einsum("ij,ij->i", normals, hull - middle)
    normals, heights = normals[heights != 0], heights[heights != 0]
    angles = np.arange(DIRECTIONS) * (2 * np.pi / DIRECTIONS)
    towards = np.stack([np.cos(angles), np.sin(angles)])
    # 1 / radius: the nearest edge in each direction.
    inverse = ((normals / heights[:, None]) @ towards).max(0)
    dx = np.ascontiguousarray(np.broadcast_to(columns - np.float32(middle[0]), shape))
    dy = np.ascontiguousarray(np.broadcast_to(rows - np.float32(middle[1]), shape))
    distance, angle = cv2.cartToPolar(dx, dy)
    angle *= np.float32(DIRECTIONS / (2 * np.pi))
    before = angle.astype(np.int32)
    angle -= before
    before %= DIRECTIONS
    exact = distance * _between_directions(inverse, before, angle)
    if not smoothing:
        return exact, exact
    rounded = ndimage.gaussian_filter1d(inverse, smoothing, mode="wrap")
    return exact, distance * _between_directions(rounded, before, angle)


def _between_directions(values: np.ndarray, before: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Values (DIRECTIONS,) interpolated between the directions `before` and the next ones."""
    values = np.append(values, values[0]).astype(np.float32)
    return values[before] + np.diff(values)[before] * share
