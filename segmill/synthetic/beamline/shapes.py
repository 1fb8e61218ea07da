"""Convex bodies, fibres and lumps in 3-D, and their exact orthographic projections.

Each shape gives a :class:`Layer`: which pixels (by their centres) its projection covers, and the
length of the line of sight inside the shape, whose gradient is what bends light.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull

from segmill.synthetic.beamline.gauge import convex_gauge, grid_of
from segmill.synthetic.beamline.geometry import View

# Fibres are drawn at least this thick (radius in pixels), so that none breaks up.
THINNEST = 0.6


@dataclass
class Layer:
    """A projected shape in a window of the canonical image.

    Attributes
    ----------
    row, column : first row and column of the window
    mask : (h, w) bool, pixels whose centre lies in the projection
    thickness : (h, w) float32, length of the line of sight in the shape, in pixels
    depth : mean depth of the shape, mm, or (h, w) float32
    """

    row: int
    column: int
    mask: np.ndarray
    thickness: np.ndarray
    depth: float | np.ndarray

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the window in the image."""
        height, width = self.mask.shape
        return slice(self.row, self.row + height), slice(self.column, self.column + width)


def window_of(
    points: np.ndarray, margin: float, shape: tuple[int, int]
) -> tuple[int, int, int, int] | None:
    """First row, end row, first column, end column around points (m, 2) of (column, row)."""
    low, high = points[:, :2].min(0) - margin, points[:, :2].max(0) + margin
    first = np.maximum(np.ceil(low), 0)
    last = np.minimum(np.floor(high), (shape[1] - 1, shape[0] - 1))
    if (first > last).any():
        return None
    return int(first[1]), int(last[1]) + 1, int(first[0]), int(last[0]) + 1


@dataclass
class Polyhedron:
    """The convex hull of `vertices` (m, 3), mm; `in_medium`: seen through the slab's face."""

    vertices: np.ndarray
    in_medium: bool = False

    def __post_init__(self):
        self.triangles = ConvexHull(self.vertices).simplices

    def layer(self, view: View) -> Layer | None:
        """The projection, or None outside the image."""
        points = view.project(self.vertices, self.in_medium)
        window = window_of(points, 0, view.shape)
        if window is None:
            return None
        thickness = _between(self._planes(points, view), *grid_of(window))
        return Layer(window[0], window[2], thickness > 0, thickness, points[:, 2].mean())

    def _planes(self, points: np.ndarray, view: View) -> np.ndarray:
        """Faces (f, 4) of the projected body: (column, row, depth) . n <= h, lengths in pixels.

        The medium's shift is linear inside the slab, so that faces stay plane.
        """
        centre = points.mean(0)
        corners = (points - centre) * (1, 1, 1 / view.mm_per_px)
        first, second, third = corners[self.triangles].transpose(1, 0, 2)
        normals = np.cross(second - first, third - first)
        size = np.linalg.norm(normals, axis=1)
        normals = normals[size > 0] / size[size > 0, None]
        heights = np.einsum("ij,ij->i", normals, first[size > 0])
        planes = np.c_[normals, heights] * np.where(heights < 0, -1, 1)[:, None]
        planes = planes[np.unique(planes.round(6), axis=0, return_index=True)[1]]
        planes[:, 3] += planes[:, :2] @ centre[:2]
        return planes


def _between(planes: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Length of the line of sight that obeys all half-spaces, (h, w) float32, 0 where none."""
    shape = (rows.shape[0], columns.shape[1])
    upper, lower = np.full(shape, np.inf, np.float32), np.full(shape, -np.inf, np.float32)
    outside = np.zeros(shape, bool)
    for in_column, in_row, in_depth, height in planes:
        if abs(in_depth) < 1e-6:
            outside |= columns * np.float32(in_column) + rows * np.float32(in_row) > height
            continue
        along_columns = columns * np.float32(-in_column / in_depth)
        bound = along_columns + (np.float32(height) - rows * np.float32(in_row)) / np.float32(
            in_depth
        )
        if in_depth > 0:
            np.minimum(upper, bound, out=upper)
        else:
            np.maximum(lower, bound, out=lower)
    length = upper - lower
    return np.where(outside | ~np.isfinite(length), 0, np.maximum(length, 0)).astype(np.float32)


@dataclass
class Fibres:
    """Spheres swept along segments: fibres, stems and, with segments of no length, lumps.

    Attributes
    ----------
    starts, ends : (m, 3), mm
    radii : (m, 2) at start and end, mm; linear between
    flat : as a tape of even thickness, half the least radius, instead of round
    bore : radius of a hole along the middle as a share of the radius
    in_medium : seen through the slab's face
    is_planar : lies in a plane; its depth then follows the place in the image
    thinnest : least radius in pixels
    """

    starts: np.ndarray
    ends: np.ndarray
    radii: np.ndarray
    flat: bool = False
    bore: float = 0.0
    in_medium: bool = False
    is_planar: bool = False
    thinnest: float = 0.0

    @classmethod
    def along(cls, points: np.ndarray, radii, **rest) -> "Fibres":
        """A fibre along a polyline (m, 3) with `radii` (m,) or one radius."""
        radii = np.broadcast_to(radii, len(points))
        radii = np.stack([radii[:-1], radii[1:]], 1)
        return cls(points[:-1], points[1:], radii, thinnest=THINNEST, **rest)

    @classmethod
    def spheres(cls, centres: np.ndarray, radii: np.ndarray, **rest) -> "Fibres":
        """Spheres at `centres` (m, 3) with `radii` (m,)."""
        return cls(centres, centres, np.stack([radii, radii], 1), **rest)

    def layer(self, view: View) -> Layer | None:
        """The projection, or None outside the image."""
        starts = view.project(self.starts, self.in_medium)
        ends = view.project(self.ends, self.in_medium)
        radii = np.maximum(self.radii / view.mm_per_px, self.thinnest)
        widest = radii.max(1)
        low = np.minimum(starts, ends)[:, :2] - widest[:, None]
        high = np.maximum(starts, ends)[:, :2] + widest[:, None]
        seen = ((low <= (view.shape[1] - 1, view.shape[0] - 1)) & (high >= 0)).all(1)
        if not seen.any():
            return None
        window = window_of(np.r_[low[seen], high[seen]], 0, view.shape)
        if window is None:
            return None
        squares = np.zeros((window[1] - window[0], window[3] - window[2]), np.float32)
        tape = np.float32(radii.min() / 4 if self.flat else 0)
        for k in np.flatnonzero(seen):
            _sweep(squares, window, starts[k], ends[k], radii[k], tape)
        mask = squares > 0
        thickness = 2 * np.sqrt(squares)
        if self.bore:
            wall = np.float32((widest[seen].max() ** 2) * (1 - self.bore**2))
            thickness -= 2 * np.sqrt(np.maximum(squares - wall, 0))
        middle = (starts + ends)[seen] / 2
        depth = _plane_depth(middle, window) if self.is_planar else middle[:, 2].mean()
        return Layer(window[0], window[2], mask, thickness, depth)


def _plane_depth(points: np.ndarray, window: tuple[int, int, int, int]) -> np.ndarray:
    """Depth (h, w) of a planar shape of points (m, 3), never beyond that of the points."""
    middle = points.mean(0)
    slope = np.linalg.lstsq(points[:, :2] - middle[:2], points[:, 2] - middle[2], rcond=1e-3)[0]
    rows, columns = grid_of(window)
    depth = np.float32(middle[2] - slope @ middle[:2]) + columns * np.float32(slope[0])
    depth = depth + rows * np.float32(slope[1])
    return np.clip(depth, points[:, 2].min(), points[:, 2].max()).astype(np.float32)


def _sweep(squares, window, start, end, radii, tape) -> None:
    """Take one segment into the squared half thickness (h, w) of a window.

    Lengths are in pixels; `tape` is half the thickness of a flat one, 0 for a round one.
    """
    own = window_of(np.stack([start, end]), radii.max(), (window[1], window[3]))
    if own is None:
        return
    own = (max(own[0], window[0]), own[1], max(own[2], window[2]), own[3])
    if own[0] >= own[1] or own[2] >= own[3]:
        return
    rows, columns = grid_of(own)
    rows, columns = rows - np.float32(start[1]), columns - np.float32(start[0])
    step = (end - start)[:2].astype(np.float32)
    length, radius = float(step @ step), np.float32(radii[0])
    if length > 1e-12:
        # Of all spheres along the segment the one that reaches farthest at each pixel: that of
        # largest r(s)^2 - (s - s0)^2 for the radius r(s) = r0 + k s and the foot s0 of the pixel.
        taper = (radii[1] - radii[0]) / np.sqrt(length)
        place = rows * (step[1] / length) + columns * (step[0] / length)
        if abs(taper) < 1:
            place += np.float32(taper * radii[0] / np.sqrt(length))
            place /= np.float32(1 - taper**2)
        else:  # the larger end holds all others
            place[:] = taper > 0
        np.clip(place, 0, 1, out=place)
        rows, columns = rows - place * step[1], columns - place * step[0]
        radius = radius + place * np.float32(radii[1] - radii[0])
    square = radius * radius - (rows * rows + columns * columns)
    if tape:
        # Even across most of the width: 1 - rho^8.
        square = (1 - np.minimum(1 - square / (radius * radius), 1) ** 4) * tape**2
    part = squares[own[0] - window[0] : own[1] - window[0], own[2] - window[2] : own[3] - window[2]]
    np.maximum(part, square, out=part)


@dataclass
class Drop:
    """A smooth convex body, the hull of `points` (m, 3) mm, that thins out towards its edge.

    Attributes
    ----------
    points : on the surface
    half_axes : half extents along the slab's normal and across it, which give the thickness seen
    normal : of the first half axis, (3,)
    flatness : 0 a lens, 1 a plate
    """

    points: np.ndarray
    half_axes: tuple[float, float]
    normal: np.ndarray
    flatness: float = 0.0

    def layer(self, view: View) -> Layer | None:
        """The projection, or None outside the image."""
        points = view.project(self.points)
        window = window_of(points, 0, view.shape)
        if window is None:
            return None
        gauge, smooth = convex_gauge(points[:, :2], window, smoothing=60)
        facing = view.project(np.stack([self.normal, 0 * self.normal]))
        cosine = facing[0, 2] - facing[1, 2]
        thin, wide = self.half_axes
        longest = 2 / np.sqrt((cosine / thin) ** 2 + (1 - min(1, cosine**2)) / wide**2)
        square = np.where(gauge < 1, np.maximum(1 - smooth * smooth, 0), 0)
        profile = (1 - self.flatness) * np.sqrt(square) + self.flatness * (1 - (1 - square) ** 4)
        thickness = (profile * (longest / view.mm_per_px)).astype(np.float32)
        return Layer(window[0], window[2], gauge < 1, thickness, points[:, 2].mean())


@dataclass
class Area:
    """The flat convex area inside a planar closed curve, (m, 3) mm; without thickness."""

    points: np.ndarray

    def layer(self, view: View) -> Layer | None:
        """The projection, or None outside the image."""
        points = view.project(self.points)
        window = window_of(points, 0, view.shape)
        if window is None:
            return None
        mask = convex_gauge(points[:, :2], window)[0] < 1
        return Layer(
            window[0], window[2], mask, np.zeros(mask.shape, np.float32), points[:, 2].mean()
        )
