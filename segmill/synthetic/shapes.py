"""Outlines of cells: closed star-shaped curves with Fourier harmonics, and thin tapering processes.

All lengths are pixels; patches are square arrays whose centre pixel is the origin of the shape.
"""

from dataclasses import dataclass

import cv2
import numpy as np

ANGLES = 256
_THETA = np.linspace(0.0, 2 * np.pi, ANGLES, endpoint=False)


@dataclass(frozen=True)
class RadialShape:
    """A star-shaped region: `radius` (256,) float64, its boundary distance in pixels at the angles
    2 pi k / 256 measured from the column axis towards the row axis.
    """

    radius: np.ndarray

    @property
    def reach(self) -> int:
        """Half the side in pixels of the smallest square patch that holds the shape."""
        return int(np.ceil(self.radius.max())) + 1

    @property
    def area(self) -> float:
        """Area in square pixels, half the integral of the squared radius."""
        return float(np.pi * np.mean(self.radius**2))

    def at(self, angle: np.ndarray) -> np.ndarray:
        """Boundary distance in pixels at any angle in radians."""
        turn = np.append(_THETA, 2 * np.pi)
        return np.interp(np.mod(angle, 2 * np.pi), turn, np.append(self.radius, self.radius[0]))

    def relative_radius(self, half: int, centre: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
        """Distance to the centre over boundary distance, < 1 inside: (2 half + 1,) * 2 float32.

        `centre` (row, column) is the shape's offset from the centre pixel of the patch.
        """
        axis = np.arange(-half, half + 1, dtype=np.float32)
        row, column = axis[:, None] - np.float32(centre[0]), axis[None, :] - np.float32(centre[1])
        distance, angle = cv2.cartToPolar(
            np.broadcast_to(column, (axis.size, axis.size)).copy(),
            np.broadcast_to(row, (axis.size, axis.size)).copy(),
        )
        return (distance / self.at(angle)).astype(np.float32)


def radial_shape(
    rng: np.random.Generator,
    diameter: float,
    elongation: float,
    irregularity: float,
    harmonics: tuple[int, int] = (2, 6),
) -> RadialShape:
    """An ellipse of random orientation whose radius is modulated by random Fourier harmonics.

    Parameters
    ----------
    diameter : of the disc of equal area, in pixels
    elongation : major over minor axis of the ellipse, >= 1
    irregularity : standard deviation of the relative modulation of the radius
    harmonics : first and last harmonic of the modulation; amplitudes fall as 1 / harmonic
    """
    angle = _THETA - rng.uniform(0, np.pi)
    ellipse = 1 / np.hypot(np.cos(angle) / np.sqrt(elongation), np.sin(angle) * np.sqrt(elongation))
    order = np.arange(harmonics[0], harmonics[1] + 1)
    weight = rng.normal(size=(2, order.size)) / order
    # Normalised by the expected variance, so that some cells are smooth and others lobed.
    weight *= irregularity / np.sqrt(np.sum(1.0 / order**2))
    wave = weight[0] @ np.cos(np.outer(order, _THETA)) + weight[1] @ np.sin(np.outer(order, _THETA))
    radius = ellipse * np.exp(wave)
    radius *= diameter / 2 / np.sqrt(np.mean(radius**2))
    return RadialShape(radius)


def draw_process(
    patch: np.ndarray,
    start: tuple[float, float],
    stop: tuple[float, float],
    bend: float,
    widths: tuple[float, float, float],
) -> None:
    """Draw into `patch` (uint8, set to 1) a bent process that tapers and ends in a bulb.

    Parameters
    ----------
    start, stop : (row, column) of its ends in the patch, pixels
    bend : sideways displacement of its middle, pixels
    widths : at the start, before the tip and of the bulb at the tip, pixels
    """
    start, stop = np.asarray(start, float), np.asarray(stop, float)
    along = stop - start
    length = max(float(np.hypot(*along)), 1.0)
    control = (start + stop) / 2 + bend * np.array([-along[1], along[0]]) / length
    t = np.linspace(0, 1, max(int(length), 2))[:, None]
    curve = (1 - t) ** 2 * start + 2 * t * (1 - t) * control + t**2 * stop
    radius = np.interp(t[:, 0], [0, 0.75, 1], widths) / 2
    for point, r in zip(curve, radius, strict=True):
        fill_disc(patch, point, r)


def fill_disc(patch: np.ndarray, centre: np.ndarray, radius: float, value: float = 1) -> None:
    """Draw a filled disc with 1/16 pixel precision; centre (row, column) and radius in pixels."""
    position = (round(float(centre[1]) * 16), round(float(centre[0]) * 16))
    cv2.circle(patch, position, max(round(radius * 16), 1), value, thickness=-1, shift=4)
