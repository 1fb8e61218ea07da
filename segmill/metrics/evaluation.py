"""Compare a store of predictions with a store of truths: counts per image that can be pooled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from segmill.clicks import CLICK
from segmill.errors import Problem, StoreError, raise_problems
from segmill.metrics.clicks import click_counts, has_clicks, true_click
from segmill.metrics.matching import match_overlaps
from segmill.metrics.membranes import RegionOptions, region_agreement
from segmill.metrics.notions import (
    NotionOptions,
    foreground_of,
    notion_counts,
    notion_names,
    read_notions,
)
from segmill.metrics.overlap import exclude_ignored, overlaps
from segmill.metrics.particles import particle_counts
from segmill.metrics.regions import class_counts, foreground_counts
from segmill.metrics.seg import scores_of_overlaps
from segmill.notions import unpack
from segmill.options import build_options
from segmill.progress import track
from segmill.store import Store, open_store

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)


def evaluate(
    predictions: Store | str | Path,
    truths: Store | str | Path,
    split: str | None = None,
    thresholds: Sequence[float] = THRESHOLDS,
    notions: Mapping | None = None,
    particles: bool = False,
    regions: Mapping | bool = False,
) -> pd.DataFrame:
    """Sufficient statistics of each image, for :func:`segmill.metrics.summarise` to pool.

    What both stores hold is compared: `semantic` class by class, `instances` object by object,
    overlapping notions (`scores` or `notions` of the prediction, `notions` of the truth) by name,
    the predicted click with the user's. The foreground is all of semantic that is not class 0, or
    all objects where semantic is missing in either store, or else the notion of that name or the
    union of all notions. Pixels under the truth's `ignore` count for nothing; an object mostly on
    them is taken out (see :func:`segmill.metrics.exclude_ignored`), so that a frame nobody
    annotated adds zeros.

    Parameters
    ----------
    predictions, truths : open stores or their paths, samples paired by `sample_id`
    split : compare this split, of which every sample must be predicted; None: all predictions
    thresholds : criterion values (IoU) of the instance matching, whole percents
    notions : options of :class:`segmill.metrics.NotionOptions`
    particles : whether errors of centre and surface of matched instances are measured, too
    regions : whether connected regions of the foreground are compared as cells between membranes;
        or options of :class:`segmill.metrics.RegionOptions` for doing so

    Returns
    -------
    One row per image: sample_id, group, split; n_reference, n_predicted, seg_sum and
    tp_<percent>, fp_<percent>, fn_<percent>, matched_sum_<percent> (sum of the IoU of the matched
    pairs) for each threshold (with instances); those of :func:`segmill.metrics.particle_counts`
    (with `particles`); intersection_<class>, union_<class> (with
    semantic); those of :func:`segmill.metrics.notion_counts` for each notion of the truth (with
    notions); those of :func:`segmill.metrics.click_counts` (with a predicted click, and clicks in
    the truth); those of :func:`segmill.metrics.region_agreement` (with `regions`);
    intersection_foreground, union_foreground. Areas in pixels.

    Raises
    ------
    ConfigError
        for an unknown option of `notions` or `regions` or an illegal value.
    StoreError
        if the stores have nothing to compare, no sample, or other classes, or there are no classes
        to take `regions` from.
    IntegrityError
        naming every sample without partner, repeated, or of another size.
    """
    predictions, truths = _opened(predictions), _opened(truths)
    percents = threshold_percents(thresholds)
    options = build_options(NotionOptions, notions or {}, "notions of an evaluation")
    threshold_percents(options.iou_thresholds)
    shared = [
        f for f in ("semantic", "instances") if f in predictions.fields and f in truths.fields
    ]
    if "notions" in truths.fields and set(notion_names(predictions)) & set(notion_names(truths)):
        shared.append("notions")
    if CLICK in notion_names(predictions) and has_clicks(truths):
        shared.append(CLICK)
    _check_comparable(predictions, truths, shared)
    if particles and "instances" not in shared:
        raise StoreError(f"{predictions.path}: particles need instances in both, found {shared}")
    of_regions = _region_options(regions, predictions, shared)
    measured = _Measured(shared, percents, options, particles, of_regions)
    pairs = paired_rows(predictions, truths, split)
    rows = [
        _row(predictions, truths, p, t, measured)
        for p, t in track(pairs, len(pairs), f"evaluate {predictions.path.name}", "image")
    ]
    return pd.DataFrame(rows)


def threshold_percents(thresholds: Sequence[float]) -> dict[str, float]:
    """Column suffix of each threshold, as in ``{"50": 0.5}``; ValueError unless whole percents."""
    percents = {f"{round(100 * t)}": float(t) for t in thresholds}
    exact = all(abs(float(name) / 100 - t) < 1e-9 and 0 < t <= 1 for name, t in percents.items())
    if not percents or not exact or len(percents) < len(thresholds):
        raise ValueError(
            f"expected different thresholds of whole percents above 0, found {list(thresholds)}"
        )
    return percents


def object_counts(
    prediction: np.ndarray,
    truth: np.ndarray,
    ignore: np.ndarray | None = None,
    thresholds: Sequence[float] = THRESHOLDS,
) -> dict[str, float]:
    """Counts of one pair of label images (H, W): n_reference, n_predicted, seg_sum, tp_50 ..."""
    table = overlaps(*exclude_ignored(prediction, truth, ignore))
    counts = {
        "n_reference": table.truth_ids.size,
        "n_predicted": table.prediction_ids.size,
        "seg_sum": float(scores_of_overlaps(table).sum()),
    }
    for percent, threshold in threshold_percents(thresholds).items():
        found = match_overlaps(table, threshold)
        counts |= {f"tp_{percent}": found.tp, f"fp_{percent}": found.fp, f"fn_{percent}": found.fn}
        counts[f"matched_sum_{percent}"] = float(found.scores.sum())
    return counts


def region_counts(
    prediction: np.ndarray, truth: np.ndarray, ignore: np.ndarray | None, classes: Sequence[str]
) -> dict[str, int]:
    """Counts of one pair of class maps (H, W): intersection_<class> and union_<class>."""
    intersection, union = class_counts(prediction, truth, len(classes), ignore)
    counts = {}
    for name, both, either in zip(classes, intersection, union, strict=True):
        counts |= {f"intersection_{name}": int(both), f"union_{name}": int(either)}
    return counts


@dataclass(frozen=True)
class _Measured:
    """What is counted in each image.

    Attributes
    ----------
    shared : what both stores hold: arrays by name, and the click
    percents : column suffix -> threshold of the instance matching
    notions : how notions and clicks are judged
    particles : whether errors of centre and surface are measured
    regions : how regions between membranes are compared; None where they are not
    """

    shared: list[str]
    percents: dict[str, float]
    notions: NotionOptions
    particles: bool
    regions: RegionOptions | None


def _row(predictions: Store, truths: Store, p: int, t: int, measured: _Measured) -> dict:
    """The row of the table for prediction `p` and truth `t`."""
    shared, options = measured.shared, measured.notions
    row = {name: truths.table[name].iloc[t] for name in ("sample_id", "group", "split")}
    ignore = truths.ignore(t) if "ignore" in truths.fields else None
    both_have = [name for name in shared if name in ("semantic", "instances")]
    pair = {name: (predictions.read(name, p), truths.read(name, t)) for name in both_have}
    if "instances" in shared:
        row |= object_counts(*pair["instances"], ignore, list(measured.percents.values()))
    if measured.particles:
        # At an IoU above 0.5 a pair is the only one of its objects.
        row |= particle_counts(*pair["instances"], ignore)
    if "semantic" in shared:
        row |= region_counts(*pair["semantic"], ignore, truths.classes)
    if measured.regions:
        row |= region_agreement(*pair["semantic"], ignore, measured.regions)
    notions = read_notions(predictions, p) if {"notions", CLICK} & set(shared) else {}
    if CLICK in shared:
        scale = float(truths.table["mm_per_px"].iloc[t]) if "mm_per_px" in truths.table else np.nan
        click = true_click(truths, t)
        row |= click_counts(notions[CLICK], click, ignore, options.click_threshold, scale)
    foregrounds = pair[both_have[0]] if both_have else None
    if "notions" in shared:
        true = _true_notions(truths, t)
        row |= notion_counts(notions, true, ignore, options)
        foregrounds = foregrounds or _foregrounds(notions, true, options.threshold)
    if foregrounds:
        both, either = foreground_counts(*foregrounds, ignore)
        row |= {"intersection_foreground": both, "union_foreground": either}
    return row


def _region_options(
    regions: Mapping | bool, predictions: Store, shared: list[str]
) -> RegionOptions | None:
    """How regions are compared; None where they are not."""
    if regions is False:
        return None
    if "semantic" not in shared:
        raise StoreError(
            f"{predictions.path}: regions need semantic in both stores, found {shared}"
        )
    return build_options(RegionOptions, {} if regions is True else regions, "regions")


def _true_notions(truths: Store, t: int) -> dict[str, np.ndarray]:
    """Name -> (h, w) bool of truth `t`."""
    names = notion_names(truths)
    masks = unpack(truths.notions(t), len(names))
    return {name: masks[:, :, k] for k, name in enumerate(names)}


def _foregrounds(predicted, true, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """The predicted and the true foreground, (h, w) bool."""
    masks = {
        name: values if values.dtype == bool else values > threshold
        for name, values in predicted.items()
        if name != CLICK
    }
    return foreground_of(masks), foreground_of(true)


def _opened(store: Store | str | Path) -> Store:
    return open_store(store) if isinstance(store, str | Path) else store


def _check_comparable(predictions: Store, truths: Store, shared: list[str]) -> None:
    if not shared:
        raise StoreError(
            f"nothing to compare: {predictions.path} has {predictions.fields}, {truths.path} has "
            f"{truths.fields}, expected semantic, instances or notions of the same names in both"
        )
    if "semantic" in shared and (predictions.classes != truths.classes or not truths.classes):
        raise StoreError(
            f"the classes of {predictions.path} are {predictions.classes}, "
            f"of {truths.path} {truths.classes}, expected the same"
        )
    if "foreground" in truths.classes[2:] or truths.classes[:2] == ("foreground", "background"):
        raise StoreError(
            f"{truths.path} has the classes {truths.classes}: the name foreground stands for all "
            "classes but the first together, so it can only be the second of two"
        )


def paired_rows(
    predictions: Store, truths: Store, split: str | None = None
) -> list[tuple[int, int]]:
    """Row numbers (prediction, truth) of each sample to compare, by row of the predictions.

    Errors as :func:`evaluate`.
    """
    known = {sample: t for t, sample in enumerate(truths.table["sample_id"])}
    rows = predictions.where(split=split) if split else np.arange(len(predictions))
    samples = predictions.table["sample_id"].iloc[rows].tolist()
    wanted = truths.table["sample_id"].iloc[truths.where(split=split)] if split else []
    problems = [
        Problem(str(predictions.path), f"a prediction of sample {sample}", "none")
        for sample in sorted(set(wanted) - set(samples))
    ]
    problems += [
        Problem(str(truths.path), f"a truth of sample {sample}", "none")
        for sample in samples
        if sample not in known
    ]
    pairs = [(int(p), known[s]) for p, s in zip(rows, samples, strict=True) if s in known]
    for p, t in pairs:
        size, expected = predictions.extent[p].tolist(), truths.extent[t].tolist()
        if size != expected:
            name = f"{predictions.path}, sample {truths.table['sample_id'].iloc[t]}"
            problems.append(Problem(name, f"height and width {expected}", f"{size}"))
    raise_problems(problems, "the predictions to evaluate")
    if not pairs:
        raise StoreError(f"{predictions.path} has no sample of split {split}")
    return pairs
