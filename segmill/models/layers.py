"""Layers that several networks share."""

import math

from torch import nn

NORMS = ("batch", "group", "none")
UPSAMPLINGS = ("nearest", "transposed")
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
