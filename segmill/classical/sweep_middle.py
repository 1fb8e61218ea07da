"""The middle of the loop in each frame: one point of the turning body.

At a height along the axis, the middle between the two outlines of a convex body moves with omega as
a point plus harmonics of odd order above 1; its circle is that of the Steiner point of the body's
section there, whatever its shape (Schneider, "Convex bodies", 2013, section 1.7). The centroid of
the outline is no such point: heights count by their width, which changes with omega.

The sections' points of a loop lie on a line. Heights off that line, where ice sticks out, do not
count; the others have the same weight in every frame, so that the mean stays one point.
"""

import numpy as np

from segmill.alignment.harmonic import harmonic_design
from segmill.alignment.least_squares import FitError, solve
from segmill.classical.sweep_segmentation import Outlines

OUTLIER_SIGMAS = 3.0
# No frame is left out for less than so many px.
LEAST_OUTLIER = 2.0
# Blurred ends of the loop are left out, as is the neck, where the stem begins.
TRIMMED = 0.1
LEAST_HEIGHTS, LEAST_FRAMES = 5, 4
LINE_STEPS = 20


def middle_track(
    found: Outlines,
    omega: np.ndarray,
    used: np.ndarray,
    start: int,
    end: int,
    robust: bool = True,
) -> tuple[np.ndarray, float]:
    """Position of the loop's middle across the axis, (N,) px, NaN = not seen, and along it, px.

    Parameters
    ----------
    found : outlines of N frames
    omega : (N,) radians
    used : (N,) bool, frames that decide which heights count
    start, end : range of the loop along the axis, px from the edge where the sample enters
    robust : leave out (NaN) used frames that no body turning about the axis explains
    """
    along = (start + end - 1) / 2
    margin = round(TRIMMED * (end - start))
    heights = np.arange(start + margin, end - margin)
    seen = found.count[:, heights] > 0
    heights = heights[seen[used].all(axis=0)]
    if heights.size < LEAST_HEIGHTS or np.count_nonzero(used) < LEAST_FRAMES:
        return np.full(len(omega), np.nan), along
    middle = (found.first[:, heights] + found.last[:, heights]) / 2
    middle[found.count[:, heights] == 0] = np.nan
    points = np.linalg.lstsq(harmonic_design(omega[used]), middle[used], rcond=None)[0][1:]
    across = middle @ _weights(heights.astype(float), points, along)
    if robust:
        across[_odd_frames(across, omega, used)] = np.nan
    return across, along


def _odd_frames(across: np.ndarray, omega: np.ndarray, used: np.ndarray) -> np.ndarray:
    """(N,) bool, used frames off the circle and its harmonics of order 3 and 5.

    What a body's shape adds to the circle is no outlier: without it the circle is another.
    """
    track = np.where(used, across, np.nan)
    parts = [harmonic_design(omega, order)[:, order > 1 :] for order in (1, 3, 5)]
    try:
        found = solve(np.concatenate(parts, axis=1), track, robust=True)
    except FitError:  # angles over a part of a turn tell no harmonics apart
        found = solve(parts[0], track, robust=True)
    return used & ~found.inliers & (np.abs(found.residuals) > LEAST_OUTLIER)


def _weights(heights: np.ndarray, points: np.ndarray, along: float) -> np.ndarray:
    """Weights (U,) whose sum of the points (2, U) is a robust line's place at the height `along`.

    Least absolute distances first, then least squares without the points beyond three robust
    standard deviations.
    """
    design = np.column_stack([np.ones_like(heights), heights - along])
    weights = np.ones(heights.size)
    for _ in range(LINE_STEPS):
        away = _away(design, points, weights)
        weights = 1 / np.maximum(away, 1e-3 * np.median(away) + 1e-9)
    # Of a distance in the plane the median is 1.18 standard deviations of each coordinate.
    kept = away <= OUTLIER_SIGMAS * max(np.median(away) / 1.18, 0.1)
    return np.where(kept, np.linalg.pinv(design * kept[:, None])[0], 0.0)


def _away(design: np.ndarray, points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Distances (U,) of the points from the weighted least-squares line."""
    root = np.sqrt(weights)[:, None]
    values = np.linalg.lstsq(design * root, points.T * root, rcond=None)[0]
    return np.linalg.norm(points.T - design @ values, axis=1)
