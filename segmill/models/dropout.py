"""Three kinds of noise that regularise a network in training and do nothing in evaluation.

All draw from torch's global generator of the tensor's device.
"""

import torch
from torch import Tensor, nn

KINDS = ("none", "standard", "gaussian", "additive")


class _Noise(nn.Module):
    """A noise of strength `rate` that acts in training mode only."""

    def __init__(self, rate: float):
        super().__init__()
        self.rate = rate

    def extra_repr(self) -> str:
        """The rate, for printing."""
        return f"rate={self.rate}"


class GaussianDropout(_Noise):
    """Multiplies each value by a draw of N(1, rate / (1 - rate)), the variance being the second.

    Mean and variance of the factor are those of inverted Bernoulli dropout of the same rate
    (Srivastava et al. 2014, Dropout, JMLR 15, section 10).
    """

    def forward(self, x: Tensor) -> Tensor:
        """`x` (any shape, float) with multiplicative noise in training, else `x` itself."""
        if not self.training or self.rate == 0:
            return x
        return x * (1 + torch.randn_like(x) * (self.rate / (1 - self.rate)) ** 0.5)


class AdditiveGaussianNoise(_Noise):
    """Adds to each value a draw of N(0, rate^2): `rate` is the standard deviation.

    It acts on activations behind a batch normalisation, whose scale is about one, so that `rate` is
    a share of that scale (Bishop 1995, Training with noise is equivalent to Tikhonov
    regularization, Neural Computation 7).
    """

    def forward(self, x: Tensor) -> Tensor:
        """`x` (any shape, float) with additive noise in training, else `x` itself."""
        if not self.training or self.rate == 0:
            return x
        return x + self.rate * torch.randn_like(x)


# All layers whose output is a matter of chance in training.
NOISES = (nn.Dropout, nn.Dropout2d, GaussianDropout, AdditiveGaussianNoise)


def dropout(kind: str, rate: float) -> nn.Module:
    """A layer of noise.

    Parameters
    ----------
    kind : ``"none"``; ``"standard"``, inverted Bernoulli dropout of single values (zero with
        probability `rate`, else divided by 1 - rate); ``"gaussian"``, :class:`GaussianDropout`;
        ``"additive"``, :class:`AdditiveGaussianNoise`
    rate : in [0, 1); for ``"additive"`` a standard deviation
    """
    layers = {
        "none": lambda rate: nn.Identity(),
        "standard": nn.Dropout,
        "gaussian": GaussianDropout,
        "additive": AdditiveGaussianNoise,
    }
    return layers[kind](rate)
