"""The worst, the median and the best test image of a network, so that a mean hides nothing."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from segmill.metrics.regions import ratio
from segmill.report.panels import rows_from_stores, truth_against_prediction

RANKS = ("worst", "median", "best")
# Numerator and denominator of the score of an image, as columns of segmill.metrics.evaluate.
SCORES = {
    "seg": ("seg_sum", "n_reference"),
    "iou": ("intersection_foreground", "union_foreground"),
}


def ranked_images(
    truths,
    predictions,
    metrics: pd.DataFrame,
    output: str | Path,
    by: str = "seg",
    heading: str = "Prediction",
) -> dict[str, Path]:
    """Draw image, truth and prediction of the worst, the median and the best image.

    Parameters
    ----------
    truths, predictions : open stores with `instances`, samples paired by `sample_id`
    metrics : rows of :func:`segmill.metrics.evaluate` for these predictions
    output : path ending in ``.svg``; PNG and CSV are written beside it
    by : ``"seg"`` or ``"iou"``
    heading : above the predictions

    Raises
    ------
    ValueError : `by` is unknown, or no image has a score
    IntegrityError : a sample of `metrics` is missing in a store
    """
    chosen = ranked_samples(scores_by_image(metrics, by))
    rows = rows_from_stores(truths, {heading: predictions}, list(chosen.values()))
    rows = [replace(row, label=rank) for rank, row in zip(chosen, rows, strict=True)]
    return truth_against_prediction(rows, output)


def scores_by_image(metrics: pd.DataFrame, by: str = "seg") -> pd.Series:
    """Score of each image, indexed by sample id; nan where nothing could be scored."""
    if by not in SCORES:
        raise ValueError(f"unknown score {by!r}, known are {list(SCORES)}")
    numerator, denominator = (metrics[name].to_numpy() for name in SCORES[by])
    return pd.Series(ratio(numerator, denominator), index=metrics["sample_id"].to_numpy())


def ranked_samples(scores: pd.Series, ranks: Sequence[str] = RANKS) -> dict[str, str]:
    """Sample ids with the worst, the median (lower of two) and the best score.

    Parameters
    ----------
    scores : indexed by sample id; samples whose score is nan are left out
    ranks : any of ``worst``, ``median``, ``best``

    Raises
    ------
    ValueError : no sample has a score, or a rank is unknown
    """
    unknown = [rank for rank in ranks if rank not in RANKS]
    if unknown:
        raise ValueError(f"unknown ranks {unknown}, known are {list(RANKS)}")
    ordered = scores.dropna().sort_values(kind="stable")
    if ordered.empty:
        raise ValueError("no sample has a score to rank by")
    place = {"worst": 0, "median": (len(ordered) - 1) // 2, "best": len(ordered) - 1}
    return {rank: str(ordered.index[place[rank]]) for rank in ranks}
