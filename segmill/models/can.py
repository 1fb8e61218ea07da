"""Context aggregation networks: dilated convolutions at full resolution, alone or before a U-Net.

Yu and Koltun 2016, Multi-scale context aggregation by dilated convolutions; Chen, Xu and Koltun
2017, Fast image processing with fully-convolutional networks.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from segmill.models import coordinates as place
from segmill.models.adaptive_norm import AdaptiveNorm
from segmill.models.dropout import KINDS
from segmill.models.initialisation import initialise
from segmill.models.layers import NORMS as UNET_NORMS
from segmill.models.layers import UPSAMPLINGS, norm_layer
from segmill.models.registry import register
from segmill.models.sizes import SizeGuard
from segmill.models.unet import UNet, UNetOptions
from segmill.options import option

NORMS = ("adaptive", "batch", "none")
INITIALISATIONS = ("default", "identity")
PADDINGS = ("zeros", "reflect")
# Channels and dilations by name; a linear 1x1 convolution follows in all of them.
PRESETS: dict[str, tuple[int, tuple[int, ...]]] = {
    # Seven layers of dilation 2^(s-1), as BlobNet is described.
    "can7": (24, (1, 2, 4, 8, 16, 32, 64)),
    # BlobNet as it was published: the seventh layer is the linear one.
    "blobnet": (24, (1, 2, 4, 8, 16, 32)),
    # The two sizes of Chen, Xu and Koltun.
    "can24": (24, (1, 2, 4, 8, 16, 32, 64, 1)),
    "can32": (32, (1, 2, 4, 8, 16, 32, 64, 128, 1)),
}


@dataclass(frozen=True)
class CANOptions:
    """Options of ``can``.

    preset : channels and dilations by name: ``"can7"``, 24 channels, dilations 1, 2, 4, ..., 64;
        ``"blobnet"``, 24, 1 to 32; ``"can24"``, 24, 1 to 64, then 1; ``"can32"``, 32, 1 to 128,
        then 1
    channels, dilations : replace those of the preset where they are given; one 3x3 convolution per
        dilation
    norm : behind each 3x3 convolution: ``"adaptive"``,
        :class:`segmill.models.adaptive_norm.AdaptiveNorm`; ``"batch"``; ``"none"``
    slope : of the leaky ReLU below zero
    initialisation : ``"default"``, He normal; ``"identity"``, each 3x3 convolution passes its first
        channels on unchanged and leaves the others at zero (the linear one is drawn)
    coordinates : whether row and column of each pixel enter as two more channels
    padding : what lies beyond the edge of the image: ``"zeros"`` or, at every layer, its mirror
        image (``"reflect"``), for which an image must be larger than the largest dilation
    """

    preset: str = option("can7", choices=tuple(PRESETS))
    channels: int | None = option(None, low=1)
    dilations: tuple[int, ...] | None = option(None, low=1)
    norm: str = option("adaptive", choices=NORMS)
    slope: float = option(0.2, low=0.0, high=1.0)
    initialisation: str = option("default", choices=INITIALISATIONS)
    coordinates: bool = option(False)
    padding: str = option("zeros", choices=PADDINGS)

    def conflicts(self) -> list[str]:
        """A network without a dilation sees single pixels only."""
        empty = self.dilations is not None and not self.dilations
        return ["dilations: expected at least one layer, found none"] if empty else []

    @property
    def layers(self) -> tuple[int, tuple[int, ...]]:
        """Channels and dilations in effect."""
        channels, dilations = PRESETS[self.preset]
        return self.channels or channels, self.dilations or dilations


@register("can", CANOptions)
class CAN(nn.Module):
    """Dilated 3x3 convolutions at full resolution: (B, in, H, W) -> (B, out, H, W) float.

    Each layer is a convolution of "same" size, a normalisation and a leaky ReLU; at the end a
    linear 1x1 convolution. Convolutions have a bias, save in front of a plain batch normalisation.

    Parameters
    ----------
    in_channels, out_channels : channels of input and output
    options : fields of :class:`CANOptions`

    Raises
    ------
    ValueError
        In the forward pass, with padding ``"reflect"``, when height or width does not exceed the
        largest dilation.
    """

    size_multiple = 1

    def __init__(self, in_channels: int, out_channels: int, **options):
        super().__init__()
        o = CANOptions(**options)
        width, dilations = o.layers
        self.guard = SizeGuard(1, least=max(dilations) + 1 if o.padding == "reflect" else 1)
        layers: list[nn.Module] = [place.AddCoordinates()] if o.coordinates else []
        before = in_channels + place.CHANNELS * o.coordinates
        for dilation in dilations:
            layers.append(ContextLayer(before, width, dilation, o))
            before = width
        self.layers = nn.Sequential(*layers)
        self.head = nn.Conv2d(before, out_channels, 1)
        self.head.gain = 1.0  # no ReLU halves what it gives
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) float -> (B, out, H, W) float, in the pixel frame of the input."""
        return self.head(self.layers(self.guard(x)))


class ContextLayer(nn.Sequential):
    """Dilated 3x3 convolution, normalisation, leaky ReLU: (B, in, H, W) -> (B, out, H, W)."""

    def __init__(self, in_channels: int, out_channels: int, dilation: int, o: CANOptions):
        convolution = nn.Conv2d(
            in_channels,
            out_channels,
            3,
            padding=dilation,
            dilation=dilation,
            padding_mode=o.padding,
            bias=o.norm != "batch",
        )
        convolution.gain = 2 / (1 + o.slope**2)
        convolution.starts_as_identity = o.initialisation == "identity"
        adaptive = o.norm == "adaptive"
        norm = AdaptiveNorm(out_channels) if adaptive else norm_layer(o.norm, out_channels)
        super().__init__(convolution, norm, nn.LeakyReLU(o.slope, inplace=True))


@dataclass(frozen=True)
class CANUNetOptions(CANOptions):
    """Options of ``can_unet``: those of ``can``, and of the U-Net behind it.

    widths, unet_norm, upsampling, dropout, rate : of the U-Net, see
        :class:`segmill.models.unet.UNetOptions`; the rest: :class:`CANOptions`
    """

    widths: tuple[int, ...] = option((64, 128, 256, 512, 1024), low=1)
    unet_norm: str = option("batch", choices=UNET_NORMS)
    upsampling: str = option("transposed", choices=UPSAMPLINGS)
    dropout: str = option("none", choices=KINDS)
    rate: float = option(0.2, low=0.0, high=0.95)

    def conflicts(self) -> list[str]:
        """The rules of both networks."""
        unet = UNetOptions(self.widths, self.unet_norm, self.upsampling, self.dropout, self.rate)
        return super().conflicts() + unet.conflicts()


@register("can_unet", CANUNetOptions)
class CANUNet(nn.Module):
    """A CAN whose output a U-Net reads: (B, in, H, W) -> (B, out, H, W) float.

    Both have the same number of output channels, so that what passes from one to the other is a
    first version of the result.

    Parameters
    ----------
    in_channels, out_channels : channels of input and output
    widths, unet_norm, upsampling, dropout, rate : of the U-Net
    options : fields of :class:`CANOptions`

    Raises
    ------
    ValueError
        In the forward pass, for heights and widths that either network refuses.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        widths: tuple[int, ...],
        unet_norm: str,
        upsampling: str,
        dropout: str,
        rate: float,
        **options,
    ):
        super().__init__()
        self.can = CAN(in_channels, out_channels, **options)
        self.unet = UNet(out_channels, out_channels, widths, unet_norm, upsampling, dropout, rate)
        self.size_multiple = self.unet.size_multiple

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) float -> (B, out, H, W) float, in the pixel frame of the input."""
        return self.unet(self.can(x))
