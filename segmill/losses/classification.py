"""Cross entropies per pixel: over exclusive classes, weighted, and focal over notions."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from segmill.losses.base import Loss, class_ids, masked_mean, notion_masks, register
from segmill.options import option


@dataclass(frozen=True)
class NoOptions:
    """A loss without options."""


@register("cross_entropy", NoOptions)
class CrossEntropy(Loss):
    """Mean over valid pixels of -log softmax(logits)[class]."""

    needs = ("semantic",)

    def evaluate(self, prediction: Tensor, truth: Mapping[str, Tensor], valid: Tensor) -> Tensor:
        """See :class:`Loss`."""
        ids = class_ids(truth, valid, prediction.shape[1])
        return masked_mean(F.cross_entropy(prediction, ids, reduction="none"), valid)


@register("weighted_cross_entropy", NoOptions)
class WeightedCrossEntropy(Loss):
    """Sum over valid pixels of weight * -log softmax(logits)[class], divided by their number.

    The loss of the U-Net is the plain sum over the pixels (Ronneberger et al. 2015, equation 1);
    the division by the number of pixels only frees the learning rate from the size of the image. A
    division by the sum of the weights would not be the same loss: an image full of touching cells
    would then count no more than an empty one, and its background less.
    """

    needs = ("semantic", "weight")

    def evaluate(self, prediction: Tensor, truth: Mapping[str, Tensor], valid: Tensor) -> Tensor:
        """See :class:`Loss`."""
        ids = class_ids(truth, valid, prediction.shape[1])
        weight = torch.where(valid, truth["weight"].to(prediction.dtype), 0)
        return masked_mean(weight * F.cross_entropy(prediction, ids, reduction="none"), valid)


@dataclass(frozen=True)
class FocalOptions:
    """Options of ``focal``.

    gamma : focusing exponent: 0 is binary cross entropy; values between 0 and 1 have no finite
        gradient at a certain prediction and are refused
    weights : one weight per notion; all equal when null
    """

    gamma: float = option(2.0, low=0.0)
    weights: tuple[float, ...] | None = option(None, low=0.0)

    def conflicts(self) -> list[str]:
        """The rules that limits of single options cannot tell."""
        offences = []
        if 0 < self.gamma < 1:
            offences.append(f"gamma: expected 0 or at least 1, found {self.gamma}")
        if self.weights is not None and sum(self.weights) <= 0:
            offences.append("weights: expected at least one weight above 0")
        return offences


@register("focal", FocalOptions)
class Focal(Loss):
    """Binary focal loss of one sigmoid per notion (Lin et al. 2017, Focal loss).

    -(1 - p)^gamma log(p), where p is the probability given to the truth of the pixel; mean over
    valid pixels for each notion, then the mean over notions weighted by `weights`, whose scale thus
    has no effect.
    """

    needs = ("notions",)

    def __init__(self, gamma: float = 2.0, weights: tuple[float, ...] | None = None):
        super().__init__()
        self.gamma = gamma
        self.weights = weights

    def evaluate(self, prediction: Tensor, truth: Mapping[str, Tensor], valid: Tensor) -> Tensor:
        """See :class:`Loss`."""
        losses = self._of_notions(prediction, truth, valid)
        if self.weights is None:
            return losses.mean()
        if len(self.weights) != len(losses):
            raise ValueError(
                f"Focal: expected one weight for each of {len(losses)} notions, "
                f"found {len(self.weights)}"
            )
        weights = losses.new_tensor(self.weights)
        return (losses * weights).sum() / weights.sum()

    def _of_notions(self, prediction: Tensor, truth: Mapping[str, Tensor], valid: Tensor) -> Tensor:
        """The loss of each notion, (K,)."""
        present = notion_masks(truth, prediction.shape[1])
        # The logit of the truth; sigmoid(-it) = 1 - p loses no digits where p is close to 1.
        logit = torch.where(present, prediction, -prediction)
        losses = -F.logsigmoid(logit) * torch.sigmoid(-logit) ** self.gamma
        kept = torch.where(valid[:, None], losses, 0).sum(dim=(0, 2, 3))
        return kept / valid.sum().clamp(min=1)
