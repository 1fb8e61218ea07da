"""The network of Pang et al. 2010: a plain stack of 3x3 convolutions at full resolution."""

from dataclasses import dataclass

from torch import Tensor, nn

from segmill.models import coordinates as place
from segmill.models.initialisation import initialise
from segmill.models.layers import NORMS, ConvNormAct
from segmill.models.registry import register
from segmill.options import option


@dataclass(frozen=True)
class PangOptions:
    """Options of ``pang``.

    layers : number n of 3x3 convolutions in front of the last one
    width : their channels
    norm : normalisation behind each of them
    coordinates : whether row and column of each pixel enter as two more channels
    """

    layers: int = option(4, low=1)
    width: int = option(32, low=1)
    norm: str = option("batch", choices=NORMS)
    coordinates: bool = option(False)


@register("pang", PangOptions)
class Pang(nn.Module):
    """3x3 convolutions of "same" size, one behind the other: (B, in, H, W) -> (B, out, H, W) float.

    Each of the n has its normalisation and ReLU; the last one, to the outputs, is linear. Nothing
    is pooled, so any size is legal, and the receptive field is a square of 1 + 2 (n + 1) pixels
    (Pang et al. 2010, Cell nucleus segmentation in color histopathological imagery using
    convolutional networks; here with ReLU in place of their sigmoid).

    Parameters
    ----------
    in_channels, out_channels : channels of input and output
    layers, width, norm, coordinates : see :class:`PangOptions`
    """

    size_multiple = 1

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        layers: int,
        width: int,
        norm: str,
        coordinates: bool,
    ):
        super().__init__()
        stack: list[nn.Module] = [place.AddCoordinates()] if coordinates else []
        before = in_channels + place.CHANNELS * coordinates
        for _ in range(layers):
            stack.append(ConvNormAct(before, width, norm=norm))
            before = width
        self.layers = nn.Sequential(*stack)
        self.head = nn.Conv2d(before, out_channels, 3, padding=1)
        self.head.gain = 1.0  # no ReLU halves what it gives
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) float -> (B, out, H, W) float, in the pixel frame of the input."""
        return self.head(self.layers(x))
