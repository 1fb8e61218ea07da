"""Thickness, direction and index of a slab from sums of positions in opposite views.

A point in the medium at the height h along the front face's normal, A across it, appears about the
axis c, with t = omega - beta, at

    first(t)  = c + A cos t + h sin t + front f(t)        through the front,
    second(t) = c - A cos t - h sin t + back f(t)         half a turn on, through the back,

abs(t) < 90 degrees, f(t) = sin t - cos t tan i, sin i = sin t / n (:mod:`.slab_model`). The sum

    first + second = 2 c + (front + back) f(t)

is the same for all points of the medium, and the shape of what is seen drops out of it, as opposite
views of a body are mirror images.
"""

import math
from dataclasses import dataclass

import numpy as np

from segmill.alignment.least_squares import MAD_TO_SIGMA, FitError
from segmill.alignment.slab_model import N_BOUNDS, slab_columns

LEAST_PAIRS = 10
# Directions tried on both sides of the rough one, and their spacing.
NORMAL_RANGE, NORMAL_STEP = math.radians(26), math.radians(0.5)
N_NODES = 7
# Of the direction, beside what the sums say: faces are not exactly parallel to the axis.
NORMAL_SIGMA = math.radians(0.5)
# Errors that views share, as multiples of `shared`: the axis sum and an even function of t, an odd
# one, and the rest. Light that falls in obliquely moves what is seen evenly in t.
EVEN, ODD = 2.0, 0.7
LINEAR, FREE = 4, 6
TRIM_SIGMAS, TRIM_STEPS = 3.0, 8
MOST_CORRELATION, LEAST_EFFECTIVE = 0.8, 6.0


@dataclass(frozen=True)
class SumFit:
    """Sums of opposite views explained by one slab; lengths in the unit of the sums.

    Attributes
    ----------
    thickness, beta, n : posterior means
    covariance : (3, 3) of thickness, beta, n
    linear : (4,) most likely axis sum (beyond the given one), thickness, even, odd part of the
        shared error, at `node`, most likely (beta, n)
    axis_sum : as given
    residuals : (M,) sum minus most likely model, NaN where it does not count
    effective : number of independent sums
    minima : number of minima over beta at least e^-3 times as likely as the best one
    """

    thickness: float
    beta: float
    n: float
    covariance: np.ndarray
    linear: np.ndarray
    node: tuple[float, float]
    axis_sum: float
    residuals: np.ndarray
    effective: float
    minima: int

    @property
    def inliers(self) -> np.ndarray:
        """(M,) bool, pairs that the fit rests on."""
        return np.isfinite(self.residuals)

    @property
    def rms(self) -> float:
        """Root mean squared residual of the inliers."""
        return float(np.sqrt(np.nanmean(self.residuals**2)))

    def predict(self, omega: np.ndarray) -> np.ndarray:
        """Sum of the views at `omega` (M,), radians, and half a turn on."""
        return self.axis_sum + _design(omega - self.node[0], self.node[1]) @ self.linear


def folded(t: np.ndarray) -> np.ndarray:
    """Angles to the nearer face's normal, radians in [-pi/2, pi/2)."""
    return np.mod(t + math.pi / 2, math.pi) - math.pi / 2


def face_shift(t: np.ndarray, n) -> np.ndarray:
    """f(t): what a unit of depth below the face that is seen adds to a position; `t` in radians."""
    return slab_columns(folded(t), n)[0].sum(axis=-1)


def fit_sums(
    omega: np.ndarray,
    sums: np.ndarray,
    weights: np.ndarray,
    axis_sum: float,
    normal: float,
    n: tuple[float, float] = N_BOUNDS,
    shared: float = 0.0,
) -> SumFit:
    """Slab from sums of positions in opposite views.

    Linear least squares at every node of a grid over beta and n (flat in both), and the posterior
    over it. Neighbouring views err alike: the sums count as so many fewer as their residuals'
    correlation and weights say. Outliers beyond three robust standard deviations are left out.

    Parameters
    ----------
    omega : (M,) radians, of the first view of each pair
    sums : (M,) position in the first view plus that in the second; NaN = missing
    weights : (M,) relative weights, 0 = left out
    axis_sum : twice the axis' position
    normal : rough direction of the faces' normal, radians
    n : bounds of the refractive index
    shared : size of the errors that views share, a length

    Raises
    ------
    FitError
        where fewer than 10 pairs are left.
    """
    used = np.isfinite(sums) & (weights > 0)
    rest = np.where(used, sums - axis_sum, 0.0)
    scale = max(2 * shared, 1e-9)
    for _ in range(TRIM_STEPS):
        if np.count_nonzero(used) < LEAST_PAIRS:
            raise FitError(
                f"slab: {np.count_nonzero(used)} pairs of opposite views match, expected at least "
                f"{LEAST_PAIRS}"
            )
        grid = _solve(omega, rest, np.where(used, weights, 0.0), normal, n, shared, scale)
        k = int(np.argmin(grid.squares))
        residuals = rest - _design(omega - grid.beta[k], grid.n[k]) @ grid.linear[k]
        scale = max(float(np.sqrt(np.mean(residuals[used] ** 2))), shared / 3, 1e-9)
        robust = MAD_TO_SIGMA * float(np.median(np.abs(residuals[used])))
        # Against the first directions sums may look odd that are not: judged anew in each step.
        kept = np.isfinite(sums) & (weights > 0)
        kept &= np.abs(residuals) <= TRIM_SIGMAS * max(robust, shared, 1e-9)
        if np.array_equal(kept, used):
            break
        used = kept
    residuals = np.where(used, residuals, np.nan)
    return _posterior(omega, residuals, weights, grid, axis_sum, shared)


def effective_count(t: np.ndarray, residuals: np.ndarray, weights: np.ndarray) -> float:
    """Number of independent residuals (M,), NaN = none, whose neighbours in `t` resemble them.

    That of a first-order autoregressive series of the same correlation between neighbours; and of
    unequal `weights` (M,) as many as equal ones would be (Kish, "Survey sampling", 1965).
    """
    used = np.isfinite(residuals)
    track = residuals[used][np.argsort(t[used])]
    correlation = float(track[1:] @ track[:-1] / max(track @ track, 1e-300))
    correlation = min(max(correlation, 0.0), MOST_CORRELATION)
    count = weights[used].sum() ** 2 / np.square(weights[used]).sum()
    return max(float(count) * (1 - correlation) / (1 + correlation), LEAST_EFFECTIVE)


@dataclass(frozen=True)
class _Grid:
    """Least squares at K nodes.

    `beta`, `n`, `squares` (K,), `linear` (K, 4), `variance` (K,) of the thickness at unit noise,
    `volume` (K,) logarithm of the determinant of the normal matrix; `shape` of beta by n.
    """

    beta: np.ndarray
    n: np.ndarray
    linear: np.ndarray
    squares: np.ndarray
    variance: np.ndarray
    volume: np.ndarray
    shape: tuple[int, int]


def _design(t: np.ndarray, n) -> np.ndarray:
    """(..., 4) columns: axis sum, thickness, even and odd part of the shared error."""
    t = folded(t)
    return np.stack([np.ones_like(t), face_shift(t, n), np.cos(2 * t), np.sin(2 * t)], axis=-1)


def _solve(omega, sums, weights, normal, n, shared, scale) -> _Grid:
    """Solutions at all nodes; `scale` is the noise of a sum."""
    turns = np.arange(-NORMAL_RANGE, NORMAL_RANGE + NORMAL_STEP / 2, NORMAL_STEP)
    indices = np.linspace(*n, N_NODES) if n[0] < n[1] else np.array(n[:1])
    shape = (turns.size, indices.size)
    beta, index = (part.ravel() for part in np.meshgrid(normal + turns, indices, indexing="ij"))
    used = weights > 0
    root = np.sqrt(weights[used] / weights[used].mean())
    design = _design(omega[used] - beta[:, None], index[:, None]) * root[:, None]
    y = sums[used] * root
    # The shared errors are known to be of that size: as good as observed to be zero.
    size = np.array([EVEN, np.inf, EVEN, ODD]) * max(shared, 1e-9)
    normal_matrix = np.einsum("kmi,kmj->kij", design, design) + np.diag((scale / size) ** 2)
    inverse = np.linalg.inv(normal_matrix)
    right = np.einsum("kmi,m->ki", design, y)
    linear = np.einsum("kij,kj->ki", inverse, right)
    squares = np.maximum(y @ y - np.einsum("ki,ki->k", linear, right), 0.0)
    volume = np.linalg.slogdet(normal_matrix)[1]
    return _Grid(beta, index, linear, squares, inverse[:, 1, 1], volume, shape)


def _posterior(omega, residuals, weights, grid: _Grid, axis_sum, shared) -> SumFit:
    """Mean and covariance of thickness, beta and n over the grid."""
    k = int(np.argmin(grid.squares))
    used = np.isfinite(residuals)
    count = int(np.count_nonzero(used))
    effective = effective_count(folded(omega - grid.beta[k]), residuals, weights)
    squares = np.maximum(grid.squares + count * shared**2, 1e-300)
    log = -(effective - FREE + LINEAR - 1) / 2 * np.log(squares) - grid.volume / 2
    share = np.exp(log - log.max())
    share /= share.sum()
    values = np.stack([grid.linear[:, 1], grid.beta, grid.n], axis=1)
    mean = share @ values
    away = values - mean
    covariance = np.einsum("k,ki,kj->ij", share, away, away)
    noise = squares / count * (count / effective) * effective / (effective - LINEAR)
    covariance[0, 0] += share @ (noise * grid.variance)
    covariance[1, 1] += NORMAL_SIGMA**2
    best = log.reshape(grid.shape).max(axis=1)
    inner = best[1:-1]
    peaks = (inner >= best[:-2]) & (inner >= best[2:]) & (inner > best.max() - 3)
    return SumFit(
        thickness=float(mean[0]),
        beta=float(mean[1]),
        n=float(mean[2]),
        covariance=covariance,
        linear=grid.linear[k],
        node=(float(grid.beta[k]), float(grid.n[k])),
        axis_sum=axis_sum,
        residuals=residuals,
        effective=effective,
        minima=max(1, int(np.count_nonzero(peaks))),
    )
