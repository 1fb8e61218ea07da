"""What a network costs: parameters, multiply-adds per pixel, receptive field."""

import copy

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from segmill.models.receptive_fields import receptive_field
from segmill.models.sizes import SizeGuard, next_multiple


def describe(model: nn.Module) -> dict[str, int | float]:
    """The figures of a network, for tables.

    Returns
    -------
    dict
        ``parameters`` (trainable), ``running_statistics`` (means and variances kept by batch
        normalisation), ``multiply_adds_per_pixel`` (of all convolutions, per pixel of the input),
        ``receptive_field`` (side in pixels, theoretical), ``size_multiple``.
    """
    statistics = sum(b.numel() for b in model.buffers() if b.is_floating_point())
    return {
        "parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "running_statistics": statistics,
        "multiply_adds_per_pixel": multiply_adds_per_pixel(model),
        "receptive_field": receptive_field(model),
        "size_multiple": model.size_multiple,
    }


def multiply_adds_per_pixel(model: nn.Module) -> float:
    """Multiply-adds of all convolutions for one image, divided by its number of pixels.

    One multiply-add counts as one; products with the zeros of the padding count too. Nothing is
    computed: the network runs on shapes alone.
    """
    least = max((m.least for m in model.modules() if isinstance(m, SizeGuard)), default=1)
    side = 2 * next_multiple(least, model.size_multiple)
    shapes = copy.deepcopy(model).to("meta").eval()
    image = torch.empty(1, model.configuration["in_channels"], side, side, device="meta")
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        shapes(image)
    return counter.get_total_flops() / 2 / side**2
