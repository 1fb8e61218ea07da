"""Convex crystals of random habit."""

import numpy as np
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation


def crystal(rng: np.random.Generator, size: float) -> np.ndarray:
    """Corners (m, 3) of a crystal around the origin, its largest extent from it `size` / 2.

    The habits are bevelled blocks, hexagonal prisms with or without pyramids, bipyramids and
    bodies of irregular faces, as plates, rods or of even size, turned at random.
    """
    corners = HABITS[rng.integers(len(HABITS))](rng)
    corners = corners * _proportions(rng)
    corners = corners @ Rotation.random(random_state=rng).as_matrix().T
    corners = corners[ConvexHull(corners).vertices]
    corners = corners - corners.mean(0)
    return corners * (size / 2 / np.linalg.norm(corners, axis=1).max())


def _proportions(rng: np.random.Generator) -> np.ndarray:
    kind = rng.random()
    if kind < 0.3:  # plate
        return np.array([1, rng.uniform(0.5, 1), rng.uniform(0.15, 0.4)])
    if kind < 0.6:  # rod
        return np.array([rng.uniform(0.2, 0.45), rng.uniform(0.2, 0.45), 1])
    return rng.uniform(0.6, 1, 3)


def _block(rng: np.random.Generator) -> np.ndarray:
    signs = np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)], float)
    bevel = rng.uniform(0, 0.5) * (rng.random() < 0.5)
    if not bevel:
        return signs
    return np.concatenate([signs * (1 - bevel * (np.arange(3) == axis)) for axis in range(3)])


def _prism(rng: np.random.Generator) -> np.ndarray:
    angles = np.arange(6) * np.pi / 3
    ring = np.stack([np.cos(angles), np.sin(angles)], 1)
    corners = [np.c_[ring, np.full(6, z)] for z in (-1.0, 1.0)]
    if rng.random() < 0.5:
        corners.append(np.array([[0, 0, 1.0], [0, 0, -1.0]]) * rng.uniform(1.2, 2))
    return np.concatenate(corners)


def _bipyramid(rng: np.random.Generator) -> np.ndarray:
    sides = rng.integers(3, 7)
    angles = np.arange(sides) * 2 * np.pi / sides
    ring = np.c_[np.cos(angles), np.sin(angles), 0 * angles]
    return np.r_[ring, [[0, 0, 1.0], [0, 0, -1.0]]]


def _irregular(rng: np.random.Generator) -> np.ndarray:
    points = rng.standard_normal((rng.integers(8, 16), 3))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


HABITS = (_block, _block, _prism, _bipyramid, _irregular)
