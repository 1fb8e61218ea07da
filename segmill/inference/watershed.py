"""Seeded watershed on grey levels, with one queue per level."""

import numba
import numpy as np

LEVELS = 256


def flood(level: np.ndarray, seeds: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Grow seeds over a landscape, low levels first, until they meet or fill the mask.

    Pixels spread to their four neighbours in the order of level, then of arrival, so that the
    result depends on nothing but the input. Time is linear in the number of pixels.

    Parameters
    ----------
    level : (h, w) uint8, height of the landscape
    seeds : (h, w) int32, 0 = no seed
    mask : (h, w) bool, where labels may go; seeds outside stay as they are and do not grow

    Returns
    -------
    (h, w) int32; 0 where no seed arrives.

    References
    ----------
    Meyer, "Topographic distance and watershed lines", Signal Processing 38, 1994.
    """
    labels = np.ascontiguousarray(seeds, np.int32).copy()
    _flood(np.ascontiguousarray(level), labels, np.ascontiguousarray(mask))
    return labels


@numba.njit(cache=True)
def _flood(level, labels, mask):
    height, width = labels.shape
    # Each level's queue is a list linked through `following`; a pixel enters one queue once.
    first = np.full(LEVELS, -1, np.int64)
    last = np.full(LEVELS, -1, np.int64)
    following = np.full(height * width, -1, np.int64)
    lowest = LEVELS
    for r in range(height):
        for c in range(width):
            if labels[r, c] == 0 or not mask[r, c]:
                continue
            # Only seeds with a free neighbour have somewhere to go.
            free = (
                (r > 0 and labels[r - 1, c] == 0 and mask[r - 1, c])
                or (c > 0 and labels[r, c - 1] == 0 and mask[r, c - 1])
                or (c < width - 1 and labels[r, c + 1] == 0 and mask[r, c + 1])
                or (r < height - 1 and labels[r + 1, c] == 0 and mask[r + 1, c])
            )
            if free:
                lowest = min(lowest, _push(r * width + c, level[r, c], first, last, following))
    while lowest < LEVELS:
        pixel = first[lowest]
        if pixel < 0:
            lowest += 1
            continue
        first[lowest] = following[pixel]
        if first[lowest] < 0:
            last[lowest] = -1
        r, c = pixel // width, pixel % width
        for dr, dc in ((-1, 0), (0, -1), (0, 1), (1, 0)):
            y, x = r + dr, c + dc
            if 0 <= y < height and 0 <= x < width and mask[y, x] and labels[y, x] == 0:
                labels[y, x] = labels[r, c]
                at = _push(y * width + x, level[y, x], first, last, following)
                lowest = min(lowest, at)


@numba.njit(cache=True)
def _push(pixel, at, first, last, following):
    """Append `pixel` to the queue of level `at` and return the level."""
    if last[at] < 0:
        first[at] = pixel
    else:
        following[last[at]] = pixel
    last[at] = pixel
    return np.int64(at)
