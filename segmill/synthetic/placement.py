"""Where the cells of a field lie: isolated, touching or overlapping, with exact visible regions.

Cells are stacked in the order of placement: where two overlap, the later one lies above and owns
the pixels. A position that would hide too much of a cell, or cut the visible part of one into
several regions, is refused, so that every instance is one connected region.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np

ATTEMPTS = 30


class Body(Protocol):
    """What is placed: `mask` (p, p) bool, p odd, its centre pixel being the origin."""

    mask: np.ndarray


@dataclass(frozen=True)
class Rules:
    """How cells may lie beside each other.

    Attributes
    ----------
    clustered : share of the cells that are put against a cell placed before
    max_overlap : largest share of a cell that another one may hide; 0 lets them touch only
    gap : free pixels around a cell that is not clustered
    min_visible : least visible area of a cell inside the image, square pixels
    """

    clustered: float
    max_overlap: float
    gap: int
    min_visible: int


@dataclass
class Field:
    """Cells on a canvas with a margin around the image, so that the image's edge cuts some.

    Attributes
    ----------
    shape : (h, w) of the image
    margin : pixels around the image
    labels : (h + 2 margin, w + 2 margin) int32, the visible regions, 0 = background
    framed : same shape, bool, True inside the image
    bodies : the cell of label k is ``bodies[k - 1]``
    centres : (row, column) of its centre pixel on the canvas
    areas : its whole area on the canvas, square pixels
    """

    shape: tuple[int, int]
    margin: int
    labels: np.ndarray = field(init=False)
    framed: np.ndarray = field(init=False)
    bodies: list = field(default_factory=list)
    centres: list[tuple[int, int]] = field(default_factory=list)
    areas: list[int] = field(default_factory=list)

    def __post_init__(self):
        canvas = [side + 2 * self.margin for side in self.shape]
        self.labels = np.zeros(canvas, np.int32)
        self.framed = np.zeros(canvas, bool)
        self.crop(self.framed)[:] = True

    def crop(self, canvas: np.ndarray) -> np.ndarray:
        """The image part of an array on the canvas, a view."""
        m = self.margin
        return canvas[m : canvas.shape[0] - m, m : canvas.shape[1] - m]

    def window(self, centre: tuple[int, int], side: int) -> tuple[tuple[slice, slice], ...]:
        """What a (side, side) patch at `centre` shares with the canvas: slices of both."""
        half = side // 2
        canvas, patch = [], []
        for c, length in zip(centre, self.labels.shape, strict=True):
            low = min(max(c - half, 0), length)
            high = max(min(c + half + 1, length), low)
            canvas.append(slice(low, high))
            patch.append(slice(low - c + half, high - c + half))
        return tuple(canvas), tuple(patch)

    def add(self, body: Body, centre: tuple[int, int]) -> None:
        """Put a cell on top of all others."""
        canvas, patch = self.window(centre, body.mask.shape[0])
        self.bodies.append(body)
        self.centres.append(centre)
        self.areas.append(int(np.count_nonzero(body.mask[patch])))
        self.labels[canvas][body.mask[patch]] = len(self.bodies)

    def render(self, light: str) -> np.ndarray:
        """Sum of the patches ``body.<light>`` at their places, float32 on the canvas."""
        total = np.zeros(self.labels.shape, np.float32)
        for body, centre in zip(self.bodies, self.centres, strict=True):
            values = getattr(body, light)
            canvas, patch = self.window(centre, values.shape[0])
            total[canvas] += values[patch]
        return total


def place(
    rng: np.random.Generator,
    shape: tuple[int, int],
    margin: int,
    density: float,
    draw: Callable[[], Body],
    rules: Rules,
    min_cells: int = 1,
) -> Field:
    """Fill a field with cells.

    Parameters
    ----------
    shape : (h, w) of the image, pixels
    margin : pixels around it in which centres may lie too
    density : expected centres per square pixel; their number is Poisson distributed. A cell that
        finds no legal place in 30 attempts is left out.
    draw : makes the next cell
    min_cells : least number of cells visible in the image, where they find a place
    """
    cells = Field(shape, margin)
    for _ in range(rng.poisson(density * cells.labels.size)):
        _try_to_add(rng, cells, draw(), rules)
    for _ in range(ATTEMPTS):
        if len(cells.bodies) >= min_cells:
            break
        _try_to_add(rng, cells, draw(), rules)
    return cells


def _try_to_add(rng: np.random.Generator, cells: Field, body: Body, rules: Rules) -> None:
    clustered = bool(cells.bodies) and rng.random() < rules.clustered
    grown = None if clustered else _grown(body.mask, rules.gap)
    for _ in range(ATTEMPTS):
        if clustered:
            centre = _beside(rng, cells, body, rules.max_overlap)
        else:
            centre = tuple(int(rng.integers(side)) for side in cells.labels.shape)
        canvas, patch = cells.window(centre, body.mask.shape[0])
        visible = body.mask[patch] & cells.framed[canvas]
        if not clustered and not visible.any():
            # It lies beside the image: counted, so that the density holds, but never seen.
            return
        if not _one_region(visible, rules.min_visible):
            continue
        if clustered:
            legal = _above_others(cells, canvas, patch, body, rules)
        else:
            around, patch = cells.window(centre, grown.shape[0])
            legal = not cells.labels[around][grown[patch]].any()
        if legal:
            cells.add(body, centre)
            return


def _beside(
    rng: np.random.Generator, cells: Field, body: Body, max_overlap: float
) -> tuple[int, int]:
    """A centre at which the cell touches one placed before, or overlaps it a little."""
    other = int(rng.integers(len(cells.bodies)))
    angle = rng.uniform(0, 2 * np.pi)
    near, far = _extent(cells.bodies[other].mask, angle), _extent(body.mask, angle + np.pi)
    # Half of the pairs touch, half overlap; the chord overlap is about the area overlap.
    depth = rng.uniform(0, max_overlap) * 2 * min(near, far) if rng.random() < 0.5 else 0.0
    distance = near + far + 1 - depth
    row, column = cells.centres[other]
    return round(row + distance * np.sin(angle)), round(column + distance * np.cos(angle))


def _extent(mask: np.ndarray, angle: float) -> int:
    """Pixels from the centre of the patch to the last pixel of the mask in one direction."""
    half = mask.shape[0] // 2
    steps = np.arange(half + 1)
    row = np.rint(half + steps * np.sin(angle)).astype(int)
    column = np.rint(half + steps * np.cos(angle)).astype(int)
    on = np.flatnonzero(mask[row, column])
    return int(on[-1]) if on.size else 0


def _above_others(cells: Field, canvas: tuple, patch: tuple, body: Body, rules: Rules) -> bool:
    """Whether every cell that the new one would cover stays visible enough, in one region."""
    mask = body.mask[patch]
    covered = np.unique(cells.labels[canvas][mask])
    taken = np.zeros_like(cells.framed)
    taken[canvas] = mask
    for label in covered[covered > 0]:
        below = cells.bodies[label - 1].mask.shape[0]
        window, _ = cells.window(cells.centres[label - 1], below)
        remains = (cells.labels[window] == label) & ~taken[window]
        hidden = cells.areas[label - 1] - np.count_nonzero(remains)
        smaller = min(cells.areas[label - 1], np.count_nonzero(mask))
        if hidden > rules.max_overlap * smaller:
            return False
        if not _one_region(remains & cells.framed[window], rules.min_visible):
            return False
    return True


def _one_region(mask: np.ndarray, min_area: int) -> bool:
    """Whether the mask has at least `min_area` pixels, all 4-connected."""
    if np.count_nonzero(mask) < min_area:
        return False
    regions, _ = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    return regions == 2


def _grown(mask: np.ndarray, pixels: int) -> np.ndarray:
    """The mask grown by a disc, on a patch that is larger by as much on each side."""
    padded = np.pad(mask, pixels).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    return cv2.dilate(padded, kernel).astype(bool)
