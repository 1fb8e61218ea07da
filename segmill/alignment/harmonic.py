"""Circle and projection: one harmonic of omega and a constant, in closed form.

A point of a rotating body moves across the axis as c + r cos(omega - alpha); extents and areas of
its projection repeat after half a turn and follow c + r cos(2 omega - alpha).
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special  # scipy.stats has the same distributions, and takes long to import

from segmill.alignment.least_squares import FitError, LinearFit, checked_track, solve

NAMES = ("c", "r", "alpha")
# Standard deviation of an angle of which nothing is known: uniform on the circle.
UNKNOWN_ANGLE = math.pi / math.sqrt(3)
# Least part of a period that the angles must cover: with less, constant and harmonic are one.
LEAST_COVERAGE = math.radians(30)


@dataclass(frozen=True)
class HarmonicFit:
    """y = c + r cos(k omega - alpha), fitted to N positions.

    Lengths are in the unit of the positions, angles in radians. Where `p_value` is not small, the
    motion is not above the noise, and r and alpha are not determined.

    Attributes
    ----------
    c, r, alpha : constant, amplitude (at least 0), phase in (-pi, pi]
    uncertainty : standard uncertainty (one standard deviation) of each of these, by name
    covariance : (3, 3) of c, a, b in c + a cos(k omega) + b sin(k omega)
    residuals : (N,) position minus model; NaN where the position is missing
    inliers : (N,) bool, False for outliers and missing positions
    rms : root of the mean squared residual of the inliers
    p_value : chance that noise alone gives such an amplitude (F test of a = b = 0)
    harmonic : k, 1 for a circle and 2 for a projection
    """

    c: float
    r: float
    alpha: float
    uncertainty: dict[str, float]
    covariance: np.ndarray
    residuals: np.ndarray
    inliers: np.ndarray
    rms: float
    p_value: float
    harmonic: int

    def predict(self, omega: np.ndarray | float) -> np.ndarray:
        """Positions at angles `omega` in radians, of the same shape."""
        return self.c + self.r * np.cos(self.harmonic * np.asarray(omega, float) - self.alpha)

    def interval(self, name: str, level: float = 0.95) -> tuple[float, float]:
        """Confidence interval of one parameter, by Student's t with N - 3 degrees of freedom."""
        dof = int(np.count_nonzero(self.inliers)) - len(NAMES)
        half = float(special.stdtrit(dof, (1 + level) / 2)) * self.uncertainty[name]
        return getattr(self, name) - half, getattr(self, name) + half


@dataclass(frozen=True)
class CircleFit(HarmonicFit):
    """y = c + r cos(omega - alpha): a point on a circle about the axis, seen from the side."""


@dataclass(frozen=True)
class ProjectionFit(HarmonicFit):
    """y = c + r cos(2 omega - alpha): an extent or area of a rotating body's projection."""

    @property
    def omega_largest(self) -> float:
        """Angle of the largest value in [0, pi); another half a turn on."""
        return _half_turn(self.alpha / 2)

    @property
    def omega_least(self) -> float:
        """Angle of the least value in [0, pi); another half a turn on."""
        return _half_turn(self.alpha / 2 + math.pi / 2)

    @property
    def omega_uncertainty(self) -> float:
        """Standard uncertainty of both angles, radians."""
        return self.uncertainty["alpha"] / 2


def fit_circle(
    omega: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None, robust: bool = False
) -> CircleFit:
    """Fit y = c + r cos(omega - alpha) by linear least squares.

    Parameters
    ----------
    omega : (N,) angles in radians
    y : (N,) positions across the axis, any unit; NaN = missing
    weights : (N,) proportional to the inverse variance of each position; None: all equal
    robust : find outliers and leave them out, see :func:`segmill.alignment.least_squares.solve`

    Raises
    ------
    FitError
        where fewer than 4 positions are left, or the angles cover less than 30 degrees or take too
        few values to determine the model.

    Examples
    --------
    >>> omega = np.radians(np.arange(0, 360, 30))
    >>> fit = fit_circle(omega, 5 + 2 * np.cos(omega - 1))
    >>> round(fit.c, 6), round(fit.r, 6), round(fit.alpha, 6)
    (5.0, 2.0, 1.0)
    """
    return _fit(CircleFit, 1, omega, y, weights, robust)


def fit_projection(
    omega: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None, robust: bool = False
) -> ProjectionFit:
    """Fit y = c + r cos(2 omega - alpha) by linear least squares; as :func:`fit_circle`.

    The angles must cover 15 degrees, 30 of the doubled angle.
    """
    return _fit(ProjectionFit, 2, omega, y, weights, robust)


def coverage(omega: np.ndarray, period: float = 2 * math.pi) -> float:
    """Angle in radians that the angles cover: the period less the largest gap between them."""
    if omega.size == 0:
        return 0.0
    places = np.sort(np.mod(omega, period))
    gaps = np.diff(places, append=places[0] + period)
    return float(period - gaps.max())


def harmonic_design(omega: np.ndarray, harmonic: int = 1) -> np.ndarray:
    """(N, 3) columns 1, cos(k omega), sin(k omega)."""
    angle = harmonic * omega
    return np.column_stack([np.ones_like(angle), np.cos(angle), np.sin(angle)])


def check_coverage(omega: np.ndarray, period: float, least: float, what: str) -> None:
    """Raise FitError where the angles cover less than `least` radians of the period."""
    covered = coverage(omega, period)
    if covered < least:
        raise FitError(
            f"{what}: omega covers {math.degrees(covered):.1f} degrees, expected at least "
            f"{math.degrees(least):.0f}"
        )


def polar(a: float, b: float, covariance: np.ndarray) -> tuple[float, float, float, float]:
    """Amplitude, phase and their standard uncertainties of a cos + b sin; covariance (2, 2)."""
    r, alpha = math.hypot(a, b), math.atan2(b, a)
    along = np.array([math.cos(alpha), math.sin(alpha)])
    across = np.array([-math.sin(alpha), math.cos(alpha)])
    sigma_r = math.sqrt(max(along @ covariance @ along, 0.0))
    sigma_t = math.sqrt(max(across @ covariance @ across, 0.0))
    sigma_alpha = min(sigma_t / r, UNKNOWN_ANGLE) if r > 0 else UNKNOWN_ANGLE
    return r, alpha, sigma_r, sigma_alpha


def _fit(kind, harmonic, omega, y, weights, robust):
    omega, y, weights = checked_track(omega, y, weights)
    check_coverage(
        omega[weights > 0], 2 * math.pi / harmonic, LEAST_COVERAGE / harmonic, kind.__name__
    )
    found = solve(harmonic_design(omega, harmonic), y, weights, robust)
    a, b = found.values[1:]
    r, alpha, sigma_r, sigma_alpha = polar(a, b, found.covariance[1:, 1:])
    sigma_c = float(np.sqrt(found.covariance[0, 0]))
    return kind(
        c=float(found.values[0]),
        r=r,
        alpha=alpha,
        uncertainty={"c": sigma_c, "r": sigma_r, "alpha": sigma_alpha},
        covariance=found.covariance,
        residuals=found.residuals,
        inliers=found.inliers,
        rms=found.rms,
        p_value=_p_value(found),
        harmonic=harmonic,
    )


def _p_value(found: LinearFit) -> float:
    """F test that both coefficients of the harmonic are zero."""
    coefficients, covariance = found.values[1:], found.covariance[1:, 1:]
    if found.sigma == 0:
        return 0.0 if coefficients.any() else 1.0
    statistic = coefficients @ np.linalg.solve(covariance, coefficients) / 2
    return float(special.fdtrc(2, found.dof, statistic))


def _half_turn(angle: float) -> float:
    wrapped = angle % math.pi
    return 0.0 if wrapped >= math.pi else wrapped
