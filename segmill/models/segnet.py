"""SegNet (Badrinarayanan, Kendall and Cipolla 2015): unpooling by the indices of the pooling."""

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from segmill.models import coordinates as place
from segmill.models.initialisation import initialise
from segmill.models.layers import NORMS, ConvNormAct
from segmill.models.registry import register
from segmill.models.sizes import SizeGuard
from segmill.models.unpooling import UnpoolByIndices
from segmill.options import option


@dataclass(frozen=True)
class SegNetOptions:
    """Options of ``segnet``; by default its 13 + 13 convolutions are those of the publication.

    widths : channels of each level from full resolution down
    convolutions : number of 3x3 convolutions of each level, the same in both paths
    norm : normalisation behind each convolution but the last
    coordinates : whether row and column of each pixel enter as two more channels
    """

    widths: tuple[int, ...] = option((64, 128, 256, 512, 512), low=1)
    convolutions: tuple[int, ...] = option((2, 2, 3, 3, 3), low=1)
    norm: str = option("batch", choices=NORMS)
    coordinates: bool = option(False)

    def conflicts(self) -> list[str]:
        """Each level has a width and a number of convolutions; there is one at least."""
        if len(self.widths) == len(self.convolutions) > 0:
            return []
        return [
            f"widths, convolutions: expected one value for each level in both, found "
            f"{len(self.widths)} and {len(self.convolutions)}"
        ]


@register("segnet", SegNetOptions)
class SegNet(nn.Module):
    """Contracting and expanding path without skips: (B, in, H, W) -> (B, out, H, W) float.

    Each level of the contracting path is a row of 3x3 convolutions with normalisation and ReLU,
    then 2x2 max pooling that keeps where each maximum was. The expanding path puts every value back
    to that place, zeros beside it, and has the same convolutions in reverse; the very last one is
    linear and gives the outputs. Contours so come back without any features being kept.

    Where two values of a 2x2 window are equal but for rounding, another order of summation may move
    a value by a pixel: the network is not continuous there.

    Parameters
    ----------
    in_channels, out_channels : channels of input and output
    widths, convolutions, norm, coordinates : see :class:`SegNetOptions`

    Raises
    ------
    ValueError
        In the forward pass, when height or width is no multiple of `size_multiple`, which is 2 to
        the power of the number of levels.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        widths: tuple[int, ...],
        convolutions: tuple[int, ...],
        norm: str,
        coordinates: bool,
    ):
        super().__init__()
        self.size_multiple = 2 ** len(widths)
        self.guard = SizeGuard(self.size_multiple)
        self.enter = place.AddCoordinates() if coordinates else nn.Identity()
        before = in_channels + place.CHANNELS * coordinates
        self.pool = nn.MaxPool2d(2, return_indices=True)
        self.unpool = UnpoolByIndices()
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for width, count in zip(widths, convolutions, strict=True):
            self.down.append(_row([before] + [width] * count, norm))
            before = width
        for level in reversed(range(len(widths))):
            above = widths[level - 1] if level else out_channels
            self.up.append(_row([widths[level]] * convolutions[level] + [above], norm))
        last = nn.Conv2d(widths[0], out_channels, 3, padding=1)
        last.gain = 1.0  # no ReLU halves what it gives
        self.up[-1][-1] = last
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) float -> (B, out, H, W) float, in the pixel frame of the input."""
        x = self.enter(self.guard(x))
        places = []
        for row in self.down:
            x, indices = self.pool(row(x))
            places.append(indices)
        for row in self.up:
            x = row(self.unpool(x, places.pop()))
        return x


def _row(channels: list[int], norm: str) -> nn.Sequential:
    """3x3 convolutions from each number of channels to the next, with normalisation and ReLU."""
    pairs = pairwise(channels)
    return nn.Sequential(*(ConvNormAct(before, after, norm=norm) for before, after in pairs))
