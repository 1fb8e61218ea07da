"""Choosing the options of a classical method on annotated images."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from segmill.classical.options import WatershedOptions
from segmill.classical.watershed import segment_cells
from segmill.errors import ConfigError
from segmill.metrics.evaluation import object_counts
from segmill.options import build_options
from segmill.progress import track
from segmill.store import Store

CRITERIA = ("f1", "seg")


def tune(
    store: Store,
    grid: Mapping[str, Sequence],
    split: str = "train",
    criterion: str = "f1",
    base: Mapping | None = None,
    limit: int | None = None,
) -> pd.DataFrame:
    """Try all combinations of options on the annotated images of one split.

    Parameters
    ----------
    store : with `instances`; pixels under `ignore` count for nothing
    grid : option of :class:`WatershedOptions` -> values to try
    split : whose images to use; keep it to the training images for a fair comparison
    criterion : ``f1`` (at IoU 0.5) or ``seg`` (SegMeasure), pooled over all objects
    base : options that stay the same
    limit : use only so many images, evenly spread over the split

    Returns
    -------
    One row per combination, the best first: the options of the grid, ``f1``, ``seg``. The best
    options are ``table.attrs["best"]``, ready for :func:`watershed_instances`. Of equal ones the
    earlier in the grid's order is the better.

    Raises
    ------
    ConfigError
        for an unknown criterion, an option that is unknown, empty or illegal, or a split without
        annotated objects.
    """
    if criterion not in CRITERIA:
        raise ConfigError(f"criterion: expected one of {', '.join(CRITERIA)}, found {criterion!r}")
    trials = list(_combinations(grid, base or {}))
    samples = _annotated(store, split, limit)
    rows = [
        {**chosen, **_score(samples, options)}
        for chosen, options in track(trials, len(trials), f"tune on {store.path.name}", "trial")
    ]
    table = pd.DataFrame(rows).sort_values(criterion, ascending=False, kind="stable")
    best = {key: rows[table.index[0]][key] for key in grid}
    table = table.reset_index(drop=True)
    table.attrs["best"] = {**(base or {}), **best}
    return table


def _combinations(grid: Mapping[str, Sequence], base: Mapping):
    empty = [name for name, values in grid.items() if isinstance(values, str) or not len(values)]
    if empty:
        raise ConfigError(f"grid: expected a list of values for {', '.join(empty)}")
    for values in itertools.product(*grid.values()):
        chosen = dict(zip(grid, values, strict=True))
        yield chosen, build_options(WatershedOptions, {**base, **chosen}, "tune")


def _annotated(store: Store, split: str, limit: int | None) -> list[tuple]:
    """(image, instances, ignore) of the samples with at least one annotated object."""
    samples = []
    for i in store.where(split=split):
        truth = store.instances(i)
        ignore = store.ignore(i) if "ignore" in store.fields else None
        if truth.any() and (ignore is None or not ignore[truth > 0].all()):
            samples.append((i, truth, ignore))
    if not samples:
        raise ConfigError(f"{store.path}: no annotated object in split {split!r}")
    if limit is not None:
        chosen = np.unique(np.linspace(0, len(samples) - 1, limit).round().astype(int))
        samples = [samples[k] for k in chosen]
    return [(store.image(i), truth, ignore) for i, truth, ignore in samples]


def _score(samples: list[tuple], options: WatershedOptions) -> dict[str, float]:
    """F1 at IoU 0.5 and SegMeasure, pooled."""
    counts = pd.DataFrame(
        [
            object_counts(segment_cells(image, options).instances, truth, ignore, [0.5])
            for image, truth, ignore in samples
        ]
    ).sum()
    pairs = 2 * counts["tp_50"] + counts["fp_50"] + counts["fn_50"]
    return {
        "f1": float(2 * counts["tp_50"] / pairs),
        "seg": float(counts["seg_sum"] / counts["n_reference"]),
    }
