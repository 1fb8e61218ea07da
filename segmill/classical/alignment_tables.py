"""Alignments as tables: a row per sweep, or a row per frame."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from segmill.classical.align import Alignment
from segmill.classical.align_models import UM_PER_MM
from segmill.classical.align_options import AlignmentOptions
from segmill.classical.alignment_producer import align_group, check_sweeps
from segmill.options import build_options
from segmill.progress import track
from segmill.store import Store
from segmill.store.derived import rows_of_split

ANGLES = ("alpha", "beta")
MODELS = ("circle", "slab", "projection")


def align_store(
    store: Store, options: Mapping | None = None, split: str | None = None
) -> pd.DataFrame:
    """Align every sweep of a store.

    Parameters
    ----------
    store : frames with the columns `group`, `omega`, and `mm_per_px`, `rotating` where known
    options : fields of :class:`AlignmentOptions`
    split : only the sweeps of this split; None: all

    Returns
    -------
    One row per group, see :func:`alignment_row`, in the order of the store.

    Raises
    ------
    ConfigError
        for unknown options and values out of range, or a split without samples.
    IntegrityError
        for a store without omega or with images that are not uint8.
    """
    chosen = build_options(AlignmentOptions, options or {}, "align_store")
    check_sweeps(store)
    groups = list(dict.fromkeys(store.table["group"].iloc[rows_of_split(store, split)]))
    rows = [
        {"group": group, **alignment_row(align_group(store, group, chosen)[1])}
        for group in track(groups, len(groups), f"align {store.path.name}", "sweep")
    ]
    return pd.DataFrame(rows)


def alignment_row(found: Alignment) -> dict:
    """One sweep as flat values.

    - `frames`, `used`, `failed`, `reason`, `axis`, `enters_from`, `unit`
    - `centre_across`, `centre_along`, `centre_depth` (at omega = 0, relative to the axis), each
      with `_uncertainty`; `move_*`; `axis_position` (px)
    - `omega_least`, `omega_largest`: degrees of the least and largest projected area
    - `{model}_{what}_{parameter}` and `..._uncertainty` of every fit, angles in degrees, lengths in
      `unit`, areas in its square; `{model}_{what}_rms`, `_outliers`
    - `refused`: fits that were not made, and why
    """
    row = {
        "frames": len(found.tracks),
        "used": int(found.used.sum()),
        "failed": found.failed,
        "reason": found.reason or "",
        "axis": found.axis or "",
        "enters_from": found.enters_from or "",
        "unit": found.unit,
    }
    models = found.models
    if found.centre is not None:
        scale = UM_PER_MM if found.unit == "um" else 1.0
        for k, name in enumerate(("across", "along", "depth")):
            row[f"centre_{name}"] = float(found.centre.point[k] * scale)
            row[f"centre_{name}_uncertainty"] = float(found.centre.uncertainty[k] * scale)
            row[f"move_{name}"] = float(found.centre.move[k] * scale)
        row["axis_position"] = found.centre.axis_position
        row["axis_position_uncertainty"] = found.centre.axis_uncertainty
    row["omega_least"], row["omega_largest"] = models.omega_least, models.omega_largest
    for model in MODELS:
        for what, fit in getattr(models, model).items():
            row |= _fit_values(f"{model}_{what}", fit, found.used)
    row["refused"] = "; ".join(f"{name}: {why}" for name, why in models.refused.items())
    return row


def _fit_values(prefix: str, fit, used: np.ndarray) -> dict:
    values = {}
    for name, uncertainty in fit.uncertainty.items():
        unit = 180 / np.pi if name in ANGLES else 1.0
        values[f"{prefix}_{name}"] = getattr(fit, name) * unit
        values[f"{prefix}_{name}_uncertainty"] = uncertainty * unit
    values[f"{prefix}_rms"] = fit.rms
    values[f"{prefix}_outliers"] = int((used & ~fit.inliers).sum())
    return values


def alignment_tracks(found: Alignment) -> pd.DataFrame:
    """Positions in every frame and what each fit says there.

    The columns of :attr:`Alignment.tracks`, and for every fit `{model}_{what}` (its value at the
    frame's omega) and `{model}_{what}_outlier`; lengths in the alignment's unit.
    """
    table = found.tracks.copy()
    omega = np.radians(found.omega)
    for model in MODELS:
        for what, fit in getattr(found.models, model).items():
            table[f"{model}_{what}"] = fit.predict(omega)
            table[f"{model}_{what}_outlier"] = found.used & ~fit.inliers
    return table
