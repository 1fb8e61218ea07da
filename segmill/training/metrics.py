"""Overlap of prediction and truth, counted step by step so that an epoch pools its pixels."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from segmill.losses.base import notion_masks

# Rows of the counts: the whole foreground first, then every output. Columns: pixels in both
# prediction and truth, pixels in at least one of them.


def task_of(needs: Sequence[str]) -> str:
    """What a network learns by a loss with these needs: semantic, notions or target."""
    return next(task for task in ("semantic", "notions", "target") if task in needs)


@torch.no_grad()
def overlap_counts(prediction: Tensor, truth: Mapping[str, Tensor], task: str) -> Tensor:
    """Pixels in prediction and truth, and in either, per output.

    Parameters
    ----------
    prediction : (B, K, H, W) logits
    truth : see :class:`segmill.losses.Loss`; ignored pixels are not counted
    task : ``"semantic"``: the class is the one of the largest logit, the foreground all classes but
        0; ``"notions"``: a notion is where its logit is above 0, the foreground their union. Heat
        maps of the truth's ``target`` belong to the last outputs: they are no notion and no part of
        the foreground, and counted where they are annotated (not NaN): the truth above 0.5, the
        prediction's logit above 0. ``"target"``: nothing is counted

    Returns
    -------
    (K + 1, 2) int64: intersection and union of the foreground, then of each output
    """
    outputs = prediction.shape[1]
    ignore = truth.get("ignore")
    if task == "semantic":
        # On a CPU, argmax over a strided axis takes seven times as long as this copy and argmax.
        classes = prediction.movedim(1, -1).contiguous().argmax(dim=-1)
        pairs = truth["semantic"].long() * outputs + classes
        pairs = pairs.flatten() if ignore is None else pairs[~ignore]
        return _from_confusion(torch.bincount(pairs, minlength=outputs**2).view(outputs, outputs))
    if task == "notions":
        heat = truth.get("target", prediction[:, :0])
        notions = outputs - heat.shape[1]
        predicted = prediction > 0
        predicted[:, notions:] &= ~heat.isnan()
        true = torch.cat([notion_masks(truth, notions), heat > 0.5], dim=1)
        if ignore is not None:
            predicted, true = predicted & ~ignore[:, None], true & ~ignore[:, None]
        whole = _pair(predicted[:, :notions].any(1), true[:, :notions].any(1), ())
        return torch.cat([whole[None], _pair(predicted, true, (0, 2, 3)).T])
    return torch.zeros(outputs + 1, 2, dtype=torch.int64, device=prediction.device)


def _from_confusion(confusion: Tensor) -> Tensor:
    """Counts from (K, K) int64, rows = truth, columns = prediction."""
    both = confusion.diagonal()
    either = confusion.sum(0) + confusion.sum(1) - both
    whole = torch.stack([confusion[1:, 1:].sum(), confusion.sum() - confusion[0, 0]])
    return torch.cat([whole[None], torch.stack([both, either], dim=1)])


def _pair(predicted: Tensor, true: Tensor, axes: tuple[int, ...]) -> Tensor:
    over = axes or tuple(range(true.dim()))
    return torch.stack([(predicted & true).sum(over), (predicted | true).sum(over)])


def iou_of(counts: np.ndarray) -> list[float]:
    """Intersection over union of each row of counts (R, 2); NaN where the union is empty."""
    return [float(both / either) if either else float("nan") for both, either in counts.tolist()]
