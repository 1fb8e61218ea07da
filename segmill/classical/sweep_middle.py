"""The middle of the loop in each frame: one point of the turning body.

At a height along the axis, the middle between the two outlines of a convex body moves with omega as
a point plus harmonics of odd order above 1; its circle is that of the Steiner point of the body's
section there, whatever its shape (Schneider, "Convex bodies", 2013, section 1.7). The centroid of
the outline is no such point: heights count by their width, which changes with omega.

The sections' points of a loop lie on a line, and a section of the bare loop is symmetrical: its
middle has no other harmonic. Ice and crystals that stick out, and outlines that are lost in some
frames, scatter the middle about its circle. Heights count by how little theirs scatters, those off
the line hardly at all; the weights are the same in every frame, so that the mean stays one point.
"""

from dataclasses import dataclass

import numpy as np

from segmill.alignment.harmonic import harmonic_design
from segmill.alignment.least_squares import MAD_TO_SIGMA
from segmill.classical.sweep_segmentation import Outlines

OUTLIER_SIGMAS = 3.0
# Blurred ends of the loop are left out, as is the neck, where the stem begins.
TRIMMED = 0.1
LEAST_HEIGHTS, LEAST_FRAMES = 5, 4
# A height counts where the loop is seen in so many of the frames, a frame where so much of the
# heights' weight is seen in it.
LEAST_SEEN = 0.6
# Scatter of a middle between two outlines of whole pixels, px.
QUANTISED = 0.3
CIRCLE_STEPS, LINE_STEPS = 8, 20
# Parts of the loop, each left out once, that tell how far the line rests on one of them.
BLOCKS = 5


@dataclass(frozen=True)
class MiddleTrack:
    """The loop's middle in N frames, px.

    Attributes
    ----------
    across : (N,) position across the axis, NaN = not seen
    along : position along it, from the edge where the sample enters
    spread : (2,) standard uncertainty of the point's coordinates along cos and sin of omega, by how
        far parts of the loop disagree about them
    """

    across: np.ndarray
    along: float
    spread: np.ndarray


def middle_track(
    found: Outlines,
    omega: np.ndarray,
    used: np.ndarray,
    start: int,
    end: int,
    robust: bool = True,
) -> MiddleTrack:
    """Where the loop's middle is seen in each frame.

    Parameters
    ----------
    found : outlines of N frames
    omega : (N,) radians
    used : (N,) bool, frames that decide which heights count
    start, end : range of the loop along the axis, px from the edge where the sample enters
    robust : leave out middles that contradict those of other frames at their height, and frames
        (NaN) with many of them
    """
    along = (start + end - 1) / 2
    margin = round(TRIMMED * (end - start))
    heights = np.arange(start + margin, end - margin)
    seen = found.count[:, heights] > 0
    heights = heights[seen[used].mean(axis=0) >= LEAST_SEEN] if used.any() else heights[:0]
    if heights.size < LEAST_HEIGHTS or np.count_nonzero(used) < LEAST_FRAMES:
        return MiddleTrack(np.full(len(omega), np.nan), along, np.zeros(2))
    middle = (found.first[:, heights] + found.last[:, heights]) / 2
    middle[found.count[:, heights] == 0] = np.nan
    design = harmonic_design(omega)
    circles, scatter = _circles(design[used], middle[used])
    heights = heights - along
    line, weights = _line(heights, circles, scatter)
    limit = OUTLIER_SIGMAS * np.hypot(scatter, QUANTISED) if robust else np.inf
    across = _mean(design, middle, heights, line, weights, limit)
    return MiddleTrack(across, along, _spread(heights, circles, scatter))


def _circles(design: np.ndarray, middle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Circle (U, 3) of the middle at each height, least absolute residuals, and its scatter (U,).

    `middle` is (N, U) px, NaN = not seen; `scatter` a robust standard deviation, px. Of a body's
    own odd harmonics least absolute residuals over a full turn keep clear, as least squares do.
    """
    seen = np.isfinite(middle)
    filled = np.where(seen, middle, 0.0)
    weights = seen.astype(float)
    products = np.einsum("ni,nj->nij", design, design).reshape(len(design), -1)
    for _ in range(CIRCLE_STEPS):
        gram = np.einsum("nu,nk->uk", weights, products).reshape(-1, *2 * design.shape[1:])
        right = np.einsum("nu,ni->ui", weights * filled, design)
        # Of fewer than three angles the normal equations are singular: the smallest circle then.
        gram += 1e-12 * np.trace(gram, axis1=1, axis2=2)[:, None, None] * np.eye(design.shape[1])
        circles = np.linalg.solve(gram, right[..., None])[..., 0]
        size = np.abs(np.where(seen, filled - design @ circles.T, np.nan))
        median = np.nanmedian(size, axis=0)
        weights = np.where(seen, 1 / np.maximum(size, 0.25 * median + 1e-3), 0.0)
    return circles, MAD_TO_SIGMA * median


def _line(
    heights: np.ndarray, circles: np.ndarray, scatter: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Line (2, 3) through the circles (U, 3): at height 0 and per height; weights (U,) of heights.

    Least absolute distances between points in the plane across the axis, each height weighted by
    the inverse fourth power of its scatter.
    """
    design = np.column_stack([np.ones_like(heights), heights])
    trusted = (np.square(scatter) + QUANTISED**2) ** -2
    weights = trusted
    for _ in range(LINE_STEPS):
        root = np.sqrt(weights)[:, None]
        line = np.linalg.lstsq(design * root, circles * root, rcond=None)[0]
        away = np.linalg.norm((circles - design @ line)[:, 1:], axis=1)
        weights = trusted / np.maximum(away, 0.25 * np.median(away) + 1e-3)
    return line, weights


def _spread(heights: np.ndarray, circles: np.ndarray, scatter: np.ndarray) -> np.ndarray:
    """Standard uncertainty (2,) of the line's point at height 0, the jackknife over its parts.

    Neighbouring heights err alike, so that they are left out together (Kuensch, Ann. Statist. 17,
    1989).
    """
    points = []
    for part in np.array_split(np.arange(heights.size), BLOCKS):
        rest = np.delete(np.arange(heights.size), part)
        points.append(_line(heights[rest], circles[rest], scatter[rest])[0][0, 1:])
    away = points - np.mean(points, axis=0)
    return np.sqrt((BLOCKS - 1) / BLOCKS * np.sum(away**2, axis=0))


def _mean(
    design: np.ndarray,
    middle: np.ndarray,
    heights: np.ndarray,
    line: np.ndarray,
    weights: np.ndarray,
    limit: np.ndarray | float,
) -> np.ndarray:
    """Place (N,) px of the line's middle in each frame at height 0, NaN where little is seen.

    Middles farther from the line than `limit`, (U,) px, do not count.
    """
    level, slope = design @ line[0], design @ line[1]
    away = middle - level[:, None] - slope[:, None] * heights
    counts = np.where(np.abs(away) <= limit, weights, 0.0)
    total = counts.sum(axis=1)
    is_seen = total >= LEAST_SEEN * weights.sum()
    shift = (counts * np.nan_to_num(away)).sum(axis=1) / np.where(is_seen, total, 1.0)
    return np.where(is_seen, level + shift, np.nan)
