"""The whole slab from positions of one point in pairs of opposite views.

Their sums give thickness, direction and index (:mod:`.slab_sums`). Half their difference,

    A cos t + h sin t + (front - back) / 2 f(t),

gives the place of the point, once the height m halfway between the faces is known, which the
middle of the outline shows: front - back = 2 (m - h).
"""

import math
from dataclasses import replace

import numpy as np
from scipy import special

from segmill.alignment.harmonic import CircleFit, polar
from segmill.alignment.least_squares import FitError, solve
from segmill.alignment.slab import NAMES, SlabFit
from segmill.alignment.slab_model import N_BOUNDS
from segmill.alignment.slab_sums import (
    NORMAL_RANGE,
    SumFit,
    effective_count,
    face_shift,
    fit_sums,
    folded,
)

# Each face must be seen from both sides by so much.
LEAST_TURN = math.radians(30)
# Thickness below so many standard deviations is no medium.
LEAST_SIGMAS = 4.0
# The outline's middle need not lie halfway between the faces: share of the thickness.
ASYMMETRY = 0.03


def fit_slab_views(
    omega: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    middle: CircleFit,
    normal: float,
    n: float | tuple[float, float] = N_BOUNDS,
    weights: np.ndarray | None = None,
    shared: float = 0.0,
    pull: float = 0.0,
    extent: float = 0.0,
) -> SlabFit:
    """Slab around a point seen in M pairs of opposite views.

    Unlike :func:`segmill.alignment.fit_slab` it needs no view edge-on, and the shape of what is
    taken for the point does not matter to thickness, beta and n.

    Parameters
    ----------
    omega : (M,) radians, of the first view of each pair
    first, second : (M,) positions across the axis at `omega` and half a turn on; NaN = missing
    middle : circle of a point halfway between the faces, not refracted: the outline's middle
    normal : rough direction of the faces' normal, radians; searched 26 degrees on both sides
    n : refractive index, or its bounds
    weights : (M,) proportional to the inverse variance of each pair; None: all equal
    shared : size of the errors that neighbouring views share, in the unit of the positions
    pull : standard uncertainty of the thickness, as a share of it, beside the scatter: where all
        displacements are seen too small or too large alike
    extent : standard uncertainty of the point's place, beside the scatter: where it stands for a
        body whose centre is meant

    Returns
    -------
    SlabFit whose `residuals` and `inliers` are those of the pairs, (M,): half the difference from
    the model, root mean square over both views.

    Raises
    ------
    FitError
        where fewer than 10 pairs are left, they lie on one side of the normal, the direction comes
        out at the end of its range, or the thickness is not above zero.
    """
    omega, first, second = (np.asarray(part, np.float64) for part in (omega, first, second))
    weights = np.ones_like(omega) if weights is None else np.asarray(weights, np.float64)
    bounds = n if isinstance(n, tuple) else (n, n)
    found = fit_sums(omega, first + second, weights, 2 * middle.c, normal, bounds, shared)
    check_sums(omega, found, normal)
    covariance = found.covariance.copy()
    covariance[0, 0] += (pull * found.thickness) ** 2
    found = replace(found, covariance=covariance)
    place, covariance, residuals = _place(omega, first - second, weights, found, middle)
    covariance += (shared**2 + extent**2) * np.eye(2)
    return _result(found, middle, place, covariance, residuals, shared)


def check_sums(omega: np.ndarray, found: SumFit, normal: float) -> None:
    """Raise FitError where the sums do not show a slab."""
    t = folded(omega[found.inliers] - found.beta)
    if not t.min() < -LEAST_TURN < LEAST_TURN < t.max():
        raise FitError(
            f"slab: views that match reach from {math.degrees(t.min()):.0f} to "
            f"{math.degrees(t.max()):.0f} degrees of the normal, expected "
            f"{math.degrees(LEAST_TURN):.0f} on both sides"
        )
    sigma = math.sqrt(found.covariance[0, 0])
    if found.thickness < LEAST_SIGMAS * sigma:
        raise FitError(
            f"slab: no medium: the thickness is {found.thickness / sigma:.1f} times its "
            f"uncertainty, expected at least {LEAST_SIGMAS:g}"
        )
    if abs(found.node[0] - normal) > 0.95 * NORMAL_RANGE:
        raise FitError("slab: no direction within 26 degrees of the outline's explains the views")


def _place(omega, differences, weights, found: SumFit, middle: CircleFit):
    """A and h (2,) of the point, their covariance, and residuals (M,) of half the differences."""
    turned = omega - found.beta
    front = np.where(np.cos(turned) > 0, 1.0, -1.0)
    t = folded(turned)
    bent = face_shift(t, found.n)
    height, _ = _height(found, middle)
    # front - back = 2 (m - h): the difference is linear in A and h.
    half = front * differences / 2 - height * bent
    half[~found.inliers] = np.nan
    design = np.column_stack([np.cos(t), np.sin(t) - bent])
    fit = solve(design, half, np.where(found.inliers, weights, 0.0), robust=True)
    kept = np.where(fit.inliers, fit.residuals, np.nan)
    # What a body shows of itself changes slowly with the view.
    alike = np.count_nonzero(fit.inliers) / effective_count(t, kept, weights)
    return fit.values, alike * fit.covariance, fit.residuals


def _height(found: SumFit, middle: CircleFit) -> tuple[float, float]:
    """Height of the middle along the normal, and its standard uncertainty."""
    angle = middle.alpha - found.beta
    gradient = np.array([-math.sin(found.beta), math.cos(found.beta)])
    variance = float(gradient @ middle.covariance[1:, 1:] @ gradient)
    return middle.r * math.sin(angle), math.hypot(math.sqrt(variance), ASYMMETRY * found.thickness)


def _result(found: SumFit, middle: CircleFit, place, covariance, residuals, shared) -> SlabFit:
    """The fit in the terms of :class:`SlabFit`, beta in [0, pi)."""
    height, height_sigma = _height(found, middle)
    sine, cosine = math.sin(found.beta), math.cos(found.beta)
    a, b = place[0] * cosine - place[1] * sine, place[0] * sine + place[1] * cosine
    depth = height - place[1]
    front, back = found.thickness / 2 + depth, found.thickness / 2 - depth
    # Of c, A, h, middle's height, thickness, beta, n.
    blocks = np.zeros((7, 7))
    blocks[0, 0] = middle.covariance[0, 0] + shared**2
    blocks[1:3, 1:3] = covariance
    blocks[3, 3] = height_sigma**2 + shared**2
    blocks[4:, 4:] = found.covariance
    # An apparent depth is 1 / n of the true one: an error of the middle moves the point by n - 1.
    turn = -(place[0] - middle.r * math.cos(middle.alpha - found.beta))
    jacobian = np.zeros((7, 7))
    jacobian[0, 0] = 1.0
    jacobian[1] = [0, cosine, -sine, sine * (found.n - 1), 0, 0, 0]
    jacobian[2] = [0, sine, cosine, -cosine * (found.n - 1), 0, 0, 0]
    jacobian[3] = [0, 0, -1, found.n, 0.5, -turn, 0]
    jacobian[4] = [0, 0, 1, -found.n, 0.5, turn, 0]
    jacobian[5, 5] = jacobian[6, 6] = 1.0
    total = jacobian @ blocks @ jacobian.T
    if math.floor(found.beta / math.pi) % 2:
        front, back = back, front
        order = [0, 1, 2, 4, 3, 5, 6]
        total = total[np.ix_(order, order)]
    r, alpha, sigma_r, sigma_alpha = polar(a, b, total[1:3, 1:3])
    sigma = dict(zip(NAMES, np.sqrt(np.diag(total)).tolist(), strict=True))
    uncertainty = {
        "c": sigma["c"],
        "r": sigma_r,
        "alpha": sigma_alpha,
        "front": sigma["front"],
        "back": sigma["back"],
        "thickness": math.sqrt(found.covariance[0, 0]),
        "beta": sigma["beta"],
        "n": sigma["n"],
    }
    both = np.hypot(found.residuals / 2, residuals)
    inliers = np.isfinite(both)
    freedom = max(found.effective - len(NAMES) + 3, 1.0)
    statistic = (found.thickness / uncertainty["thickness"]) ** 2
    return SlabFit(
        c=middle.c,
        r=r,
        alpha=alpha,
        front=front,
        back=back,
        thickness=found.thickness,
        beta=found.beta % math.pi,
        n=found.n,
        uncertainty=uncertainty,
        covariance=total,
        residuals=both,
        inliers=inliers,
        rms=float(np.sqrt(np.mean(both[inliers] ** 2))),
        p_value=float(special.fdtrc(1, freedom, statistic)),
        minima=found.minima,
    )
