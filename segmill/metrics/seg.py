"""SegMeasure: the segmentation accuracy SEG of the Cell Tracking Challenge."""

from collections.abc import Iterable

import numpy as np

from segmill.metrics.overlap import Overlaps, overlaps


def seg_scores(prediction: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Score of each reference object of one image.

    A reference object R is matched by the predicted object S if they share more than half of R
    (strictly: |R and S| > 0.5 |R|); at most one S can. The score is |R and S| / |R or S|, and 0
    where nothing matches.

    Parameters
    ----------
    prediction, truth : (H, W) integers, 0 = background

    Returns
    -------
    (T,) float64 in 0 .. 1, one per id of the truth, ascending.
    """
    return scores_of_overlaps(overlaps(prediction, truth))


def scores_of_overlaps(table: Overlaps) -> np.ndarray:
    """:func:`seg_scores` (T,) from overlaps already counted."""
    matched = 2 * table.areas > table.truth_areas[table.truth]
    scores = np.zeros(table.truth_ids.size)
    scores[table.truth[matched]] = table.iou[matched]
    return scores


def seg_measure(
    predictions: np.ndarray | Iterable[np.ndarray],
    truths: np.ndarray | Iterable[np.ndarray | None],
) -> float:
    """SEG: the mean score of all reference objects of all annotated frames.

    Objects are pooled, never averaged per frame. False positives are not punished. Background is
    no object, so that a perfect frame scores exactly 1 whatever its number of objects.

    Parameters
    ----------
    predictions, truths : one label image (H, W), or as many label images as frames, as a list or
        as an array (N, H, W). A truth of None is a frame that nobody annotated and is left out.

    Returns
    -------
    SEG in 0 .. 1, nan if there is no reference object at all.

    Raises
    ------
    ValueError
        if the numbers of frames or the shapes of a pair differ.

    References
    ----------
    Maska et al., "A benchmark for comparison of cell tracking algorithms", Bioinformatics 30,
    2014; the definition of SEG at celltrackingchallenge.net/evaluation-methodology.

    Examples
    --------
    >>> truth = np.array([[1, 1, 0, 2, 2]])
    >>> seg_measure(truth, truth)
    1.0
    >>> seg_measure(np.array([[1, 1, 1, 2, 0]]), truth)  # IoU 2/3; half of object 2 is too little
    0.3333333333333333
    """
    if _is_image(predictions) != _is_image(truths):
        raise ValueError("expected one image and one truth, or a list of each")
    if _is_image(truths):
        predictions, truths = [predictions], [truths]
    predictions, truths = list(predictions), list(truths)
    if len(predictions) != len(truths):
        raise ValueError(f"found {len(predictions)} predictions for {len(truths)} truths")
    frames = zip(predictions, truths, strict=True)
    scores = [seg_scores(prediction, truth) for prediction, truth in frames if truth is not None]
    scores = np.concatenate(scores) if scores else np.empty(0)
    return float(scores.mean()) if scores.size else float("nan")


def _is_image(labels) -> bool:
    return isinstance(labels, np.ndarray) and labels.ndim == 2
