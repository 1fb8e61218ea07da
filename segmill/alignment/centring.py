"""The 3-D position of a point of the sample relative to the rotation axis, and the centring move.

Coordinates turn with the sample and coincide with the laboratory at omega = 0:

- `across` : perpendicular to the axis in the image, in the direction of growing pixel numbers
  (down for a horizontal axis, right for a vertical one)
- `along` : along the axis, in the direction of growing pixel numbers
- `depth` : along the line of sight, in the direction that a turn of omega = +90 degrees brings to
  positive `across`

so that in the image the point lies at

    across(omega) = axis + across cos(omega) + depth sin(omega),  along(omega) = along.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from segmill.alignment.harmonic import check_coverage, fit_circle
from segmill.alignment.least_squares import FitError, LinearFit, checked_track, solve
from segmill.alignment.slab import SlabFit, fit_slab

AXES = ("across", "along", "depth")
MODELS = ("circle", "slab")
LEAST_COVERAGE = math.radians(30)


@dataclass(frozen=True)
class Centre:
    """Where a point of the sample lies, in `unit`: ``mm``, or ``px`` without a calibration.

    Attributes
    ----------
    point : (3,) across, along, depth at omega = 0, relative to the rotation axis; `along`
        relative to `along_target`, or to the first pixel where there is none
    uncertainty : (3,) standard uncertainties
    move : (3,) translation of the sample, in the coordinates of `point`, that brings it onto the
        rotation axis and to the target along it: minus `point`, with 0 along without a target
    axis_position : of the rotation axis across the image, px: as given, or found
    axis_uncertainty : its standard uncertainty, px; 0 where it was given
    residuals : (N, 2) measured minus predicted position, across and along, px; NaN = missing
    rms : (2,) root mean square of these, px
    mm_per_px : calibration, or None
    along_target : px, or None
    """

    point: np.ndarray
    uncertainty: np.ndarray
    move: np.ndarray
    axis_position: float
    axis_uncertainty: float
    residuals: np.ndarray
    rms: np.ndarray
    mm_per_px: float | None
    along_target: float | None
    slab: SlabFit | None = None

    @property
    def unit(self) -> str:
        """Unit of `point`, `uncertainty` and `move`."""
        return "px" if self.mm_per_px is None else "mm"

    def predict(self, omega: np.ndarray | float) -> np.ndarray:
        """(..., 2) positions across and along in the image, px, at angles in radians.

        Where a slab was fitted, those of the image, refraction included.
        """
        omega = np.asarray(omega, np.float64)
        scale = self.mm_per_px or 1.0
        across, along, depth = self.point / scale
        if self.slab is not None:
            places = self.slab.predict(omega)
        else:
            places = self.axis_position + across * np.cos(omega) + depth * np.sin(omega)
        return np.stack([places, np.full_like(places, along + (self.along_target or 0.0))], -1)

    def in_slab(self, slab: SlabFit) -> "Centre":
        """The same point seen through a slab that was fitted to the same images, lengths in px.

        `point` is then where it would be seen without refraction.
        """
        scale = self.mm_per_px or 1.0
        across, depth = _polar_point(slab)
        point = np.array([across * scale, self.point[1], depth * scale])
        sigma = np.sqrt(np.diag(slab.covariance))[:3] * scale
        residuals = np.column_stack([slab.residuals, self.residuals[:, 1]])
        return replace(
            self,
            point=point,
            uncertainty=np.array([sigma[1], self.uncertainty[1], sigma[2]]),
            move=_move(point, self.along_target),
            axis_position=slab.c,
            axis_uncertainty=slab.uncertainty["c"],
            residuals=residuals,
            rms=np.sqrt(np.nanmean(residuals**2, axis=0)),
            slab=slab,
        )


def centre_3d(
    omega: np.ndarray,
    across: np.ndarray,
    along: np.ndarray,
    mm_per_px: float | None = None,
    axis_position: float | None = None,
    along_target: float | None = None,
    model: str = "circle",
    n: float | tuple[float, float] | None = None,
    weights: np.ndarray | None = None,
    robust: bool = False,
) -> Centre:
    """Least squares over omega for the 3-D position of a point seen in N images.

    Parameters
    ----------
    omega : (N,) angles in radians
    across, along : (N,) positions in the image across and along the axis, px; NaN = missing
    mm_per_px : size of a pixel on the sample; None: results in px
    axis_position : of the rotation axis across the image, px; None: found together with the point
        (circle: needs 4 images instead of 3)
    along_target : where along the axis the point shall come to lie, px, for example the beam
    model : ``circle``, or ``slab`` to take refraction into account, see :func:`fit_slab`; the
        point is then where it would be seen without refraction
    n : refractive index of the slab
    weights, robust : as for :func:`segmill.alignment.fit_circle`

    Raises
    ------
    FitError
        where positions or angles do not determine the point.

    Examples
    --------
    >>> omega = np.radians([0, 90, 180, 270])
    >>> centre = centre_3d(omega, [620, 590, 580, 610], [512] * 4, 0.002, along_target=500)
    >>> (centre.point * 1000).round(6).tolist(), (centre.move * 1000).round(6).tolist()
    ([40.0, 24.0, -20.0], [-40.0, -24.0, 20.0])
    >>> centre.axis_position
    600.0
    """
    if model not in MODELS:
        raise FitError(f"model: expected one of {', '.join(MODELS)}, found {model!r}")
    if mm_per_px is not None and not 0 < mm_per_px < math.inf:
        raise FitError(f"mm_per_px: expected a size above 0, found {mm_per_px}")
    if model == "slab" and axis_position is not None:
        raise FitError("model slab finds the axis itself: leave axis_position out")
    omega, across, given = checked_track(omega, across, weights)
    _, along, given_along = checked_track(omega, along, weights)
    slab = fit_slab(omega, across, n, given, robust) if model == "slab" else None
    if slab is not None:
        covariance, residuals = slab.covariance, slab.residuals
        axis, place = slab.c, _polar_point(slab)
    elif axis_position is None:
        circle = fit_circle(omega, across, given, robust)
        covariance, residuals = circle.covariance, circle.residuals
        axis, place = circle.c, _polar_point(circle)
    else:
        found = _about_known_axis(omega, across - axis_position, given, robust)
        covariance = np.zeros((3, 3))
        covariance[1:, 1:] = found.covariance
        residuals, axis, place = found.residuals, float(axis_position), found.values
    height = solve(np.ones((omega.size, 1)), along, given_along, robust)
    scale = 1.0 if mm_per_px is None else mm_per_px
    offset = float(height.values[0]) - (along_target or 0.0)
    point = np.array([place[0], offset, place[1]]) * scale
    sigma = np.sqrt([covariance[1, 1], height.covariance[0, 0], covariance[2, 2]]) * scale
    return Centre(
        point=point,
        uncertainty=sigma,
        move=_move(point, along_target),
        axis_position=axis,
        axis_uncertainty=float(np.sqrt(covariance[0, 0])),
        residuals=np.column_stack([residuals, height.residuals]),
        rms=np.sqrt(np.nanmean(np.column_stack([residuals, height.residuals]) ** 2, axis=0)),
        mm_per_px=mm_per_px,
        along_target=along_target,
        slab=slab,
    )


def _move(point: np.ndarray, along_target: float | None) -> np.ndarray:
    """Translation of the sample onto the axis and, where there is one, to the target."""
    return -point if along_target is not None else -point * np.array([1.0, 0.0, 1.0])


def _polar_point(fit) -> tuple[float, float]:
    """Coordinates (across, depth) of the point on a fitted circle."""
    return fit.r * math.cos(fit.alpha), fit.r * math.sin(fit.alpha)


def _about_known_axis(omega, across, weights, robust) -> LinearFit:
    """Two coordinates from positions relative to a known axis."""
    check_coverage(omega[weights > 0], math.pi, LEAST_COVERAGE, "centre about a known axis")
    return solve(np.column_stack([np.cos(omega), np.sin(omega)]), across, weights, robust)
