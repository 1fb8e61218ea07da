"""Random packings of hard spheres: no two overlap, as dense as a suspension.

Points of a Poisson process become a hard-core process by relaxation: as long as any two spheres
overlap they push each other apart. It reaches densities that adding spheres one by one cannot: that
ends at a volume fraction of 0.38 (Talbot et al., J. Stat. Phys. 65, 1991); random close packing is
at 0.64.
"""

from dataclasses import dataclass

import numba
import numpy as np
from scipy.spatial import cKDTree

# Spheres are pushed a little farther than needed, so that the last overlaps vanish.
SLACK = 2e-3
MOST_ROUNDS = 60
SWEEPS = 40


@dataclass
class Box:
    """Where spheres may be; periodic in columns and depth, and in rows unless it has walls.

    Attributes
    ----------
    size : height, width, depth of the box in pixels; positions begin at 0
    first_wall, last_wall : (n,) row of the wall at the low and the high end for each column, the
        columns at equal steps over the width; None where rows are periodic
    """

    size: tuple[float, float, float]
    first_wall: np.ndarray | None = None
    last_wall: np.ndarray | None = None

    @property
    def has_walls(self) -> bool:
        return self.first_wall is not None


def relax(centres: np.ndarray, radii: np.ndarray, gap: float, box: Box) -> np.ndarray:
    """Move spheres until none overlaps another one or a wall.

    Parameters
    ----------
    centres : (n, 3) row, column, depth of each, pixels, inside the box
    radii : (n,) pixels
    gap : least distance between two surfaces
    box : its size above 4 largest diameters in rows and columns, 2 in depth

    Returns
    -------
    centres : (n, 3) float64, moved
    settled : (n,) bool, False of the spheres that have to go because some overlap is left: none
        below a volume fraction of about 0.55
    """
    size = np.array(box.size, float)
    centres = centres.astype(float, copy=True)
    skin = 0.6 * radii.mean() if len(radii) else 0.0
    reach = 2 * radii.max(initial=0) * (1 + SLACK) + gap
    period = np.where([not box.has_walls, True, True], size, 0)
    walls = _walls(box)
    for _ in range(MOST_ROUNDS):
        first, second = _near(centres, reach + skin, period)
        is_done = _push(centres, radii, gap, first, second, period, walls, size, skin / 2)
        if is_done:
            return centres, np.ones(len(centres), bool)
    first, second = _near(centres, reach, period)
    return centres, _settled(centres, radii, gap, first, second, period)


def _walls(box: Box) -> np.ndarray:
    """(2, n) rows of both walls; (2, 0) without any."""
    return np.stack([box.first_wall, box.last_wall]) if box.has_walls else np.zeros((2, 0))


def _near(centres, distance, period):
    """Indices of the pairs not farther apart than `distance`, in order: (m,), (m,)."""
    inside = np.where(period > 0, np.mod(centres, np.where(period > 0, period, 1)), centres)
    pairs = cKDTree(inside, boxsize=period).query_pairs(distance, output_type="ndarray")
    # The tree's own order is not part of its interface, and the result depends on it.
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    return np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])


@numba.njit(cache=True, nogil=True)
def _between(centres, i, j, period, step):
    """Vector from i to the nearest image of j into `step`; its squared length."""
    square = 0.0
    for k in range(3):
        difference = centres[j, k] - centres[i, k]
        if period[k] > 0:
            difference -= period[k] * np.round(difference / period[k])
        step[k] = difference
        square += difference * difference
    return square


@numba.njit(cache=True, nogil=True)
def _push(centres, radii, gap, first, second, period, walls, size, freedom):
    """Sweep over the near pairs until none overlaps (True) or the list of pairs is out of date."""
    start = centres.copy()
    step = np.zeros(3)
    for _ in range(SWEEPS):
        overlaps = _keep_off_walls(centres, radii, walls, size)
        for m in range(first.size):
            i, j = first[m], second[m]
            wanted = radii[i] + radii[j] + gap
            square = _between(centres, i, j, period, step)
            if square >= wanted * wanted:
                continue
            overlaps += 1
            distance = np.sqrt(square)
            if distance < 1e-9:
                step[0], step[1], step[2], distance = 0.0, 1e-3, 0.0, 1e-3
            share = 0.5 * (wanted * (1 + SLACK) / distance - 1)
            share = min(share, 0.5 * freedom / distance)
            for k in range(3):
                centres[i, k] -= share * step[k]
                centres[j, k] += share * step[k]
        if overlaps == 0:
            return True
        for i in range(centres.shape[0]):
            square = 0.0
            for k in range(3):
                square += (centres[i, k] - start[i, k]) ** 2
            if square > freedom * freedom:
                return False
    return False


@numba.njit(cache=True, nogil=True)
def _keep_off_walls(centres, radii, walls, size):
    """Move spheres out of the walls; how many were inside."""
    moved, n = 0, walls.shape[1]
    if n == 0:
        return moved
    for i in range(centres.shape[0]):
        k = int(np.floor(centres[i, 1] / size[1] * n)) % n
        low, high = walls[0, k] + radii[i], walls[1, k] - radii[i]
        if centres[i, 0] < low:
            centres[i, 0] = low * (1 + 1e-12)
            moved += 1
        elif centres[i, 0] > high:
            centres[i, 0] = high * (1 - 1e-12)
            moved += 1
    return moved


@numba.njit(cache=True, nogil=True)
def _settled(centres, radii, gap, first, second, period):
    """Which spheres may stay, so that no two of them overlap: the later of a pair goes."""
    stays = np.ones(radii.size, np.bool_)
    step = np.zeros(3)
    for m in range(first.size):
        i, j = first[m], second[m]
        square = _between(centres, i, j, period, step)
        if stays[i] and stays[j] and square < (radii[i] + radii[j] + gap) ** 2:
            stays[j] = False
    return stays
