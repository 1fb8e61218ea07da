"""Fully convolutional DenseNets (Jegou et al. 2017, The One Hundred Layers Tiramisu)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from segmill.models.dropout import KINDS, dropout
from segmill.models.initialisation import initialise
from segmill.models.layers import CONVOLUTIONS, NORMS, UPSAMPLINGS, convolution, norm_layer
from segmill.models.registry import register
from segmill.models.sizes import SizeGuard
from segmill.options import option


@dataclass(frozen=True)
class FCDenseNet103Options:
    """Options of ``fc_densenet103``; ``fc_densenet67`` and ``fc_densenet56`` have other defaults.

    blocks : layers of each dense block of the contracting path, from full resolution down; the
        expanding path has the same in reverse
    bottleneck : layers of the dense block between the two paths
    growth : new channels of each layer of a dense block
    first_channels : channels of the first convolution
    convolution : ``"separable"`` (depthwise 3x3, then 1x1) or ``"plain"`` 3x3 in dense layers
    norm : normalisation in front of each ReLU
    weight_standardisation : whether weights are standardised before each use, see
        :class:`segmill.models.layers.StandardisedConv2d`; meant for norm ``"group"``
    upsampling : ``"transposed"``, a 3x3 transposed convolution of stride 2, or ``"nearest"``, every
        pixel repeated 2x2 and a 3x3 convolution
    dropout : kind of noise behind each convolution of dense layers and transitions down
    rate : its strength, see :func:`segmill.models.dropout.dropout`
    """

    blocks: tuple[int, ...] = option((4, 5, 7, 10, 12), low=1)
    bottleneck: int = option(15, low=1)
    growth: int = option(16, low=1)
    first_channels: int = option(48, low=1)
    convolution: str = option("separable", choices=CONVOLUTIONS)
    norm: str = option("batch", choices=NORMS)
    weight_standardisation: bool = option(False)
    upsampling: str = option("transposed", choices=UPSAMPLINGS)
    dropout: str = option("standard", choices=KINDS)
    rate: float = option(0.2, low=0.0, high=0.95)

    def conflicts(self) -> list[str]:
        """Both paths need a block; a single weight that is standardised is zero."""
        offences = [] if self.blocks else ["blocks: expected at least one dense block, found none"]
        if self.weight_standardisation and self.first_channels == 1:
            offences.append("first_channels: expected at least 2 with weight_standardisation")
        return offences


@dataclass(frozen=True)
class FCDenseNet67Options(FCDenseNet103Options):
    """Options of ``fc_densenet67``; their meaning: :class:`FCDenseNet103Options`."""

    blocks: tuple[int, ...] = option((5,) * 5, low=1)
    bottleneck: int = option(5, low=1)


@dataclass(frozen=True)
class FCDenseNet56Options(FCDenseNet103Options):
    """Options of ``fc_densenet56``; their meaning: :class:`FCDenseNet103Options`."""

    blocks: tuple[int, ...] = option((4,) * 5, low=1)
    bottleneck: int = option(4, low=1)
    growth: int = option(12, low=1)


@register("fc_densenet56", FCDenseNet56Options)
@register("fc_densenet67", FCDenseNet67Options)
@register("fc_densenet103", FCDenseNet103Options)
class FCDenseNet(nn.Module):
    """Contracting and expanding path of dense blocks: (B, in, H, W) -> (B, out, H, W) float.

    A 3x3 convolution; down: a dense block, whose input and new features are the skip and go through
    a :class:`TransitionDown`; a dense block; up: the new features alone of the block below, doubled
    in size, and the skip of that level enter a dense block; at the end a linear 1x1 convolution of
    the last block's input and new features. No convolution has a bias but the upsampling and the
    last one (without normalisation all have one).

    With batch normalisation, 3 input and 8 output channels `fc_densenet103` has 3 390 936 weights
    and 103 072 running statistics.

    Parameters
    ----------
    in_channels, out_channels : channels of input and output
    options : fields of :class:`FCDenseNet103Options`, all of them

    Raises
    ------
    ValueError
        In the forward pass, when height or width is no multiple of `size_multiple`, which is 2 to
        the power of the number of blocks of a path.
    """

    def __init__(self, in_channels: int, out_channels: int, **options):
        super().__init__()
        o = FCDenseNet103Options(**options)
        self.size_multiple = 2 ** len(o.blocks)
        self.guard = SizeGuard(self.size_multiple)
        channels = o.first_channels
        self.first = convolution(in_channels, channels, 3, o.norm, o.weight_standardisation)
        self.down, self.shrink = nn.ModuleList(), nn.ModuleList()
        self.grow, self.up = nn.ModuleList(), nn.ModuleList()
        skips = []
        for layers in o.blocks:
            self.down.append(DenseBlock(channels, layers, o))
            channels += layers * o.growth
            skips.append(channels)
            self.shrink.append(TransitionDown(channels, o))
        self.bottleneck = DenseBlock(channels, o.bottleneck, o)
        new = o.bottleneck * o.growth
        for layers in reversed(o.blocks):
            self.grow.append(_doubling(new, o.upsampling))
            channels = new + skips.pop()
            self.up.append(DenseBlock(channels, layers, o))
            new = layers * o.growth
        self.head = nn.Conv2d(channels + new, out_channels, 1)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) float -> (B, out, H, W) float, in the pixel frame of the input."""
        features = [self.first(self.guard(x))]
        skips = []
        for block, shrink in zip(self.down, self.shrink, strict=True):
            features = features + block(features)
            skips.append(features)
            features = [shrink(torch.cat(features, dim=1))]
        new = self.bottleneck(features)
        for grow, block in zip(self.grow, self.up, strict=True):
            features = [grow(torch.cat(new, dim=1)), *skips.pop()]
            new = block(features)
        return self.head(torch.cat(features + new, dim=1))


class DenseBlock(nn.ModuleList):
    """Layers that each read all features in front of them and add `growth` new channels.

    Features travel as lists: each is held once, and concatenated only where a layer reads it.
    """

    def __init__(self, channels: int, layers: int, options: FCDenseNet103Options):
        growth = options.growth
        super().__init__(DenseLayer(channels + i * growth, options) for i in range(layers))

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """The new features alone, one (B, growth, H, W) of each layer, for a list of features."""
        new: list[Tensor] = []
        for layer in self:
            new.append(layer(torch.cat(features + new, dim=1)))
        return new


class DenseLayer(nn.Sequential):
    """Normalisation, ReLU, 3x3 convolution, dropout: (B, channels, H, W) -> (B, growth, H, W)."""

    def __init__(self, channels: int, o: FCDenseNet103Options):
        super().__init__(
            norm_layer(o.norm, channels),
            nn.ReLU(inplace=True),
            convolution(channels, o.growth, 3, o.norm, o.weight_standardisation, o.convolution),
            dropout(o.dropout, o.rate),
        )


class TransitionDown(nn.Sequential):
    """Normalisation, ReLU, 1x1 convolution, dropout, 2x2 max pooling: (B, C, H/2, W/2)."""

    def __init__(self, channels: int, o: FCDenseNet103Options):
        super().__init__(
            norm_layer(o.norm, channels),
            nn.ReLU(inplace=True),
            convolution(channels, channels, 1, o.norm, o.weight_standardisation),
            dropout(o.dropout, o.rate),
            nn.MaxPool2d(2),
        )


def _doubling(channels: int, kind: str) -> nn.Module:
    """Doubles height and width of (B, channels, H, W) by a linear layer with bias.

    A 3x3 kernel of stride 2 cannot be centred on a pixel's 2x2 copies; here pixel y reaches rows
    2y - 1 to 2y + 1.
    """
    if kind == "transposed":
        return nn.ConvTranspose2d(channels, channels, 3, stride=2, padding=1, output_padding=1)
    return nn.Sequential(
        nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(channels, channels, 3, padding=1)
    )
