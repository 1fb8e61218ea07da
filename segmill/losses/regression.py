"""Squared error, alone and with a price on the total variation of the output."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from segmill.errors import ConfigError
from segmill.losses.base import Loss, class_ids, masked_mean, register
from segmill.options import option


@dataclass(frozen=True)
class MSEOptions:
    """Options of ``mse``.

    truth : ``"target"``: the output itself is compared with the regression targets; ``"semantic"``:
        its softmax with the one-hot classes, the score of Brier (1950)
    weights : price of the error of each output, only their ratios count; None: all the same. For
        an output that is zero nearly everywhere, a map of centres, which a mean hardly notices
    """

    truth: str = option("target", choices=("target", "semantic"))
    weights: tuple[float, ...] | None = option(None, low=0.0)

    def conflicts(self) -> list[str]:
        """Weights of zero everywhere teach nothing."""
        nothing = self.weights is not None and not sum(self.weights)
        return [f"weights: expected some above 0, found {list(self.weights)}"] if nothing else []


@register("mse", MSEOptions)
class MSE(Loss):
    """Weighted mean of the squared error over valid pixels and channels, NaN targets left out."""

    def __init__(self, truth: str = "target", weights: tuple[float, ...] | None = None):
        super().__init__()
        self.needs = (truth,)
        self.weights = weights

    def evaluate(self, prediction: Tensor, truth: Mapping[str, Tensor], valid: Tensor) -> Tensor:
        """See :class:`Loss`."""
        everywhere = valid[:, None].expand_as(prediction)
        if self.needs == ("semantic",):
            classes = prediction.shape[1]
            ids = class_ids(truth, valid, classes)
            target = F.one_hot(ids, classes).movedim(-1, 1).to(prediction.dtype)
            prediction = prediction.softmax(dim=1)
        else:
            everywhere = everywhere & ~truth["target"].isnan()
            # Cleared before the difference: zero times NaN would be a NaN in the gradient.
            target = torch.where(everywhere, truth["target"].to(prediction.dtype), 0)
        squared = (prediction - target).square()
        if self.weights is None:
            return masked_mean(squared, everywhere)
        weights = self._weights_like(prediction)
        total = torch.where(everywhere, squared * weights, 0).sum()
        return total / (everywhere * weights).sum().clamp(min=torch.finfo(squared.dtype).tiny)

    def _weights_like(self, prediction: Tensor) -> Tensor:
        if len(self.weights) != prediction.shape[1]:
            raise ConfigError(
                f"mse: weights: expected one for each of {prediction.shape[1]} outputs, "
                f"found {list(self.weights)}"
            )
        return prediction.new_tensor(self.weights)[:, None, None]


@dataclass(frozen=True)
class MSETVOptions:
    """Options of ``mse_tv``: alpha, the price of the total variation."""

    alpha: float = option(1e-6, low=0.0)


@register("mse_tv", MSETVOptions)
class MSETV(MSE):
    """`mse` on targets plus `alpha` times the total variation of the output.

    The total variation is anisotropic, |difference| of neighbouring rows plus that of neighbouring
    columns (Rudin, Osher and Fatemi 1992 for the idea), summed over an image and averaged over
    images and channels: the scale for which the superpixels study names alpha = 1e-6 to 1e-4. It
    grows with the size of the image, so alpha belongs to a crop size. Differences with an ignored
    pixel are left out.
    """

    def __init__(self, alpha: float = 1e-6):
        super().__init__()
        self.alpha = alpha

    def evaluate(self, prediction: Tensor, truth: Mapping[str, Tensor], valid: Tensor) -> Tensor:
        """See :class:`Loss`."""
        squared = super().evaluate(prediction, truth, valid)
        return squared + self.alpha * total_variation(prediction, valid)


def total_variation(values: Tensor, valid: Tensor) -> Tensor:
    """Anisotropic total variation of (B, K, H, W), summed over pixels, mean over B and K."""
    total = values.new_zeros(())
    for axis in (2, 3):
        pairs = valid[:, None].unfold(axis, 2, 1).all(dim=-1)
        total = total + torch.where(pairs, values.diff(dim=axis).abs(), 0).sum()
    return total / (values.shape[0] * values.shape[1])
