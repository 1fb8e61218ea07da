"""How well opposite views of the inside agree, for every displacement across the axis.

The view half a turn on is a mirror image. Detail at v in one and at w in the other agrees where
v + w is twice the axis; detail in a medium, displaced by refraction, where v + w is more or less.
"""

from dataclasses import dataclass

import numba
import numpy as np

from segmill.alignment.slab_sums import face_shift, folded
from segmill.classical.sweep_interior import Interior

# Rows on both sides that are judged together, and rows between two judged ones.
HALF_ROWS, ROW_STEP = 8, 3
# Mean square of detail below which agreement does not count.
LEAST_POWER = 1e-3
# Views nearer to edge-on show nothing inside.
MOST_TURN = np.radians(72)


@dataclass(frozen=True)
class Agreement:
    """Correlation, -1 to 1, of the detail in M pairs of frames with their opposite views.

    Attributes
    ----------
    values : (M, R, S) float32, by pair, row and displacement
    base : (M,) v + w of the first displacement less that of the axis, window px
    rows : (R,) rows of the window, of which each stands for those around
    """

    values: np.ndarray
    base: np.ndarray
    rows: np.ndarray

    def at(self, row: int, sums: np.ndarray) -> np.ndarray:
        """(M,) correlation at a row's index and displacements `sums`, interpolated; 0 outside."""
        place = sums - self.base
        left = np.floor(place).astype(int)
        known = (left >= 0) & (left < self.values.shape[2] - 1)
        left = np.where(known, left, 0)
        pairs, share = np.arange(left.size), place - left
        values = self.values[:, row]
        mixed = (1 - share) * values[pairs, left] + share * values[pairs, left + 1]
        return np.where(known, mixed, 0.0)


def agreement(
    inside: Interior, first: np.ndarray, second: np.ndarray, axis_sum: np.ndarray, reach: int
) -> Agreement:
    """Agreement of frames `first` (M,) with `second` (M,), up to `reach` px off `axis_sum` (M,)."""
    start = np.round(axis_sum).astype(np.int64) - reach
    rows = np.arange(HALF_ROWS // 2, inside.detail.shape[1], ROW_STEP)
    values = np.zeros((len(first), rows.size, 2 * reach + 1), np.float32)
    _correlate(
        inside.detail,
        np.ascontiguousarray(inside.detail[:, :, ::-1]),
        inside.first.astype(np.int64),
        inside.last.astype(np.int64),
        np.asarray(first),
        np.asarray(second),
        start,
        rows,
        values,
    )
    return Agreement(values, start - axis_sum, rows)


@numba.njit(parallel=True, cache=True, nogil=True, fastmath=True)
def _correlate(detail, mirrored, first, last, one, two, start, rows, values):
    _, height, width = detail.shape
    for m in numba.prange(one.size):
        a, b = one[m], two[m]
        size = values.shape[2]
        parts = np.zeros((4, height + 1, size), np.float32)
        power = np.zeros((2, width + 1), np.float32)
        for u in range(height):
            parts[:, u + 1] = parts[:, u]
            low, high = first[a, u], last[a, u]
            if high < low or last[b, u] < first[b, u]:
                continue
            for v in range(width):
                power[0, v + 1] = power[0, v] + detail[a, u, v] ** 2
                power[1, v + 1] = power[1, v] + detail[b, u, v] ** 2
            for s in range(size):
                total = start[m] + s
                begin, end = max(low, total - last[b, u]), min(high, total - first[b, u]) + 1
                if end <= begin:
                    continue
                # The pixel total - v of b is width - 1 - total + v of its mirror image.
                shift = width - 1 - total
                product = np.float32(0)
                for v in range(begin, end):
                    product += detail[a, u, v] * mirrored[b, u, v + shift]
                parts[0, u + 1, s] += product
                parts[1, u + 1, s] += power[0, end] - power[0, begin]
                parts[2, u + 1, s] += power[1, total - begin + 1] - power[1, total - end + 1]
                parts[3, u + 1, s] += end - begin
        for r in range(rows.size):
            upper, lower = max(0, rows[r] - HALF_ROWS), min(height, rows[r] + HALF_ROWS + 1)
            for s in range(size):
                least = LEAST_POWER * (parts[3, lower, s] - parts[3, upper, s]) + 1e-6
                mine = parts[1, lower, s] - parts[1, upper, s] + least
                other = parts[2, lower, s] - parts[2, upper, s] + least
                product = parts[0, lower, s] - parts[0, upper, s]
                values[m, r, s] = product / np.sqrt(mine * other)


def joint_agreement(
    found: Agreement, omega: np.ndarray, beta: np.ndarray, thickness: np.ndarray, n: float
) -> np.ndarray:
    """(B, T, R) mean correlation over the pairs, were the medium of that direction and thickness.

    `omega` (M,) and `beta` (B,) in radians, `thickness` (T,) in window px.
    """
    turned = omega - beta[:, None]
    bent = face_shift(turned, n)
    seen = np.abs(folded(turned)) < MOST_TURN
    joint = np.zeros((beta.size, thickness.size, found.rows.size), np.float32)
    _joint(found.values, found.base, bent, seen, thickness, joint)
    return joint


@numba.njit(parallel=True, cache=True, nogil=True)
def _joint(values, base, bent, seen, thickness, joint):
    _, rows, size = values.shape
    for b in numba.prange(bent.shape[0]):
        count = 0
        for m in range(base.size):
            if not seen[b, m]:
                continue
            count += 1
            for t in range(thickness.size):
                place = thickness[t] * bent[b, m] - base[m]
                left = int(np.floor(place))
                if left < 0 or left >= size - 1:
                    continue
                share = np.float32(place - left)
                for r in range(rows):
                    joint[b, t, r] += (1 - share) * values[m, r, left]
                    joint[b, t, r] += share * values[m, r, left + 1]
        joint[b] /= max(count, 1)
