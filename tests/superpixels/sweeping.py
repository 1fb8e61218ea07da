"""The discrete eikonal equation solved without a heap, and images to try methods on."""

import math

import numpy as np


def local_solution(a, b, slowness):
    """T of max(T - a, 0)^2 + max(T - b, 0)^2 = slowness^2."""
    a, b = sorted((a, b))
    if b >= a + slowness:
        return a + slowness
    return (a + b + math.sqrt(2 * slowness**2 - (a - b) ** 2)) / 2


def sweep(slowness, sources, regions=None):
    """Arrival times by Gauss-Seidel sweeps in four directions until nothing changes (Zhao 2005)."""
    height, width = slowness.shape
    regions = np.zeros_like(slowness) if regions is None else regions
    times = np.where(sources > 0, 0.0, math.inf)

    def before(r, c, rr, cc):
        if 0 <= rr < height and 0 <= cc < width and regions[rr, cc] == regions[r, c]:
            return times[rr, cc]
        return math.inf

    changed = True
    while changed:
        changed = False
        for rows in (range(height), range(height - 1, -1, -1)):
            for columns in (range(width), range(width - 1, -1, -1)):
                for r in rows:
                    for c in columns:
                        a = min(before(r, c, r - 1, c), before(r, c, r + 1, c))
                        b = min(before(r, c, r, c - 1), before(r, c, r, c + 1))
                        if min(a, b) < math.inf:
                            t = local_solution(a, b, float(slowness[r, c]))
                            if t < times[r, c] - 1e-13:
                                times[r, c], changed = t, True
    return times


def patches(height=60, width=90, seed=0, noise=8):
    """(h, w, 3) uint8: a mosaic of colours with noise, and its labels."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    points = rng.uniform(0, 1, (9, 2)) * [height, width]
    labels = np.argmin(
        (rows[..., None] - points[:, 0]) ** 2 + (columns[..., None] - points[:, 1]) ** 2, 2
    )
    image = rng.integers(20, 235, (9, 3))[labels] + rng.normal(0, noise, (height, width, 3))
    return np.clip(image, 0, 255).astype(np.uint8), labels
