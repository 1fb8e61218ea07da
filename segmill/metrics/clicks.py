"""How far predicted clicks are from those of users."""

import numpy as np
import pandas as pd

from segmill.clicks import CLICK, NO_CLICK, most_likely_click
from segmill.metrics.bootstrap import Intervals, bootstrap_median
from segmill.store import Store

COLUMNS = ("click_row", "click_column")
UM_PER_MM = 1000.0


def has_clicks(store: Store) -> bool:
    """Whether a store of truths says anything of clicks."""
    return _target_channel(store) is not None or set(COLUMNS) <= set(store.table.columns)


def true_click(store: Store, i: int) -> tuple[float, float] | None:
    """Where the user clicked in sample `i`.

    Returns
    -------
    (row, column) in pixels, which may lie between pixels; (-1, -1) where nobody would click, which
    only a heat map in `target` can say; None where no click was recorded.
    """
    recorded = None
    if set(COLUMNS) <= set(store.table.columns):
        place = store.table[list(COLUMNS)].iloc[i].to_numpy(float)
        recorded = (float(place[0]), float(place[1])) if np.isfinite(place).all() else None
    channel = _target_channel(store)
    if channel is None or recorded is not None:
        return recorded
    heat = store.target(i)[:, :, channel]
    if np.isnan(heat).all():
        return None
    return most_likely_click(np.nan_to_num(heat, nan=-np.inf))


def click_counts(
    heat: np.ndarray,
    true: tuple[float, float] | None,
    ignore: np.ndarray | None = None,
    threshold: float = 0.5,
    mm_per_px: float = np.nan,
) -> dict[str, float]:
    """Counts of the click of one image.

    Parameters
    ----------
    heat : (h, w), predicted heat map; a click is predicted where its highest value is above
        `threshold`
    true : as :func:`true_click`; a click on an ignored pixel counts as not recorded
    ignore : (h, w) bool, True = not annotated: no click is predicted there
    mm_per_px : size of a pixel on the sample in mm; nan where unknown

    Returns
    -------
    ``click_found``, a click was recorded and is predicted, wherever; ``click_missed``, recorded and
    not predicted; ``click_false``, predicted where nobody would click; ``click_none``, nobody would
    click: 0 or 1 each, all 0 where no click was recorded. ``click_distance_px`` and
    ``click_distance_um`` between the two clicks, nan unless found.

    Raises
    ------
    ValueError
        for heat that is not finite.
    """
    if not np.isfinite(heat).all():
        raise ValueError("the predicted click has values that are not finite")
    if ignore is not None:
        heat = np.where(ignore, -np.inf, heat)
    if true is not None and true != NO_CLICK and _is_ignored(true, ignore):
        true = None
    predicted = most_likely_click(heat, threshold)
    is_predicted, is_none = predicted != NO_CLICK, true == NO_CLICK
    is_true = true is not None and not is_none
    distance = np.nan
    if is_true and is_predicted:
        distance = float(np.hypot(predicted[0] - true[0], predicted[1] - true[1]))
    return {
        "click_found": int(is_true and is_predicted),
        "click_missed": int(is_true and not is_predicted),
        "click_false": int(is_none and is_predicted),
        "click_none": int(is_none),
        "click_distance_px": distance,
        "click_distance_um": distance * mm_per_px * UM_PER_MM,
    }


def click_figures(table: pd.DataFrame) -> dict[str, tuple[pd.Series, pd.Series]]:
    """Numerator and denominator of the figures of clicks, as far as the table has their columns."""
    if "click_found" not in table:
        return {}
    parts = {
        "click_missed": (table["click_missed"], table["click_found"] + table["click_missed"]),
        "click_false": (table["click_false"], table["click_none"]),
    }
    for unit in ("px", "um"):
        distance = table[f"click_distance_{unit}"]
        parts[f"click_distance_{unit}"] = distance.fillna(0.0), distance.notna().astype(float)
    return parts


def click_medians(table: pd.DataFrame, **bootstrap) -> dict[str, tuple[Intervals, int]]:
    """Median distances with their intervals, and in how many images a distance is known.

    Parameters
    ----------
    bootstrap : confidence, seed and repeats of :func:`segmill.metrics.bootstrap.bootstrap_median`
    """
    if "click_found" not in table:
        return {}
    found = {}
    for unit in ("px", "um"):
        distance = table[f"click_distance_{unit}"].to_numpy(float)
        known = int(np.isfinite(distance).sum())
        found[f"click_distance_{unit}_median"] = bootstrap_median(distance, **bootstrap), known
    return found


def _target_channel(store: Store) -> int | None:
    targets = list(store.attributes.get("targets") or ())
    return targets.index(CLICK) if "target" in store.fields and CLICK in targets else None


def _is_ignored(click: tuple[float, float], ignore: np.ndarray | None) -> bool:
    if ignore is None:
        return False
    # A click on the very edge still belongs to the pixel there.
    row, column = (
        int(np.clip(round(place), 0, side - 1))
        for place, side in zip(click, ignore.shape, strict=True)
    )
    return bool(ignore[row, column])
