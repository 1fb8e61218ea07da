"""From a point of the mounted sample to a pixel of the camera.

Two frames. The sample frame turns with the goniometer: (along, x, y) in mm, `along` on the rotation
axis, growing from the pin to the tip of the loop, x and y across it. The camera frame stands still:
(along, across, depth), depth growing towards the camera. At the angle omega

    across = x cos(omega) + y sin(omega)
    depth  = y cos(omega) - x sin(omega)

so that a point (x, y) = r (cos alpha, sin alpha) moves as across = r cos(omega - alpha).

Scenes are drawn in canonical images, whose rows lie across the axis and whose columns follow it
from the pin to the tip: the sample enters from the left. :func:`turn` gives the other orientations;
none of them mirrors the direction across the axis.
"""

from dataclasses import dataclass

import numpy as np

SIDES = ("left", "right", "top", "bottom")


@dataclass(frozen=True)
class Slab:
    """A plane-parallel slab of medium around a point, its faces parallel to the rotation axis.

    Attributes
    ----------
    n : refractive index of the medium
    front, back : depth of the point below the two faces, mm; 0 and 0 where it is in no medium
    beta : angle omega (rad) at which the front face looks at the camera
    """

    n: float
    front: float
    back: float
    beta: float

    @property
    def normal(self) -> np.ndarray:
        """Outward normal of the front face in the sample frame, (3,)."""
        return np.array([0.0, -np.sin(self.beta), np.cos(self.beta)])


def slab_shift(turned, n: float, front, back) -> np.ndarray:
    """How far the medium moves the image of a point across the axis; subtracted from its position.

    A ray that leaves the medium through a face is refracted by Snell's law; followed back straight
    it misses the point by ``-depth sin(s t - i) / cos(i)`` with ``i = arcsin(sin(t) / n)``. For
    ``|t| < 90 deg`` the camera sees the front face: s = 1, depth = front; otherwise s = -1,
    depth = back.

    Parameters
    ----------
    turned : angle t = omega - beta, rad
    n : refractive index of the medium
    front, back : depth of the point below the two faces

    Returns
    -------
    ndarray
        in the unit of the depths, of the broadcast shape of `turned`, `front` and `back`.
    """
    turned = (np.asarray(turned, float) + np.pi) % (2 * np.pi) - np.pi
    inside = np.arcsin(np.sin(turned) / n)
    is_front = np.abs(turned) < np.pi / 2
    sign, depth = np.where(is_front, 1.0, -1.0), np.where(is_front, front, back)
    return -depth * np.sin(sign * turned - inside) / np.cos(inside)


@dataclass(frozen=True)
class View:
    """What the camera sees of the sample frame at one angle, as a canonical image.

    Attributes
    ----------
    omega : rad
    mm_per_px : side of a pixel in the sample
    axis_px : row of the rotation axis
    origin_px : column of along = 0
    shape : rows (across), columns (along) of the canonical image
    centre : point (3,) of the sample frame that `slab` gives the depths of
    slab : the medium around it
    """

    omega: float
    mm_per_px: float
    axis_px: float
    origin_px: float
    shape: tuple[int, int]
    centre: np.ndarray
    slab: Slab

    def project(self, points: np.ndarray, in_medium: bool = False) -> np.ndarray:
        """Columns, rows (px) and depths (mm) of points.

        Parameters
        ----------
        points : (m, 3) in the sample frame, mm
        in_medium : the points lie in the medium and are seen through its face. Each has depths of
            its own: those of the slab's centre, less or more its distance along the normal.

        Returns
        -------
        (m, 3) float64
        """
        points = np.atleast_2d(points)
        along, x, y = points.T
        across = x * np.cos(self.omega) + y * np.sin(self.omega)
        depth = y * np.cos(self.omega) - x * np.sin(self.omega)
        if in_medium:
            height = (points - self.centre) @ self.slab.normal
            across = across - slab_shift(
                self.omega - self.slab.beta,
                self.slab.n,
                self.slab.front - height,
                self.slab.back + height,
            )
        column = self.origin_px + along / self.mm_per_px
        row = self.axis_px + across / self.mm_per_px
        return np.stack([column, row, depth], 1)


def turn(image: np.ndarray, enters_from: str) -> np.ndarray:
    """A canonical image (sample from the left) as a camera sees it whose sample enters elsewhere.

    Parameters
    ----------
    image : (across, along) or (across, along, channels)
    enters_from : ``left``, ``right`` (axis horizontal), ``top`` or ``bottom`` (axis vertical)
    """
    if enters_from in ("top", "bottom"):
        image = np.swapaxes(image, 0, 1)
    if enters_from == "right":
        image = image[:, ::-1]
    if enters_from == "bottom":
        image = image[::-1]
    return np.ascontiguousarray(image)


def turn_back(image: np.ndarray, enters_from: str) -> np.ndarray:
    """The canonical image of a camera's image; the inverse of :func:`turn`."""
    if enters_from == "bottom":
        image = image[::-1]
    if enters_from == "right":
        image = image[:, ::-1]
    if enters_from in ("top", "bottom"):
        image = np.swapaxes(image, 0, 1)
    return np.ascontiguousarray(image)


def turn_point(
    row: float, column: float, shape: tuple[int, int], enters_from: str
) -> tuple[float, float]:
    """(row, column) in the camera's image of a point of a canonical image of `shape`."""
    if enters_from in ("right", "bottom"):
        column = shape[1] - 1 - column
    return (column, row) if enters_from in ("top", "bottom") else (row, column)


def axis_of(enters_from: str) -> str:
    """``horizontal`` or ``vertical``: direction of the rotation axis in the camera's image."""
    return "vertical" if enters_from in ("top", "bottom") else "horizontal"
