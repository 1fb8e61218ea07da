"""From the file behind a method to the figures that tables show: metric, value, interval, number.

Every kind of method (see :mod:`segmill.methods`) has a file of its own: counts per image, fits per
sweep, the table of a store, measured times. Here all become summaries of one form.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from segmill.methods import EXPERIMENT, parse_method
from segmill.metrics import summarise


def read_summary(method: str, path: str | Path) -> pd.DataFrame:
    """Summary of a method, with the columns metric, value, low, high (interval), images.

    Parameters
    ----------
    method : name as :func:`segmill.methods.parse_method` takes it
    path : file behind it
    """
    return SUMMARISERS[parse_method(method).kind](pd.read_parquet(path))


def _of_data(table: pd.DataFrame) -> pd.DataFrame:
    """What a dataset holds: ``samples``, ``groups``, ``clicks`` (with a position)."""
    counts = {"samples": len(table), "groups": table["group"].nunique()}
    if "click_row" in table:
        counts["clicks"] = int(table["click_row"].notna().sum())
    return exact(counts, len(table))


def exact(values: dict[str, float], images: int) -> pd.DataFrame:
    """Summary of values that nothing was drawn for: they have no interval."""
    return pd.DataFrame(
        {
            "metric": list(values),
            "value": np.array(list(values.values()), float),
            "low": np.nan,
            "high": np.nan,
            "images": images,
        }
    )


SUMMARISERS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    EXPERIMENT: summarise,
    "classical": summarise,
    "data": _of_data,
}
