"""What one image shows: values drawn from the ranges of the options, and where the spheres are.

Frame: the light runs along the rows, from row 0 on; heights are over the sheet, towards the camera.
"""

from dataclasses import dataclass

import numpy as np

from segmill.synthetic.camera import band_noise
from segmill.synthetic.suspensions.options import SuspensionOptions, pairs
from segmill.synthetic.suspensions.packing import Box, relax

# Depth of the suspension that is drawn, in mean radii: what the sheet reaches, and some in front.
DEPTH = 6.0
DENSEST = 0.64  # random close packing
SMALLEST, LARGEST = 0.6, 1.4  # of the radii, over their mean


@dataclass
class Scene:
    """Spheres, and what stands around them.

    Attributes
    ----------
    values : drawn value of each option that is a range
    side : where the light comes from
    shape : rows and columns of the view
    margin : pixels that the arrays of `image` coordinates extend beyond the view on each side
    centres : (n, 3) row, column, height; 0, 0 is the first pixel of the view
    radii : (n,)
    walls : (2, columns of the view) rows of the walls, infinite where there is none
    """

    values: dict[str, float]
    side: str
    shape: tuple[int, int]
    margin: int
    centres: np.ndarray
    radii: np.ndarray
    walls: np.ndarray

    @property
    def sheets(self) -> np.ndarray:
        """Standard deviation of the sheet of light at each sphere, pixels."""
        growth = self.values["sheet_growth"] / 1000
        along = np.maximum(0.1, 1 + growth * (self.centres[:, 0] + self.margin))
        return self.sheet * along

    @property
    def sheet(self) -> float:
        """Standard deviation of the sheet where the arrays begin, pixels."""
        return self.values["sheet"] * self.values["radius"]


def draw_scene(rng: np.random.Generator, options: SuspensionOptions) -> Scene:
    """Draw the values of an image, and its spheres."""
    values = {name: rng.uniform(*getattr(options, name)) for name in pairs()}
    side = str(rng.choice(options.light_from))
    shape = (options.height, options.width)
    if side in ("left", "right"):
        shape = shape[::-1]
    margin = int(np.ceil(2 * LARGEST * values["radius"])) + 2
    size = (shape[0] + 2 * margin, shape[1] + 2 * margin, DEPTH * values["radius"])
    walls = _walls(rng, options, size, margin)
    box = Box(size)
    if np.isfinite(walls).any():
        box = Box(size, np.maximum(walls[0], 0), np.minimum(walls[1], size[0]))
    centres, radii = _spheres(rng, options, values, size, box)
    centres, stays = relax(centres, radii, options.gap, box)
    centres = np.mod(centres, [np.inf if box.has_walls else size[0], size[1], size[2]])
    centres = centres[stays] - [margin, margin, size[2] / 2]
    inner = walls[:, margin : margin + shape[1]] - margin
    return Scene(values, side, shape, margin, centres, radii[stays], inner)


def _walls(rng, options, size, margin) -> np.ndarray:
    """Rows of both walls for each column of the box, infinite where the image shows none."""
    columns = int(size[1])
    walls = np.full((2, columns), np.inf) * [[-1], [1]]
    for k, edge in enumerate((margin, size[0] - margin)):
        if rng.random() < options.walls:
            inward = (1, -1)[k] * rng.uniform(0, 0.025) * size[0]
            walls[k] = edge + inward + _wave(rng, columns, options.waviness)
    return walls


def _wave(rng: np.random.Generator, n: int, amplitude: float) -> np.ndarray:
    """A smooth line of n points, up to `amplitude` high, periodic as the box is."""
    place = np.arange(n) * (2 * np.pi / n)
    wave = sum(
        rng.normal(0, 1 / order) * np.sin(order * place + rng.uniform(0, 2 * np.pi))
        for order in range(1, 7)
    )
    return rng.uniform(0, amplitude) * wave / max(np.abs(wave).max(), 1e-9)


def _spheres(rng, options, values, size, box) -> tuple[np.ndarray, np.ndarray]:
    """Centres of a Poisson process of the wanted density, and radii."""
    radius, spread = values["radius"], values["radius_spread"]
    density = _density(rng, options, values, size, box)
    volume = 4 / 3 * np.pi * radius**3 * (1 + 3 * spread**2)
    n = rng.poisson(values["volume_fraction"] * np.prod(size) / volume * (density > 0).mean())
    cells = rng.choice(density.size, n, p=(density / density.sum()).ravel())
    place = np.stack(np.unravel_index(cells, density.shape), 1) + rng.random((n, 2))
    place *= np.array(size[:2]) / density.shape
    radii = radius * np.clip(1 + spread * rng.standard_normal(n), SMALLEST, LARGEST)
    return np.column_stack([place, rng.uniform(0, size[2], n)]), radii


def _density(rng, options, values, size, box) -> np.ndarray:
    """Relative density of the process on a grid of about one radius."""
    shape = tuple(max(4, round(side / values["radius"])) for side in size[:2])
    # The denser a suspension, the less room is left for fluctuations.
    clumping = values["clumping"] * (1 - values["volume_fraction"] / DENSEST)
    density = np.exp(clumping * band_noise(rng, shape, 4.0).astype(float))
    rows = (np.arange(shape[0]) + 0.5) / shape[0] * size[0]
    columns = (np.arange(shape[1]) + 0.5) / shape[1] * size[1]
    if box.has_walls:
        nearest = (columns / size[1] * len(box.first_wall)).astype(int)
        density *= rows[:, None] > box.first_wall[nearest]
        density *= rows[:, None] < box.last_wall[nearest]
    if rng.random() < options.fronts:
        # The margins of the box are not in view.
        view = 1 - 4 * LARGEST * values["radius"] / size[1]
        front = (0.5 + rng.uniform(-0.1, 0.4) * view) * size[1]
        front += _wave(rng, shape[0], 10 * options.waviness)
        front = front[:, None] + rng.normal(0, values["radius"], shape)
        density *= columns < front
        density = density if rng.random() < 0.5 else density[:, ::-1]
    # Never nothing: a front at the edge of a narrow image leaves one cell.
    return density if density.any() else np.ones(shape)
