"""Layers that several networks share."""

import math

from torch import Tensor, nn

NORMS = ("batch", "group", "none")
UPSAMPLINGS = ("nearest", "transposed")
CONVOLUTIONS = ("separable", "plain")
MOST_GROUPS = 8


def norm_layer(kind: str, channels: int) -> nn.Module:
    """A normalisation of (B, channels, H, W).

    ``"batch"``: batch normalisation (Ioffe and Szegedy 2015); ``"group"``: group normalisation (Wu
    and He 2018) in as many groups as the greatest common divisor of 8 and `channels`; ``"none"``.
    """
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "group":
        return nn.GroupNorm(math.gcd(MOST_GROUPS, channels), channels)
    return nn.Identity()


class ConvNormAct(nn.Sequential):
    """Convolution of "same" size, normalisation, ReLU: (B, in, H, W) -> (B, out, H, W).

    An even kernel cannot be centred: of the kernel - 1 pixels of zero padding of an axis, the
    larger half lies behind. A 2x2 kernel thus reads rows y, y + 1 and columns x, x + 1 and is
    padded by one row of zeros at the bottom and one column at the right, as by TensorFlow's "SAME".

    A batch normalisation cancels any constant, so the convolution in front of one has no bias.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 3, norm: str = "batch"):
        before = (kernel - 1) // 2
        padding = (before, kernel - 1 - before) * 2
        centred = kernel % 2 == 1
        super().__init__(
            *([] if centred else [nn.ZeroPad2d(padding)]),
            nn.Conv2d(
                in_channels,
                out_channels,
                kernel,
                padding=before if centred else 0,
                bias=norm != "batch",
            ),
            norm_layer(norm, out_channels),
            nn.ReLU(inplace=True),
        )


class UpConv(nn.Sequential):
    """Doubles height and width: (B, in, H, W) -> (B, out, 2H, 2W), then normalisation and ReLU.

    ``"nearest"``: every pixel repeated 2x2, then a 2x2 convolution of same size (its padding:
    :class:`ConvNormAct`); ``"transposed"``: a 2x2 transposed convolution of stride 2.
    """

    def __init__(self, in_channels: int, out_channels: int, kind: str, norm: str):
        if kind == "nearest":
            super().__init__(
                nn.Upsample(scale_factor=2, mode="nearest"),
                ConvNormAct(in_channels, out_channels, kernel=2, norm=norm),
            )
        else:
            super().__init__(
                nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2, bias=norm != "batch"),
                norm_layer(norm, out_channels),
                nn.ReLU(inplace=True),
            )


class StandardisedConv2d(nn.Conv2d):
    """Convolution whose weights are standardised before each use.

    w' = sqrt(gain / n) (w - mean) / sqrt(variance + eps), mean and variance being those of the n
    weights of one output channel, so that the scale of w has no effect (Qiao et al. 2019, Weight
    Standardization; the factor in front, as of Brock et al. 2021, keeps the variance of the
    activations that He's initialisation gives, see :func:`segmill.models.initialise`).
    """

    gain = 2.0
    eps = 1e-10

    def standardised(self) -> Tensor:
        """The weights (out, in / groups, height, width) that the convolution applies."""
        axes = (1, 2, 3)
        mean, count = self.weight.mean(axes, keepdim=True), self.weight[0].numel()
        variance = self.weight.var(axes, correction=0, keepdim=True)
        return (self.weight - mean) * (variance + self.eps).rsqrt() * (self.gain / count) ** 0.5

    def without_standardisation(self) -> nn.Conv2d:
        """A plain convolution that computes the same, of the weights that this one has now."""
        plain = nn.Conv2d(
            self.in_channels,
            self.out_channels,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.groups,
            bias=self.bias is not None,
        ).to(self.weight)
        plain.load_state_dict({**self.state_dict(), "weight": self.standardised().detach()})
        return plain

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H', W')."""
        return self._conv_forward(x, self.standardised(), self.bias)


def convolution(
    in_channels: int,
    out_channels: int,
    kernel: int,
    norm: str,
    standardise: bool = False,
    kind: str = "plain",
) -> nn.Module:
    """A convolution of "same" size that normalisation and ReLU stand in front of, not behind.

    Parameters
    ----------
    in_channels, out_channels : channels
    kernel : odd side of the kernel
    norm : of the network; without one the convolution has a bias
    standardise : whether its weights are standardised. Depthwise weights never are: a kernel of
        mean zero would lose the mean of its channel
    kind : ``"plain"``; ``"separable"``: one kernel x kernel filter for each channel, then 1x1 over
        the channels, nothing between them (Chollet 2017, Xception)
    """
    layer = StandardisedConv2d if standardise else nn.Conv2d
    bias = norm == "none"
    if kind == "plain":
        return layer(in_channels, out_channels, kernel, padding=kernel // 2, bias=bias)
    depthwise = nn.Conv2d(
        in_channels, in_channels, kernel, padding=kernel // 2, groups=in_channels, bias=False
    )
    pointwise = layer(in_channels, out_channels, 1, bias=bias)
    pointwise.gain = 1.0  # no ReLU halves what it reads
    return nn.Sequential(depthwise, pointwise)
