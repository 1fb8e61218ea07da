"""One-to-one matching of predicted with reference objects, and what follows from the counts."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from segmill.metrics.overlap import Overlaps, overlaps


def _iou(table: Overlaps) -> np.ndarray:
    """Intersection over union."""
    return table.iou


def _over_truth(table: Overlaps) -> np.ndarray:
    """Intersection over the area of the reference object."""
    return table.areas / table.truth_areas[table.truth]


def _over_prediction(table: Overlaps) -> np.ndarray:
    """Intersection over the area of the predicted object."""
    return table.areas / table.prediction_areas[table.prediction]


# How well a predicted and a reference object agree, 0 .. 1, for each pair that overlaps.
CRITERIA: dict[str, Callable[[Overlaps], np.ndarray]] = {
    "iou": _iou,
    "over_truth": _over_truth,
    "over_prediction": _over_prediction,
}


@dataclass(frozen=True)
class InstanceMatching:
    """Outcome of :func:`match_instances` on one image.

    Attributes
    ----------
    pairs : (tp, 2) int64, ids (predicted, reference) of the matched objects, by predicted id
    scores : (tp,) float64, the criterion of each pair
    tp, fp, fn : numbers of matched, of unmatched predicted, of unmatched reference objects
    """

    pairs: np.ndarray
    scores: np.ndarray
    fp: int
    fn: int

    @property
    def tp(self) -> int:
        """Number of matched pairs."""
        return len(self.pairs)

    @property
    def precision(self) -> float:
        """Share of the predicted objects that are matched; nan without predicted objects."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """Share of the reference objects that are matched; nan without reference objects."""
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 2 tp / (2 tp + fp + fn); nan without objects."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def mean_matched_score(self) -> float:
        """Mean criterion (IoU) of the matched pairs; nan without pairs."""
        return _ratio(float(self.scores.sum()), self.tp)

    @property
    def panoptic_quality(self) -> float:
        """F1 times the mean matched score (Kirillov et al., CVPR 2019); nan without objects."""
        return _ratio(2 * float(self.scores.sum()), 2 * self.tp + self.fp + self.fn)


def match_instances(
    prediction: np.ndarray, truth: np.ndarray, threshold: float = 0.5, criterion: str = "iou"
) -> InstanceMatching:
    """Match predicted with reference objects one to one where they agree well enough.

    A pair may match if its criterion is >= `threshold` (the rule of StarDist; Caicedo et al. ask
    for > at the same thresholds, which differs only for a pair exactly on the threshold). Each
    object takes part in at most one pair. Above an IoU of 0.5 at most one partner exists; where
    several do, the assignment with the most pairs is taken, and among those the one of the largest
    sum of the criterion.

    Parameters
    ----------
    prediction, truth : (H, W) integers, 0 = background
    threshold : above 0 and at most 1
    criterion : key of ``CRITERIA``: ``"iou"``, ``"over_truth"`` or ``"over_prediction"``

    Raises
    ------
    ValueError
        for an unknown criterion, a threshold outside (0, 1], or images that do not fit.

    References
    ----------
    Caicedo et al., "Nucleus segmentation across imaging experiments: the 2018 Data Science
    Bowl", Nature Methods 16, 2019. Schmidt et al., "Cell detection with star-convex polygons",
    MICCAI 2018.

    Examples
    --------
    >>> truth = np.array([[1, 1, 1, 0, 2, 2]])
    >>> found = match_instances(np.array([[5, 5, 0, 0, 0, 0]]), truth, threshold=0.5)
    >>> found.pairs.tolist(), found.tp, found.fp, found.fn
    ([[5, 1]], 1, 0, 1)
    >>> found.precision, found.recall, round(found.f1, 3), round(found.mean_matched_score, 3)
    (1.0, 0.5, 0.667, 0.667)
    """
    return match_overlaps(overlaps(prediction, truth), threshold, criterion)


def match_overlaps(
    table: Overlaps, threshold: float = 0.5, criterion: str = "iou"
) -> InstanceMatching:
    """:func:`match_instances` from overlaps already counted: more thresholds cost little."""
    if criterion not in CRITERIA:
        raise ValueError(f"unknown criterion {criterion!r}, known are {', '.join(CRITERIA)}")
    if not 0 < threshold <= 1:
        raise ValueError(f"expected a threshold above 0 and at most 1, found {threshold}")
    scores = CRITERIA[criterion](table)
    candidates = np.flatnonzero(scores >= threshold)
    chosen = _one_to_one(table.prediction[candidates], table.truth[candidates], scores[candidates])
    chosen = candidates[chosen]
    pairs = np.column_stack(
        [table.prediction_ids[table.prediction[chosen]], table.truth_ids[table.truth[chosen]]]
    )
    return InstanceMatching(
        pairs=pairs,
        scores=scores[chosen],
        fp=table.prediction_ids.size - len(pairs),
        fn=table.truth_ids.size - len(pairs),
    )


def _one_to_one(rows: np.ndarray, columns: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Positions of the pairs to keep so that no row and no column occurs twice, ascending."""
    if rows.size == 0:
        return np.empty(0, np.int64)
    rivals = (np.bincount(rows)[rows] > 1) | (np.bincount(columns)[columns] > 1)
    if not rivals.any():
        return np.arange(rows.size)
    contested = np.flatnonzero(rivals)
    kept = _assign(rows[contested], columns[contested], scores[contested])
    return np.sort(np.concatenate([np.flatnonzero(~rivals), contested[kept]]))


def _assign(rows: np.ndarray, columns: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Positions of the pairs of the best assignment: most pairs, then the largest sum of scores."""
    _, row = np.unique(rows, return_inverse=True)
    _, column = np.unique(columns, return_inverse=True)
    shape = row.max() + 1, column.max() + 1
    gain = np.zeros(shape)
    # A further pair outweighs all that the scores, at most 1 each, can add up to.
    gain[row, column] = 1 + scores / (2 * min(shape))
    position = np.full(shape, -1)
    position[row, column] = np.arange(row.size)
    chosen = position[linear_sum_assignment(gain, maximize=True)]
    return chosen[chosen >= 0]


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else float("nan")
