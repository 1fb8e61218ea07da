"""U-Net of any depth (Ronneberger, Fischer and Brox 2015), with "same" padding."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from segmill.models import coordinates as place
from segmill.models.dropout import KINDS, dropout
from segmill.models.initialisation import initialise
from segmill.models.layers import NORMS, UPSAMPLINGS, ConvNormAct, UpConv
from segmill.models.registry import register
from segmill.models.sizes import SizeGuard
from segmill.options import option


@dataclass(frozen=True)
class UNetOptions:
    """Options of ``unet``.

    widths : channels of each level from full resolution down; their number is the depth
    norm : normalisation behind each convolution but the last
    upsampling : how the expanding path doubles the size
    dropout : kind of noise behind each level's pair of convolutions, the last pair excepted
    rate : its strength, see :func:`segmill.models.dropout.dropout`
    coordinates : whether row and column of each pixel enter as two more channels
    """

    widths: tuple[int, ...] = option((64, 128, 256, 512, 1024), low=1)
    norm: str = option("batch", choices=NORMS)
    upsampling: str = option("transposed", choices=UPSAMPLINGS)
    dropout: str = option("none", choices=KINDS)
    rate: float = option(0.2, low=0.0, high=0.95)
    coordinates: bool = option(False)

    def conflicts(self) -> list[str]:
        """A U without a level has no network."""
        return [] if self.widths else ["widths: expected at least one level, found none"]


@register("unet", UNetOptions)
class UNet(nn.Module):
    """Contracting and expanding path with skips: (B, in, H, W) -> (B, out, H, W) float.

    Each level is a pair of 3x3 convolutions, each with normalisation and ReLU; between levels 2x2
    max pooling downwards and :class:`UpConv` upwards, whose output is concatenated behind the
    contracting path's features of the same level; at the end a linear 1x1 convolution.

    Parameters
    ----------
    in_channels, out_channels : channels of input and output
    widths, norm, upsampling, dropout, rate, coordinates : see :class:`UNetOptions`
    linear_tail : leave out normalisation and ReLU of the last 3x3 convolution, so that the last two
        layers are linear

    Raises
    ------
    ValueError
        In the forward pass, when height or width is no multiple of `size_multiple`, which is 2 to
        the power of the number of levels less one.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        widths: tuple[int, ...],
        norm: str,
        upsampling: str,
        dropout: str,
        rate: float,
        coordinates: bool = False,
        linear_tail: bool = False,
    ):
        super().__init__()
        self.size_multiple = 2 ** (len(widths) - 1)
        self.guard = SizeGuard(self.size_multiple)
        self.pool = nn.MaxPool2d(2)
        self.down = nn.ModuleList()
        self.up = nn.ModuleList()
        self.merge = nn.ModuleList()
        self.enter = place.AddCoordinates() if coordinates else nn.Identity()
        before = in_channels + place.CHANNELS * coordinates
        for width in widths:
            self.down.append(_pair(before, width, norm, dropout, rate))
            before = width
        for width in reversed(widths[:-1]):
            self.up.append(UpConv(before, width, upsampling, norm))
            self.merge.append(_pair(2 * width, width, norm, dropout, rate))
            before = width
        last = self.merge[-1] if self.merge else self.down[-1]
        del last[2]
        if linear_tail:
            last[1] = nn.Conv2d(before, before, 3, padding=1)
        self.head = nn.Conv2d(before, out_channels, 1)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) float -> (B, out, H, W) float, in the pixel frame of the input."""
        x = self.enter(self.guard(x))
        skips = []
        for level, pair in enumerate(self.down):
            x = pair(self.pool(x) if level else x)
            skips.append(x)
        skips.pop()
        for up, pair in zip(self.up, self.merge, strict=True):
            x = pair(torch.cat((skips.pop(), up(x)), dim=1))
        return self.head(x)


def _pair(before: int, width: int, norm: str, kind: str, rate: float) -> nn.Sequential:
    """Two 3x3 convolutions of one level and the noise behind them."""
    return nn.Sequential(
        ConvNormAct(before, width, norm=norm),
        ConvNormAct(width, width, norm=norm),
        dropout(kind, rate),
    )
