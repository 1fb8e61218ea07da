"""Points of the sample in every frame: the middle of the loop, and what lies inside it."""

import numpy as np
import pandas as pd

from segmill.alignment import FitError, fit_circle, fit_projection
from segmill.classical.align_options import AlignmentOptions
from segmill.classical.sweep_inside import Inside, find_inside
from segmill.classical.sweep_interior import Interior
from segmill.classical.sweep_middle import middle_track
from segmill.classical.sweep_parts import Parts
from segmill.classical.sweep_segmentation import Outlines


def middle_points(
    found: Outlines, parts: Parts, tracks: pd.DataFrame, options: AlignmentOptions
) -> tuple[pd.DataFrame, np.ndarray]:
    """The loop's middle in each frame, px, positions along from where the sample enters.

    And the standard uncertainty (2,), px, that :class:`MiddleTrack` gives it.
    """
    omega, used = np.radians(tracks["omega"].to_numpy()), tracks["used"].to_numpy()
    middle = middle_track(found, omega, used, parts.loop_start, parts.tip, options.robust)
    along = np.where(np.isnan(middle.across), np.nan, middle.along)
    table = pd.DataFrame({"middle_across": middle.across, "middle_along": along})
    return table, middle.spread


def inside_views(
    detail: Interior | None,
    found: Outlines,
    parts: Parts,
    tracks: pd.DataFrame,
    scale: float,
    options: AlignmentOptions,
) -> Inside | str:
    """What lies in the medium, px, or why it is not known.

    `tracks` hold the loop's middle and area in a unit of which there are `scale` per pixel.
    """
    omega, used = np.radians(tracks["omega"].to_numpy()), tracks["used"].to_numpy()
    across, area = (
        np.where(used, tracks[f"loop_{name}"].to_numpy(), np.nan)
        for name in ("middle_across", "area")
    )
    width = found.extent[:, parts.loop_start : parts.tip]
    try:
        middle = fit_circle(omega, across / scale)
        # Faces lie along the loop: seen edge-on where it is seen narrowest.
        normal = fit_projection(omega, area, robust=options.robust).omega_least - np.pi / 2
        n = (options.n_low, options.n_high)
        return find_inside(detail, omega, used, width, middle, normal, n)
    except FitError as error:
        return str(error)


def inside_points(inside: Inside | str, count: int) -> pd.DataFrame:
    """Positions of what lies inside in each frame, px, NaN = not seen."""
    if isinstance(inside, str):
        return pd.DataFrame(np.nan, index=range(count), columns=["across", "along"])
    along = np.where(np.isnan(inside.across), np.nan, inside.along)
    return pd.DataFrame({"across": inside.across, "along": along})


def in_image(
    measures: pd.DataFrame, side: str, shape: tuple[int, int], scale: float
) -> pd.DataFrame:
    """Measures with positions along from the image's first pixel, scaled."""
    measures = measures.copy()
    if side in ("bottom", "right"):
        size = shape[0] if side == "bottom" else shape[1]
        along = [name for name in measures if name.endswith("along")]
        measures[along] = size - 1 - measures[along]
    measures *= scale
    if "area" in measures:
        measures["area"] *= scale
    return measures
