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
    click : whether the last output is the heat map of a click
    click_weight : weight of the click where the mean weight of a notion is 1
    """

    gamma: float = option(2.0, low=0.0)
    weights: tuple[float, ...] | None = option(None, low=0.0)
    click: bool = option(False)
    click_weight: float = option(1.0, low=0.0)

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
    """Binary focal loss of one sigmoid per notion (Lin et al. 2017, Focal loss), and of a click.

    -(1 - p)^gamma log(p), where p is the probability given to the truth of the pixel; mean over
    valid pixels for each notion, then the mean over notions weighted by `weights`, whose scale thus
    has no effect.

    With `click` the last output s = sigmoid(logit) learns a heat map y from 0 to 1, the one channel
    of ``target``, by the quality focal loss (Li et al. 2020, Generalized focal loss, equation 4)

        |y - s|^gamma (-(1 - y) log(1 - s) - y log(s)),

    mean over the valid pixels where y is not NaN. It is the focal loss itself where y is 0 or 1 and
    is least at s = y, so that the output keeps the height of the heat map. The whole is then the
    weighted mean over all outputs, the notions' weights having mean 1 and the click `click_weight`;
    a batch without any annotated click counts the click as 0.
    """

    def __init__(
        self,
        gamma: float = 2.0,
        weights: tuple[float, ...] | None = None,
        click: bool = False,
        click_weight: float = 1.0,
    ):
        super().__init__()
        self.needs = ("notions", "target") if click else ("notions",)
        self.gamma = gamma
        self.weights = weights
        self.click = click
        self.click_weight = click_weight

    def target_channels(self, outputs: int) -> int:
        """The heat map of the click."""
        return 1

    def evaluate(self, prediction: Tensor, truth: Mapping[str, Tensor], valid: Tensor) -> Tensor:
        """See :class:`Loss`."""
        if not self.click:
            return self._mean(self._of_notions(prediction, truth, valid))
        if prediction.shape[1] < 2:
            raise ValueError("Focal: expected outputs of notions and of a click, found one output")
        notions = self._of_notions(prediction[:, :-1], truth, valid)
        click = self._of_click(prediction[:, -1], truth["target"][:, 0], valid)
        total = len(notions) * self._mean(notions) + self.click_weight * click
        return total / (len(notions) + self.click_weight)

    def _mean(self, losses: Tensor) -> Tensor:
        """The weighted mean of the losses (K,) of the notions."""
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

    def _of_click(self, logit: Tensor, heat: Tensor, valid: Tensor) -> Tensor:
        """The loss () of a heat map (B, H, W) that may hold NaN."""
        annotated = valid & ~heat.isnan()
        # Cleared before the loss: zero times NaN would be a NaN in the gradient.
        heat = torch.where(annotated, heat.to(logit.dtype), 0)
        entropy = F.binary_cross_entropy_with_logits(logit, heat, reduction="none")
        return masked_mean((heat - logit.sigmoid()).abs() ** self.gamma * entropy, annotated)
