"""The compressed U-Net of the cells study: three levels, nearest upsampling, a linear tail."""

from dataclasses import dataclass

from torch import nn

from segmill.models.dropout import KINDS
from segmill.models.layers import NORMS
from segmill.models.registry import register
from segmill.models.unet import UNet
from segmill.options import option


@dataclass(frozen=True)
class UNetCompressedOptions:
    """Options of ``unet_compressed``; their meaning: :class:`segmill.models.unet.UNetOptions`."""

    widths: tuple[int, ...] = option((32, 64, 128), low=1)
    norm: str = option("batch", choices=NORMS)
    dropout: str = option("none", choices=KINDS)
    rate: float = option(0.2, low=0.0, high=0.95)

    def conflicts(self) -> list[str]:
        """A U without a level has no network."""
        return [] if self.widths else ["widths: expected at least one level, found none"]


@register("unet_compressed", UNetCompressedOptions)
def unet_compressed(
    in_channels: int,
    out_channels: int,
    widths: tuple[int, ...],
    norm: str,
    dropout: str,
    rate: float,
) -> nn.Module:
    """A :class:`UNet` with nearest upsampling whose last two layers are linear.

    These are the last 3x3 convolution and the 1x1 convolution to the logits: with a ReLU there the
    training collapses to a blank image, background being most of it. Every other convolution, the
    2x2 ones behind the upsampling too, has its normalisation and ReLU.
    """
    return UNet(in_channels, out_channels, widths, norm, "nearest", dropout, rate, linear_tail=True)
