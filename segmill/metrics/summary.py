"""Pool the counts of many images into figures with confidence intervals."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from segmill.errors import SegmillError
from segmill.metrics.bootstrap import bootstrap_intervals
from segmill.metrics.clicks import click_figures, click_medians
from segmill.metrics.membranes import region_figures
from segmill.metrics.notions import notion_figures
from segmill.metrics.particles import particle_figures, particle_rms
from segmill.metrics.regions import ratio


@dataclass(frozen=True)
class _Figures:
    """Figures as ratios of columns, and means of some of them (positions by name) after these."""

    names: tuple[str, ...]
    numerators: np.ndarray
    denominators: np.ndarray
    means: dict[str, tuple[int, ...]]

    @property
    def all_names(self) -> list[str]:
        """Names of the ratios, then of the means."""
        return [*self.names, *self.means]

    def columns(self) -> np.ndarray:
        """(N, 2 M): what is to be summed over images."""
        return np.concatenate([self.numerators, self.denominators], axis=1)

    def __call__(self, sums: np.ndarray) -> np.ndarray:
        """Figures (..., M) of sums (..., 2 M); nan where a denominator is 0."""
        n = self.numerators.shape[1]
        ratios = ratio(sums[..., :n], sums[..., n:])
        means = [_nanmean(ratios[..., list(places)]) for places in self.means.values()]
        return np.concatenate([ratios, *means], axis=-1)


def summarise(
    table: pd.DataFrame,
    confidence: float = 0.95,
    seed: int = 0,
    repeats: int = 2000,
    method: str = "percentile",
) -> pd.DataFrame:
    """Figures of a set of images, pooled and as mean of images, with bootstrap intervals.

    Pooled: the ratio of sums over all images, each pixel or object of equal weight. Mean of
    images: the mean of the figures of single images in which it is defined. Intervals come from
    resampling images, the same draws for all figures.

    Parameters
    ----------
    table : rows of :func:`segmill.metrics.evaluate`, one per image
    confidence, seed, repeats, method : see :func:`segmill.metrics.bootstrap_intervals`

    Returns
    -------
    One row per figure, columns ``metric``; ``value``, ``low``, ``high`` (pooled); ``image_mean``,
    ``image_mean_low``, ``image_mean_high``; ``images``, in how many images it is defined. Figures,
    as far as the table has their columns: ``iou_foreground``, ``iou_<class>``, ``miou`` (mean over
    the classes), ``seg``, ``f1_<percent>``, and ``precision``, ``recall`` and
    ``matched_iou`` (mean IoU of the matched pairs) at the least threshold; ``biou_1_<notion>``
    (inside), ``biou_0_<notion>`` (outside) and their mean ``biou_both_<notion>`` as Keras'
    BinaryIoU; ``loss_<notion>``, the mean focal loss of a pixel; ``share_<percent>_<notion>``, the
    share of images whose IoU is at least that, among those with the notion in truth or prediction;
    ``click_missed`` among recorded clicks, ``click_false`` among images where nobody would click;
    ``click_distance_px``, ``click_distance_um``, mean over the images with a recorded and a
    predicted click, and ``..._median`` (without a mean of images); those of
    :func:`segmill.metrics.particles.particle_figures`, and ``centre_error_rms_px``; those of
    :func:`segmill.metrics.membranes.region_figures`. Shares lie in 0 .. 1; nan where undefined.

    Raises
    ------
    SegmillError
        if the table is empty or has none of these columns.
    """
    figures = _figures(table)
    columns = figures.columns()
    per_image = figures(columns)
    defined = np.isfinite(per_image)
    pooled_width, m = columns.shape[1], per_image.shape[1]
    values = np.concatenate([columns, np.where(defined, per_image, 0.0), defined], axis=1)

    def pooled_and_mean(sums: np.ndarray) -> np.ndarray:
        total, count = sums[..., pooled_width : pooled_width + m], sums[..., pooled_width + m :]
        return np.concatenate([figures(sums[..., :pooled_width]), ratio(total, count)], axis=-1)

    found = bootstrap_intervals(values, pooled_and_mean, confidence, seed, repeats, method)
    result = {"metric": figures.all_names}
    for first, prefix in ((0, ""), (m, "image_mean_")):
        ends = [end[first : first + m] for end in found]
        estimate = prefix.removesuffix("_") or "value"
        result |= dict(zip((estimate, f"{prefix}low", f"{prefix}high"), ends, strict=True))
    summary = pd.DataFrame(result | {"images": defined.sum(axis=0)})
    draws = {"confidence": confidence, "seed": seed, "repeats": repeats}
    further = click_medians(table, **draws) | particle_rms(table, method=method, **draws)
    more = [
        {"metric": name, "value": found.estimate[0], "low": found.low[0], "high": found.high[0]}
        | {"images": known}
        for name, (found, known) in further.items()
    ]
    return pd.concat([summary, pd.DataFrame(more)], ignore_index=True) if more else summary


def _figures(table: pd.DataFrame) -> _Figures:
    """Name, numerator and denominator of each figure the table has columns for."""
    parts: dict[str, tuple[pd.Series, pd.Series]] = {}
    regions = [c.removeprefix("union_") for c in table.columns if c.startswith("union_")]
    for name in sorted(regions, key=lambda region: region != "foreground"):
        parts[f"iou_{name}"] = table[f"intersection_{name}"], table[f"union_{name}"]
    if "seg_sum" in table:
        parts["seg"] = table["seg_sum"], table["n_reference"]
    percents = [c.removeprefix("tp_") for c in table.columns if c.startswith("tp_")]
    for percent in sorted(percents, key=int):
        tp, fp, fn = (table[f"{kind}_{percent}"] for kind in ("tp", "fp", "fn"))
        parts[f"f1_{percent}"] = 2 * tp, 2 * tp + fp + fn
    if percents:
        tp, fp, fn = (table[f"{kind}_{min(percents, key=int)}"] for kind in ("tp", "fp", "fn"))
        matched = table[f"matched_sum_{min(percents, key=int)}"]
        parts |= {"precision": (tp, tp + fp), "recall": (tp, tp + fn), "matched_iou": (matched, tp)}
    of_notions, means_of_notions = notion_figures(table)
    parts |= of_notions | click_figures(table) | particle_figures(table) | region_figures(table)
    if table.empty or not parts:
        raise SegmillError(
            f"nothing to summarise: {len(table)} images with the columns {list(table.columns)}"
        )
    numerators, denominators = zip(*parts.values(), strict=True)
    classes = [f"iou_{region}" for region in regions if region != "foreground"]
    if len(classes) == 1:
        # There are at least two classes: here the foreground is the other one.
        classes.append("iou_foreground")
    means = ({"miou": classes} if classes else {}) | means_of_notions
    return _Figures(
        names=tuple(parts),
        numerators=np.column_stack(numerators).astype(np.float64),
        denominators=np.column_stack(denominators).astype(np.float64),
        means={
            mean: tuple(list(parts).index(name) for name in names) for mean, names in means.items()
        },
    )


def _nanmean(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis, kept with length 1, of what is defined; nan where nothing is."""
    defined = np.isfinite(values)
    total = np.where(defined, values, 0.0).sum(axis=-1, keepdims=True)
    return ratio(total, defined.sum(axis=-1, keepdims=True))
