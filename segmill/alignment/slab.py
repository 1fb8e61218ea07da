"""Fit of the slab model: circle, two depths, the slab's direction and its refractive index."""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import special  # scipy.stats has the same distributions, and takes long to import

from segmill.alignment.harmonic import UNKNOWN_ANGLE, check_coverage, fit_circle, polar
from segmill.alignment.least_squares import FitError, checked_track, outliers
from segmill.alignment.slab_model import N_BOUNDS, slab_columns, slab_shift
from segmill.alignment.slab_posterior import posterior_covariance, rivals
from segmill.alignment.slab_search import (
    LINEAR,
    Minima,
    Projected,
    Track,
    chosen,
    descended,
    project,
    search,
)

LEAST_POINTS = 9
LEAST_COVERAGE = math.radians(200)
# A circle and chance explain the positions as well, at this level: nothing to tell a slab from.
SIGNIFICANCE = 0.01
LEAST_ABSOLUTE_STEPS, TRIM_STEPS = 3, 8
# Cells are narrow: to find outliers, two Newton steps in each are enough.
ROUGH_STEPS = 2
POLISH_STEPS = 8
UNSEEN = "slab: at no direction are both faces seen in at least 2 frames"
# Order of the values that a posterior sample holds.
NAMES = ("c", "a", "b", "front", "back", "beta", "n")


@dataclass(frozen=True)
class SlabFit:
    """y = c + r cos(omega - alpha) - shift(omega - beta), fitted to N positions.

    Lengths are in the unit of the positions, angles in radians. The slab is the same with
    beta + pi and `front` and `back` exchanged.

    Attributes
    ----------
    c, r, alpha : the circle on which the point itself moves, without refraction
    front, back : depths of the point below the two faces; where they are negative (not `physical`)
        another effect than refraction is at work
    thickness : front + back
    beta : direction of the front face's normal, in [0, pi)
    n : refractive index, fitted within its bounds or as given; a bound itself where the positions
        say no more
    uncertainty : standard uncertainty of each of these, by name
    covariance : (7, 7) of c, a, b, front, back, beta, n about the fitted values, in
        c + a cos(omega) + b sin(omega) - shift
    residuals : (N,) position minus model; NaN where the position is missing
    inliers : (N,) bool, False for outliers and missing positions
    rms : root of the mean squared residual of the inliers
    p_value : chance that a circle and noise give such residuals (F test, corrected for the search
        over beta)
    minima : number of minima over beta at least e^-3 times as likely as the best one
    """

    c: float
    r: float
    alpha: float
    front: float
    back: float
    thickness: float
    beta: float
    n: float
    uncertainty: dict[str, float]
    covariance: np.ndarray
    residuals: np.ndarray
    inliers: np.ndarray
    rms: float
    p_value: float
    minima: int

    @property
    def physical(self) -> bool:
        """Whether neither depth is below zero by more than twice its uncertainty."""
        return all(getattr(self, name) > -2 * self.uncertainty[name] for name in ("front", "back"))

    def predict(self, omega: np.ndarray | float) -> np.ndarray:
        """Positions of the image at angles `omega` in radians, of the same shape."""
        omega = np.asarray(omega, np.float64)
        shift = slab_shift(omega - self.beta, self.front, self.back, self.n)
        return self.circle(omega) - shift

    def circle(self, omega: np.ndarray | float) -> np.ndarray:
        """Positions without refraction: those of the point itself."""
        return self.c + self.r * np.cos(np.asarray(omega, np.float64) - self.alpha)

    def scaled(self, scale: float) -> "SlabFit":
        """The same fit with lengths in another unit, `scale` of it per present one."""
        lengths = ("c", "r", "front", "back", "thickness")
        factor = np.array([1.0 if name in ("beta", "n") else scale for name in NAMES])
        return replace(
            self,
            **{name: getattr(self, name) * scale for name in lengths},
            uncertainty={
                name: value * (scale if name in lengths else 1.0)
                for name, value in self.uncertainty.items()
            },
            covariance=self.covariance * np.outer(factor, factor),
            residuals=self.residuals * scale,
            rms=self.rms * scale,
        )

    def interval(self, name: str, level: float = 0.95) -> tuple[float, float]:
        """Confidence interval of one parameter, by Student's t."""
        dof = int(np.count_nonzero(self.inliers)) - len(NAMES)
        half = float(special.stdtrit(dof, (1 + level) / 2)) * self.uncertainty[name]
        return getattr(self, name) - half, getattr(self, name) + half


def fit_slab(
    omega: np.ndarray,
    y: np.ndarray,
    n: float | tuple[float, float] | None = None,
    weights: np.ndarray | None = None,
    robust: bool = False,
) -> SlabFit:
    """Fit the slab model by variable projection, over all minima in beta.

    Uncertainties come from the Jacobian at each minimum over beta and index, averaged with the
    likelihood of each (flat in beta and in n within its bounds): where the positions do not tell
    minima apart or do not determine n, that is part of the uncertainty.

    Parameters
    ----------
    omega : (N,) angles in radians
    y : (N,) positions across the axis, any unit; NaN = missing
    n : refractive index; (low, high) to fit it between; None: between 1.29 and 1.33
    weights : (N,) proportional to the inverse variance of each position; None: all equal
    robust : find outliers (beyond four robust standard deviations) and leave them out

    Raises
    ------
    FitError
        where fewer than 9 positions are left, the angles cover less than 200 degrees (one face
        might never be seen), a face is seen in fewer than 2 frames, n is below 1, or a circle
        explains the positions as well, so that depths and direction are not determined.

    References
    ----------
    Golub and Pereyra, "Separable nonlinear least squares", Inverse Problems 19, 2003.
    """
    omega, y, weights = checked_track(omega, y, weights)
    n_range = _n_range(n)
    track = Track(omega, np.nan_to_num(y), np.sqrt(weights))
    _check(track)
    if robust:
        track = _without_outliers(track, n_range)
    minima = search(track, n_range)
    beta, index, solved = _polished(track, minima, n_range)
    p_value = _p_value(track, float(solved.squares[0]))
    if not p_value < SIGNIFICANCE:
        raise FitError(
            "front, back and beta are not determined: a circle explains the positions as well "
            f"(p = {p_value:.2g}, expected below {SIGNIFICANCE})"
        )
    best = np.concatenate([solved.linear[0], beta, index])
    free = LINEAR + (1 if n_range[0] == n_range[1] else 2)
    variance = float(solved.squares[0]) / (track.count - free)
    covariance = posterior_covariance(track, minima, n_range, best, variance)
    return _result(omega, y, track, best, covariance, p_value, rivals(track, minima))


def _n_range(n: float | tuple[float, float] | None) -> tuple[float, float]:
    low, high = N_BOUNDS if n is None else (n if isinstance(n, tuple) else (n, n))
    if not 1.0 < low <= high < math.inf:
        raise FitError(f"n: expected indices above 1, the lower first, found {low} and {high}")
    return float(low), float(high)


def _check(track: Track) -> None:
    if track.count < LEAST_POINTS:
        raise FitError(f"slab: expected at least {LEAST_POINTS} positions, found {track.count}")
    omega = track.omega[track.root > 0]
    check_coverage(omega, 2 * math.pi, LEAST_COVERAGE, "slab")
    distinct = np.unique(np.round(np.mod(omega, 2 * math.pi), 9)).size
    if distinct < LEAST_POINTS:
        raise FitError(f"slab: expected at least {LEAST_POINTS} angles, found {distinct}")


def _without_outliers(track: Track, n_range: tuple[float, float]) -> Track:
    """The track with the weight 0 for outliers, found from least absolute residuals on."""
    used, root = track.root > 0, track.root
    middle = float(np.mean(n_range))
    current = track
    for _ in range(LEAST_ABSOLUTE_STEPS):
        residuals = _best_residuals(current, track, middle)
        scale = np.median(np.abs(residuals[used]))
        size = np.maximum(np.abs(residuals), 1e-3 * scale + 1e-12)
        current = Track(track.omega, track.y, root * np.sqrt(scale / size) if scale else root)
    for _ in range(TRIM_STEPS):
        residuals = _best_residuals(current, track, middle)
        kept = used & ~outliers(residuals, used, LINEAR + 1)
        new = Track(track.omega, track.y, np.where(kept, root, 0.0))
        if np.array_equal(new.root, current.root):
            break
        current = new
    _check(current)
    return current


def _best_residuals(current: Track, whole: Track, n: float) -> np.ndarray:
    """Weighted residuals (N,) of the whole track from the fit to the current one.

    Of all minima the one of least absolute residuals: a wrong direction may explain outliers and
    have the least squares.
    """
    beta, solved = descended(current, n, ROUGH_STEPS)
    legal = np.isfinite(solved.squares)
    if not legal.any():
        raise FitError(UNSEEN)
    omega, beta, linear = whole.omega, beta[legal], solved.linear[legal]
    columns, _, _ = slab_columns(omega - beta[:, None], n)
    circle = linear[:, :3] @ np.stack([np.ones_like(omega), np.cos(omega), np.sin(omega)])
    model = circle + (columns @ linear[:, 3:, None])[..., 0]
    residuals = (whole.y - model) * whole.root
    return residuals[np.argmin(np.abs(residuals).sum(axis=1))]


def _polished(
    track: Track, minima: Minima, n_range: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray, Projected]:
    """The best minimum, beta and n (1,) moved together; n stays within its bounds."""
    k = [int(np.argmin(minima.solved.squares))]
    beta, n = minima.beta[k], minima.n[k]
    if not np.isfinite(minima.solved.squares[k[0]]):
        raise FitError(UNSEEN)
    best = project(track, beta, n)
    for _ in range(POLISH_STEPS if n_range[0] < n_range[1] else 0):
        step = np.linalg.lstsq(best.slopes[0], best.residuals[0], rcond=1e-10)[0]
        new_n = np.clip(n + step[1], *n_range)
        # With n held at a bound, beta alone takes its best step.
        rest = best.residuals[0] - best.slopes[0, :, 1] * (new_n - n)
        slope = best.slopes[0, :, 0]
        curvature = slope @ slope
        change = (slope @ rest) / curvature if curvature > 0 else 0.0
        new_beta = np.clip(beta + change, minima.low[k], minima.high[k])
        new = project(track, new_beta, new_n)
        if not new.squares[0] < best.squares[0]:
            break
        beta, n, best = new_beta, new_n, chosen(best, new, np.array([True]))
    return beta, n, best


def _p_value(track: Track, squares: float) -> float:
    """F test of the slab against the circle, times the number of cells tried (Bonferroni)."""
    used = track.root > 0
    circle = fit_circle(track.omega[used], track.y[used], track.root[used] ** 2)
    circle_squares = float(np.sum((circle.residuals * track.root[used]) ** 2))
    if squares <= 0:
        return 0.0 if circle_squares > 0 else 1.0
    dof = track.count - LINEAR - 1
    # Depths and direction are three parameters more.
    statistic = max(0.0, circle_squares - squares) / 3 / (squares / dof)
    return min(1.0, float(special.fdtrc(3, dof, statistic)) * track.count)


def _result(omega, y, track, best, covariance, p_value, minima) -> SlabFit:
    c, a, b, front, back, beta, n = (float(v) for v in best)
    r, alpha, sigma_r, sigma_alpha = polar(a, b, covariance[1:3, 1:3])
    sigma = np.sqrt(np.diag(covariance))
    both = covariance[3:5, 3:5]
    uncertainty = {
        "c": float(sigma[0]),
        "r": sigma_r,
        "alpha": sigma_alpha,
        "front": float(sigma[3]),
        "back": float(sigma[4]),
        "thickness": float(np.sqrt(both.sum())),
        "beta": min(float(sigma[5]), UNKNOWN_ANGLE),
        "n": float(sigma[6]),
    }
    shift = slab_shift(omega - beta, front, back, n)
    residuals = y - (c + a * np.cos(omega) + b * np.sin(omega) - shift)
    inliers = track.root > 0
    if math.floor(beta / math.pi) % 2:
        front, back = back, front
        uncertainty["front"], uncertainty["back"] = uncertainty["back"], uncertainty["front"]
        order = [0, 1, 2, 4, 3, 5, 6]
        covariance = covariance[np.ix_(order, order)]
    return SlabFit(
        c=c,
        r=r,
        alpha=alpha,
        front=front,
        back=back,
        thickness=front + back,
        beta=beta % math.pi,
        n=n,
        uncertainty=uncertainty,
        covariance=covariance,
        residuals=residuals,
        inliers=inliers,
        rms=float(np.sqrt(np.mean(residuals[inliers] ** 2))),
        p_value=p_value,
        minima=minima,
    )
