"""From the file behind a method to the figures that tables show: metric, value, interval, number.

Every kind of method (see :mod:`segmill.methods`) has a file of its own: counts per image, fits per
sweep, the table of a store, measured times. Here all become summaries of one form.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from segmill.methods import EXPERIMENT, parse_method
from segmill.metrics import bootstrap_median, summarise
from segmill.metrics.superpixel_tables import summarise_superpixels

COLUMNS = ("metric", "value", "low", "high", "images")


def read_summary(method: str, path: str | Path) -> pd.DataFrame:
    """Summary of a method, with the columns metric, value, low, high (interval), images.

    Parameters
    ----------
    method : name as :func:`segmill.methods.parse_method` takes it
    path : file behind it
    """
    table = pd.read_parquet(path)
    # A file may hold several methods.
    own = table[table["method"] == method] if "method" in table else table
    return SUMMARISERS[parse_method(method).kind](own)


def _of_data(table: pd.DataFrame) -> pd.DataFrame:
    """What a dataset holds: ``samples``, ``groups``, ``clicks`` (with a position)."""
    counts = {"samples": len(table), "groups": table["group"].nunique()}
    if "click_row" in table:
        counts["clicks"] = int(table["click_row"].notna().sum())
    return exact(counts, len(table))


def _of_alignment(table: pd.DataFrame) -> pd.DataFrame:
    """``sweeps``, the share ``failed``, and of every fitted value the median over the sweeps."""
    parts = [exact({"sweeps": len(table), "failed": table["failed"].mean()}, len(table))]
    values = table.drop(columns="failed").select_dtypes("number")
    for name in values:
        known = values[name].to_numpy(float)
        part = exact({name: np.nan}, int(np.isfinite(known).sum()))
        if np.isfinite(known).any():
            part[["value", "low", "high"]] = [float(end[0]) for end in bootstrap_median(known)]
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _of_latency(table: pd.DataFrame) -> pd.DataFrame:
    """Milliseconds per image and images per second of each batch size, quartiles as interval."""
    times = table.assign(metric=[f"ms_per_image_batch{size}" for size in table["batch"]])
    times = times.rename(
        columns={
            "ms_per_image": "value",
            "ms_per_image_low": "low",
            "ms_per_image_high": "high",
            "batch": "images",
        }
    )
    rates = {f"images_per_s_batch{r.batch}": r.images_per_s for r in table.itertuples()}
    return pd.concat([times[[*COLUMNS]], exact(rates, 0)], ignore_index=True)


def _of_network(table: pd.DataFrame) -> pd.DataFrame:
    """The numbers of :func:`segmill.models.architecture.describe_network`."""
    numbers = table.select_dtypes(("number", "bool")).iloc[0]
    return exact(numbers.astype(float).to_dict(), 0)


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
    "alignment": _of_alignment,
    "data": _of_data,
    "latency": _of_latency,
    "superpixels": summarise_superpixels,
    "superpixels_of": summarise_superpixels,
    "network": _of_network,
    "postprocessed": summarise,
}
