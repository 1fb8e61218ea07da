"""Linear least squares with covariance, weights and outliers left out."""

from dataclasses import dataclass

import numpy as np

from segmill.errors import SegmillError

# Residuals beyond so many robust standard deviations are outliers: of Gaussian noise 6 in 100 000.
OUTLIER_SIGMAS = 4.0
MAD_TO_SIGMA = 1.4826
START_STEPS, TRIM_STEPS = 15, 20
# Beyond it a design says nothing about some combination of its parameters.
MAX_CONDITION = 1e5


class FitError(SegmillError, ValueError):
    """Positions over omega do not determine the model; the message says why."""


@dataclass(frozen=True)
class LinearFit:
    """Solution of ``design @ values = y`` for N points and p parameters.

    Attributes
    ----------
    values : (p,)
    covariance : (p, p) of the values, from the scatter of the residuals
    residuals : (N,) y minus model; NaN where y is missing
    inliers : (N,) bool, True for the points that determined the values
    sigma : standard deviation of a point of weight 1, with N - p degrees of freedom
    """

    values: np.ndarray
    covariance: np.ndarray
    residuals: np.ndarray
    inliers: np.ndarray
    sigma: float

    @property
    def rms(self) -> float:
        """Root of the mean squared residual of the inliers."""
        return float(np.sqrt(np.mean(self.residuals[self.inliers] ** 2)))

    @property
    def dof(self) -> int:
        """Degrees of freedom of the residuals: inliers minus parameters."""
        return int(np.count_nonzero(self.inliers)) - self.values.size


def checked_track(
    omega: np.ndarray, y: np.ndarray, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Angles, positions and weights as (N,) float64; every offence in one error.

    A position of NaN is missing and gets the weight 0.

    Raises
    ------
    FitError
        for unequal or multidimensional shapes, infinite positions, angles or weights that are not
        finite, negative weights.
    """
    omega, y = np.asarray(omega, np.float64), np.asarray(y, np.float64)
    weights = np.ones_like(y) if weights is None else np.asarray(weights, np.float64)
    if not omega.shape == y.shape == weights.shape or y.ndim != 1:
        shapes = f"{omega.shape}, {y.shape}, {weights.shape}"
        raise FitError(f"omega, positions, weights: expected three arrays (N,), found {shapes}")
    bad = {
        "omega: not finite": ~np.isfinite(omega),
        "positions: infinite": np.isinf(y),
        "weights: not finite or negative": ~(np.isfinite(weights) & (weights >= 0)),
    }
    offences = [
        f"{what} at {np.flatnonzero(at)[:5].tolist()}" for what, at in bad.items() if at.any()
    ]
    if offences:
        raise FitError("; ".join(offences))
    return omega, y, np.where(np.isnan(y), 0.0, weights)


def solve(
    design: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None, robust: bool = False
) -> LinearFit:
    """Weighted linear least squares in closed form.

    Parameters
    ----------
    design : (N, p)
    y : (N,); NaN = missing
    weights : (N,) proportional to the inverse variance of each point; None: all equal
    robust : leave out outliers by iteratively reweighted least squares: least absolute residuals
        first, then Talwar's weights (1 within four robust standard deviations, else 0), so that
        without outliers the result is that of plain least squares

    Raises
    ------
    FitError
        where points are too few or the design is (nearly) singular.

    References
    ----------
    Hinich and Talwar, "A simple method for robust regression", JASA 70, 1975.
    """
    weights = np.ones(y.shape) if weights is None else weights
    used = (weights > 0) & ~np.isnan(y)
    filled = np.where(used, np.nan_to_num(y), 0.0)
    if not robust:
        return _solved(design, y, filled, np.where(used, weights, 0.0))
    kept = used
    residuals = np.where(
        used, filled - design @ _least_absolute(design, filled, weights * used), 0.0
    )
    for _ in range(TRIM_STEPS):
        new = used & ~outliers(residuals * np.sqrt(weights), used, design.shape[1])
        found = _solved(design, y, filled, np.where(new, weights, 0.0))
        residuals = np.nan_to_num(found.residuals)
        if (new == kept).all():
            break
        kept = new
    return found


def outliers(residuals: np.ndarray, used: np.ndarray, parameters: int) -> np.ndarray:
    """(N,) bool, True where a weighted residual is too large to be noise.

    The scale is the median absolute residual of the points in use, as of Gaussian noise, with the
    degrees of freedom that the fit has taken made up for.
    """
    count = np.count_nonzero(used)
    if count <= parameters + 1:
        return np.zeros(used.shape, bool)
    scale = MAD_TO_SIGMA * np.median(np.abs(residuals[used]))
    scale *= np.sqrt(count / (count - parameters))
    # A model that fits to rounding has no outliers.
    floor = 1e-9 * (1 + np.abs(residuals[used]).max())
    return used & (np.abs(residuals) > OUTLIER_SIGMAS * scale + floor)


def _solved(design, y, filled, weights) -> LinearFit:
    """The closed form, by QR of the weighted design."""
    inliers = weights > 0
    count, parameters = int(np.count_nonzero(inliers)), design.shape[1]
    if count <= parameters:
        raise FitError(f"expected more than {parameters} positions, found {count}")
    root = np.sqrt(weights)
    q, r = np.linalg.qr(design * root[:, None])
    condition = np.linalg.cond(r)
    if not condition < MAX_CONDITION:
        raise FitError(
            "the angles do not determine the model: its design is singular "
            f"(condition {condition:.1e}, expected below {MAX_CONDITION:.0e})"
        )
    values = np.linalg.solve(r, q.T @ (filled * root))
    residuals = np.where(np.isnan(y), np.nan, filled - design @ values)
    squares = float(np.sum((np.nan_to_num(residuals) * root) ** 2))
    variance = squares / (count - parameters)
    inverse = np.linalg.inv(r)
    return LinearFit(values, variance * inverse @ inverse.T, residuals, inliers, variance**0.5)


def _least_absolute(design, filled, weights) -> np.ndarray:
    """Approximate least absolute residuals: least squares reweighted by 1 / |residual|."""
    current = weights
    for _ in range(START_STEPS):
        found = _solved(design, filled, filled, current)
        size = np.abs(found.residuals) * np.sqrt(weights)
        scale = np.median(size[weights > 0])
        current = weights / np.maximum(size, 1e-3 * scale + 1e-12)
    return found.values
