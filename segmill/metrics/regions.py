"""Intersection over union (Jaccard index) of regions: foreground, classes, binary maps."""

from typing import NamedTuple

import numpy as np


class BinaryIoU(NamedTuple):
    """IoU of the pixels of a binary map that are inside (1), outside (0), and their mean."""

    biou_1: float
    biou_0: float
    biou_both: float


def class_counts(
    prediction: np.ndarray, truth: np.ndarray, n_classes: int, ignore: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of the intersection and of the union of each class, which add up over images.

    Parameters
    ----------
    prediction, truth : arrays of equal shape, class ids 0 .. n_classes - 1 (integers or bool)
    ignore : bool of that shape, True = not annotated, left out; None where all is annotated

    Returns
    -------
    intersection, union : (n_classes,) int64

    Raises
    ------
    ValueError
        if shapes differ, ids are no integers or lie outside the classes.
    """
    prediction, truth = _checked_pair(prediction, truth)
    for name, ids in (("prediction", prediction), ("truth", truth)):
        if ids.dtype.kind not in "iub":
            raise ValueError(f"the {name} has dtype {ids.dtype}, expected integer class ids")
    if ignore is not None:
        annotated = ~_checked_ignore(ignore, truth.shape)
        prediction, truth = prediction[annotated], truth[annotated]
    for name, ids in (("prediction", prediction), ("truth", truth)):
        if ids.size and (ids.min() < 0 or ids.max() >= n_classes):
            found = sorted(set(np.unique(ids).tolist()) - set(range(n_classes)))
            raise ValueError(f"the {name} has the ids {found}, expected 0 to {n_classes - 1}")
    key = truth.ravel().astype(np.intp) * n_classes + prediction.ravel()
    table = np.bincount(key, minlength=n_classes**2).reshape(n_classes, n_classes)
    intersection = np.diagonal(table)
    return intersection.copy(), table.sum(0) + table.sum(1) - intersection


def class_iou(
    prediction: np.ndarray, truth: np.ndarray, n_classes: int, ignore: np.ndarray | None = None
) -> np.ndarray:
    """IoU of each class of two class maps: (n_classes,) float64.

    Nan for a class that is in neither, so that ``numpy.nanmean`` is the mean over the classes that
    can be judged. Parameters and errors as :func:`class_counts`.

    >>> class_iou(np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1]), n_classes=3).round(3).tolist()
    [0.5, 0.667, nan]
    """
    return ratio(*class_counts(prediction, truth, n_classes, ignore))


def iou(prediction: np.ndarray, truth: np.ndarray, ignore: np.ndarray | None = None) -> float:
    """IoU of the foregrounds of two label images or class maps: all that is not 0, merged.

    Parameters
    ----------
    prediction, truth : (H, W) integers or bool, 0 = background
    ignore : (H, W) bool, True = not annotated, left out

    Returns
    -------
    IoU in 0 .. 1; nan where both are empty: there is no region to agree on. Pooled figures leave
    such an image out by adding nothing to the sums of intersections and unions.

    References
    ----------
    Jaccard, Bulletin de la Societe Vaudoise des Sciences Naturelles 37, 1901.

    Examples
    --------
    >>> iou(np.array([[0, 1, 1]]), np.array([[0, 5, 0]]))
    0.5
    """
    intersection, union = foreground_counts(prediction, truth, ignore)
    return float(ratio(intersection, union))


def foreground_counts(
    prediction: np.ndarray, truth: np.ndarray, ignore: np.ndarray | None = None
) -> tuple[int, int]:
    """Pixels in the intersection and in the union of the two foregrounds (ids other than 0)."""
    prediction, truth = _checked_pair(prediction, truth)
    prediction, truth = prediction != 0, truth != 0
    if ignore is not None:
        annotated = ~_checked_ignore(ignore, truth.shape)
        prediction, truth = prediction & annotated, truth & annotated
    return int(np.count_nonzero(prediction & truth)), int(np.count_nonzero(prediction | truth))


def binary_iou(
    probability: np.ndarray,
    truth: np.ndarray,
    threshold: float = 0.5,
    ignore: np.ndarray | None = None,
) -> BinaryIoU:
    """IoU of a thresholded probability map: inside, outside and the mean of the two.

    Parameters
    ----------
    probability : array of any shape, inside where above `threshold` (strictly); bool is taken as
        decided
    truth : array of that shape, inside where not 0
    ignore : bool of that shape, True = not annotated, left out

    Returns
    -------
    BinaryIoU(biou_1, biou_0, biou_both). One that has no pixel in map and truth is nan, and
    `biou_both` is then the other one alone, as in Keras' ``BinaryIoU`` (which however reports an
    undefined BIoU_1 as 0).

    Examples
    --------
    >>> binary_iou(np.array([0.9, 0.6, 0.2, 0.1]), np.array([1, 0, 0, 0]))
    BinaryIoU(biou_1=0.5, biou_0=0.6666666666666666, biou_both=0.5833333333333333)
    """
    probability, truth = _checked_pair(probability, truth)
    if probability.dtype != bool:
        if not np.isfinite(probability).all():
            raise ValueError("the probability has values that are not finite")
        probability = probability > threshold
    outside, inside = class_iou(probability, truth != 0, 2, ignore)
    defined = [value for value in (inside, outside) if not np.isnan(value)]
    both = float(np.mean(defined)) if defined else float("nan")
    return BinaryIoU(float(inside), float(outside), both)


def ratio(numerator, denominator) -> np.ndarray:
    """Numerator / denominator as float64, nan where the denominator is 0."""
    numerator, denominator = np.asarray(numerator, float), np.asarray(denominator, float)
    result = np.full(np.broadcast(numerator, denominator).shape, np.nan)
    return np.divide(numerator, denominator, out=result, where=denominator != 0)


def _checked_pair(prediction, truth) -> tuple[np.ndarray, np.ndarray]:
    prediction, truth = np.asarray(prediction), np.asarray(truth)
    if prediction.shape != truth.shape:
        raise ValueError(f"the prediction is {prediction.shape}, the truth {truth.shape}")
    return prediction, truth


def _checked_ignore(ignore, shape: tuple) -> np.ndarray:
    ignore = np.asarray(ignore, bool)
    if ignore.shape != shape:
        raise ValueError(f"the ignore mask is {ignore.shape}, the truth {shape}")
    return ignore
