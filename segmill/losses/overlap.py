"""Soft overlaps of prediction and truth: Dice and Jaccard."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from segmill.losses.base import Loss, class_ids, notion_masks, register
from segmill.options import option


@dataclass(frozen=True)
class OverlapOptions:
    """Options of ``dice`` and ``jaccard``.

    activation : ``"softmax"`` over exclusive classes (truth: ``semantic``) or ``"sigmoid"`` for
        each of overlapping notions (truth: ``notions``)
    background : whether class 0 counts among the classes; without effect for notions
    per_image : overlap of each image, then their mean, instead of one over all pixels of the batch
    smooth : pixels added to both sides of the fraction, so that a mask empty in truth and
        prediction scores 1
    """

    activation: str = option("softmax", choices=("softmax", "sigmoid"))
    background: bool = option(True)
    per_image: bool = option(False)
    smooth: float = option(1.0, low=1e-6)


class _Overlap(Loss):
    """1 - mean over classes of a soft overlap; see :class:`OverlapOptions`."""

    def __init__(
        self,
        activation: str = "softmax",
        background: bool = True,
        per_image: bool = False,
        smooth: float = 1.0,
    ):
        super().__init__()
        self.needs = ("semantic",) if activation == "softmax" else ("notions",)
        self.background = background
        self.per_image = per_image
        self.smooth = smooth

    def evaluate(self, prediction: Tensor, truth: Mapping[str, Tensor], valid: Tensor) -> Tensor:
        """See :class:`Loss`."""
        classes = prediction.shape[1]
        if self.needs == ("semantic",):
            share = prediction.softmax(dim=1)
            masks = F.one_hot(class_ids(truth, valid, classes), classes).movedim(-1, 1)
            first = 0 if self.background else 1
            if classes <= first:
                raise ValueError("without background an overlap needs two classes or more")
            share, masks = share[:, first:], masks[:, first:]
        else:
            share, masks = prediction.sigmoid(), notion_masks(truth, classes)
        share = torch.where(valid[:, None], share, 0)
        masks = torch.where(valid[:, None], masks, 0).to(share.dtype)
        axes = (2, 3) if self.per_image else (0, 2, 3)
        both = (share * masks).sum(axes)
        return 1 - self.overlap(both, share.sum(axes), masks.sum(axes)).mean()

    @abstractmethod
    def overlap(self, both: Tensor, predicted: Tensor, true: Tensor) -> Tensor:
        """The overlap of each class from the sums of pixels in both, predicted and true."""


@register("dice", OverlapOptions)
class Dice(_Overlap):
    """1 - mean of (2 |P and T| + s) / (|P| + |T| + s), |P| being a sum of probabilities.

    Sorensen-Dice overlap as a loss: Milletari et al. 2016 (V-Net), here without their squares in
    the denominator, so that it equals the F1 score for a prediction of zeros and ones.
    """

    def overlap(self, both: Tensor, predicted: Tensor, true: Tensor) -> Tensor:
        """See :class:`_Overlap`."""
        return (2 * both + self.smooth) / (predicted + true + self.smooth)


@register("jaccard", OverlapOptions)
class Jaccard(_Overlap):
    """1 - mean of (|P and T| + s) / (|P or T| + s), with |P or T| = |P| + |T| - |P and T|.

    Soft intersection over union (Rahman and Wang 2016, Optimizing intersection-over-union).
    """

    def overlap(self, both: Tensor, predicted: Tensor, true: Tensor) -> Tensor:
        """See :class:`_Overlap`."""
        return (both + self.smooth) / (predicted + true - both + self.smooth)
