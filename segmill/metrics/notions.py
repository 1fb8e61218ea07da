"""How well overlapping notions are recognised: counts per image that pool over a set of images.

Notions are matched by name: a prediction may know fewer than the truth, in another order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from segmill.errors import StoreError
from segmill.metrics.regions import class_counts
from segmill.notions import FOREGROUND, unpack
from segmill.options import option
from segmill.store import Store

IOU_THRESHOLDS = tuple(percent / 100 for percent in range(50, 100, 5))
# The least probability that enters a logarithm, as in Keras, whose figures are published.
EPSILON = 1e-7
Parts = dict[str, tuple[pd.Series, pd.Series]]


@dataclass(frozen=True)
class NotionOptions:
    """How notions are judged.

    Attributes
    ----------
    threshold : a pixel is inside a notion where its probability is above it
    gamma : focusing exponent of the focal loss; 0 is binary cross entropy
    iou_thresholds : IoU for which the share of images that reach it is counted, whole percents
    click_threshold : a click is predicted where the highest value of the heat map is above it
    """

    threshold: float = option(0.5, low=0, high=1)
    gamma: float = option(2.0, low=0)
    iou_thresholds: tuple[float, ...] = option(IOU_THRESHOLDS, low=0, high=1)
    click_threshold: float = option(0.5, low=0, high=1)


def focal_loss(probability: np.ndarray, present: np.ndarray, gamma: float = 2.0) -> np.ndarray:
    """Binary focal loss of each pixel: -(1 - p)^gamma log(p), p the probability of the truth.

    Scores of float16 know 1 - p to 2^-12 only: a wrong pixel that is more certain than that counts
    as utterly certain, 16.1 at most, so that a loss is never flattered by the rounding.

    Parameters
    ----------
    probability : array of any shape, 0 .. 1, taken as at least 1e-7 and at most 1 - 1e-7
    present : bool of that shape
    gamma : 0 is binary cross entropy

    Returns
    -------
    float64 of that shape

    References
    ----------
    Lin et al., "Focal loss for dense object detection", ICCV 2017.

    Examples
    --------
    >>> focal_loss(np.array([0.5, 0.9]), np.array([True, False])).round(4).tolist()
    [0.1733, 1.8651]
    """
    probability = np.clip(np.asarray(probability, np.float64), EPSILON, 1 - EPSILON)
    of_truth = np.where(present, probability, 1 - probability)
    return -((1 - of_truth) ** gamma) * np.log(of_truth)


def notion_counts(
    prediction: Mapping[str, np.ndarray],
    truth: Mapping[str, np.ndarray],
    ignore: np.ndarray | None = None,
    options: NotionOptions | None = None,
) -> dict[str, float]:
    """Counts of the notions of one image.

    Parameters
    ----------
    prediction : name -> (h, w) probability, or bool where it is decided
    truth : name -> (h, w) bool
    ignore : (h, w) bool, True = not annotated: such pixels enter no count
    options : see :class:`NotionOptions`

    Returns
    -------
    For each notion of the truth: ``inside_intersection_<notion>``, ``inside_union_<notion>``,
    ``outside_intersection_<notion>``, ``outside_union_<notion>`` in pixels, the confusion of
    Keras' BinaryIoU; ``loss_sum_<notion>`` and ``loss_pixels_<notion>``, the sum of the focal loss
    over the annotated pixels and their number; ``reached_<percent>_<notion>``, 1 where the IoU of
    the notion in this image is at least that, else 0. All are nan for a notion that the prediction
    does not know, and the losses for one without probabilities.

    Raises
    ------
    ValueError
        for shapes that differ, or probabilities that are not finite.
    """
    options = options or NotionOptions()
    counts = {}
    for name, present in truth.items():
        found = _counts_of(prediction.get(name), present, ignore, options)
        counts |= {f"{column}_{name}": value for column, value in found.items()}
    return counts


def _counts_of(predicted, present, ignore, options: NotionOptions) -> dict[str, float]:
    """The counts of one notion, without its name."""
    percents = [round(100 * threshold) for threshold in options.iou_thresholds]
    names = ("inside_intersection", "inside_union", "outside_intersection", "outside_union")
    losses = ("loss_sum", "loss_pixels")
    if predicted is None:
        return dict.fromkeys([*names, *losses, *(f"reached_{p}" for p in percents)], np.nan)
    decided = predicted.dtype == bool
    if not decided and not np.isfinite(predicted).all():
        raise ValueError("the scores have values that are not finite")
    mask = predicted if decided else predicted > options.threshold
    intersection, union = class_counts(mask, present, 2, ignore)
    values = (intersection[1], union[1], intersection[0], union[0])
    counts = {name: int(value) for name, value in zip(names, values, strict=True)}
    if decided:
        counts |= dict.fromkeys(losses, np.nan)
    else:
        loss = focal_loss(predicted, present, options.gamma)
        loss = loss.ravel() if ignore is None else loss[~ignore]
        counts |= {"loss_sum": float(loss.sum()), "loss_pixels": loss.size}
    for percent in percents:
        # Whole numbers: an IoU of exactly 0.55 reaches 0.55.
        reached = union[1] > 0 and 100 * intersection[1] >= percent * union[1]
        counts[f"reached_{percent}"] = int(reached)
    return counts


def foreground_of(notions: Mapping[str, np.ndarray]) -> np.ndarray:
    """The foreground (h, w) bool among masks: the notion of that name, else the union of all."""
    if FOREGROUND in notions:
        return notions[FOREGROUND]
    return np.logical_or.reduce(list(notions.values()))


def notion_names(store: Store) -> tuple[str, ...]:
    """Names of the notions that a store has scores or masks of; none where it has neither.

    Raises StoreError where their number is not that of the scores.
    """
    names = tuple(store.attributes.get("notions") or ())
    if "scores" in store.fields and names and store.shape("scores")[3] != len(names):
        raise StoreError(
            f"{store.path} has {store.shape('scores')[3]} scores, expected one for each of the "
            f"notions {names}"
        )
    return names if {"scores", "notions"} & set(store.fields) else ()


def read_notions(store: Store, i: int) -> dict[str, np.ndarray]:
    """Name -> (h, w) probability (where the store has scores) or bool, of sample `i`."""
    names = notion_names(store)
    maps = store.scores(i) if "scores" in store.fields else unpack(store.notions(i), len(names))
    return {name: maps[:, :, k] for k, name in enumerate(names)}


def notion_figures(table: pd.DataFrame) -> tuple[Parts, dict[str, Sequence[str]]]:
    """Figures of the columns of :func:`notion_counts`.

    Returns
    -------
    parts : name of a figure -> its numerator and denominator
    means : name of a figure -> the figures that it is the mean of, as far as they are defined
    """
    prefix = "inside_union_"
    notions = [c.removeprefix(prefix) for c in table.columns if c.startswith(prefix)]
    parts: Parts = {}
    for name in notions:
        for place, digit in (("inside", 1), ("outside", 0)):
            pair = (f"{place}_intersection_{name}", f"{place}_union_{name}")
            parts[f"biou_{digit}_{name}"] = _known(table, *pair)
    for name in notions:
        if f"loss_sum_{name}" in table:
            parts[f"loss_{name}"] = _known(table, f"loss_sum_{name}", f"loss_pixels_{name}")
    for name in notions:
        # A notion is judged in the images where it is, or was taken to be.
        judged = (table[f"inside_union_{name}"] > 0).astype(float)
        for column in table.columns:
            kind, _, rest = column.partition("_")
            percent, _, of = rest.partition("_")
            if kind == "reached" and of == name:
                parts[f"share_{percent}_{name}"] = table[column].fillna(0.0), judged
    means = {f"biou_both_{name}": (f"biou_1_{name}", f"biou_0_{name}") for name in notions}
    return parts, means


def _known(table: pd.DataFrame, numerator: str, denominator: str) -> tuple[pd.Series, pd.Series]:
    """Two columns of which an unknown value adds nothing to either sum."""
    return table[numerator].fillna(0.0), table[denominator].fillna(0.0)
