"""Models over omega of what was measured in the frames of a sweep."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from segmill.alignment import (
    Centre,
    CircleFit,
    FitError,
    ProjectionFit,
    SlabFit,
    centre_3d,
    fit_circle,
    fit_projection,
    fit_slab,
    fit_slab_views,
)
from segmill.classical.align_options import INSIDE, POINTS, AlignmentOptions
from segmill.classical.sweep_inside import Inside

EXTENTS = ("area", "width", "height")
UM_PER_MM = 1000.0
# Errors of an outline that frames share, px: blur, oblique light. With it the true centre lies
# within two standard uncertainties in 96 of 100 synthetic sweeps.
OUTLINE_SIGMA = 0.25


@dataclass(frozen=True)
class Models:
    """Fits to the loop of one sweep, lengths in the unit of the tracks.

    Attributes
    ----------
    circle, slab : fits by point: ``middle``, ``centroid``, ``box``, ``extreme``, ``inside``; the
        medium's slab is that of ``inside``, the other points lie on the outline
    projection : fits by extent: ``area``, ``width``, ``height``
    centre : 3-D position and centring move, or None
    refused : what was not fitted, for example ``slab centroid``, and why
    """

    circle: dict[str, CircleFit] = field(default_factory=dict)
    slab: dict[str, SlabFit] = field(default_factory=dict)
    projection: dict[str, ProjectionFit] = field(default_factory=dict)
    centre: Centre | None = None
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def omega_least(self) -> float | None:
        """Omega in degrees, [0, 180), of the least projected area of the loop."""
        fit = self.projection.get("area")
        return None if fit is None else float(np.degrees(fit.omega_least))

    @property
    def omega_largest(self) -> float | None:
        """Omega in degrees, [0, 180), of the largest projected area of the loop."""
        fit = self.projection.get("area")
        return None if fit is None else float(np.degrees(fit.omega_largest))


def fit_models(
    tracks: pd.DataFrame,
    scale: float,
    options: AlignmentOptions,
    inside: Inside | str,
    spread: np.ndarray | None = None,
) -> Models:
    """Fit every model to the used frames of the tracks.

    Parameters
    ----------
    tracks : per frame `omega` (degrees), `used` and the positions and measures, `loop_*`,
        `inside_*`
    scale : unit of the tracks per pixel
    inside : what lies inside in opposite views, px, or why that is not known
    spread : (2,) standard uncertainty of the loop's middle beside the scatter of the frames, px
    """
    models = Models()
    omega = np.radians(tracks["omega"].to_numpy(float))
    n = (options.n_low, options.n_high)
    for point in POINTS:
        across = _track(tracks, f"loop_{point}_across")
        _try(models, "circle", point, fit_circle, omega, across, robust=_robust(options, point))
        _try(models, "slab", point, fit_slab, omega, across, n=n, robust=options.robust)
    if isinstance(inside, str):
        models.refused[f"slab {INSIDE}"] = inside
    else:
        across = _track(tracks, f"{INSIDE}_across")
        _try(models, "circle", INSIDE, fit_circle, omega, across, robust=options.robust)
        middle = models.circle.get("middle")
        _try(models, "slab", INSIDE, fit_inside, omega, across, inside, middle, n, scale)
    for extent in EXTENTS:
        values = _track(tracks, f"loop_{extent}")
        _try(models, "projection", extent, fit_projection, omega, values, robust=options.robust)
    try:
        centre = _centre(tracks, omega, scale, options, models)
    except FitError as error:
        models.refused["centre"] = str(error)
        return models
    shared = np.full(3, OUTLINE_SIGMA)
    if options.point == "middle" and spread is not None:
        shared[[0, 2]] = np.hypot(shared[[0, 2]], spread)
    shared *= options.mm_per_px or 1.0
    centre = replace(centre, uncertainty=np.hypot(centre.uncertainty, shared))
    return Models(models.circle, models.slab, models.projection, centre, models.refused)


def fit_inside(
    omega: np.ndarray, across: np.ndarray, inside: Inside, middle: CircleFit | None, n, scale: float
) -> SlabFit:
    """The medium's slab from opposite views, with the residuals of the N frames.

    Parameters
    ----------
    omega, across : (N,) radians and positions of what is inside, in the unit of the tracks
    inside : the views, px
    middle : circle of the outline's middle, in the unit of the tracks
    n : bounds of the refractive index
    scale : unit of the tracks per pixel
    """
    if middle is None:
        raise FitError("slab: the circle of the outline's middle is not known")
    lengths = (inside.first, inside.second, inside.shared, inside.extent)
    first, second, shared, extent = (part * scale for part in lengths)
    fit = fit_slab_views(
        inside.omega,
        first,
        second,
        middle,
        inside.normal,
        n,
        inside.weights,
        shared,
        inside.pull,
        extent,
    )
    residuals = across - fit.predict(omega)
    return replace(fit, residuals=residuals, inliers=np.isfinite(residuals))


def _track(tracks: pd.DataFrame, name: str) -> np.ndarray:
    """A column, NaN where the frame does not count."""
    return np.where(tracks["used"].to_numpy(bool), tracks[name].to_numpy(float), np.nan)


def _centre(tracks, omega, scale: float, options: AlignmentOptions, models: Models) -> Centre:
    """3-D place of the chosen point."""
    prefix = options.point if options.point == INSIDE else f"loop_{options.point}"
    slab = None
    if options.point == INSIDE:
        slab = models.slab.get(INSIDE)
        if slab is None:
            raise FitError(models.refused[f"slab {INSIDE}"])
    chosen = slab is not None and options.centre_model == "slab"
    # What is inside lies on no circle; its slab has tests of its own.
    if slab is None:
        _check_residuals(tracks, options, models)
    centre = centre_3d(
        omega,
        _track(tracks, f"{prefix}_across") / scale,
        _track(tracks, f"{prefix}_along") / scale,
        mm_per_px=options.mm_per_px,
        along_target=options.along_target,
        model="circle" if chosen else options.centre_model,
        n=(options.n_low, options.n_high),
        robust=_robust(options, options.point),
    )
    return centre.in_slab(slab.scaled(1 / scale)) if chosen else centre


def _check_residuals(tracks, options: AlignmentOptions, models: Models) -> None:
    """Raise FitError where the frames contradict each other about the chosen point."""
    circle = models.circle.get(options.point)
    if circle is None:
        raise FitError(models.refused[f"circle {options.point}"])
    seen = np.isfinite(_track(tracks, f"loop_{options.point}_across"))
    used = tracks["used"].to_numpy(bool)
    lost = int(np.count_nonzero(used & ~seen))
    if lost > options.max_lost * np.count_nonzero(used):
        raise FitError(
            f"in {lost} of {np.count_nonzero(used)} frames the {options.point} contradicts the "
            f"others or is not seen, expected in at most {options.max_lost:.0%}"
        )
    share = circle.rms / np.nanmean(_track(tracks, "loop_width"))
    if share > options.max_residual:
        raise FitError(
            f"the {options.point} misses its circle by {share:.1%} of the loop's mean width, "
            f"expected at most {options.max_residual:.1%}: the loop is not seen alike in all frames"
        )


def _robust(options: AlignmentOptions, point: str) -> bool:
    """Whether the circle of a point leaves outliers out; the middle's track has none any more."""
    return options.robust and not (point == "middle" and options.centre_model == "circle")


def _try(models: Models, model: str, name: str, fit, *positions, **options) -> None:
    """Keep the fit, or why there is none."""
    try:
        getattr(models, model)[name] = fit(*positions, **options)
    except FitError as error:
        models.refused[f"{model} {name}"] = str(error)
