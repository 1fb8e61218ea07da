"""Initial weights: He normal, from torch's global generator or from a seed of their own."""

import math

import torch
from torch import nn

from segmill.models.adaptive_norm import AdaptiveNorm

CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


def _fan_in(layer: nn.Module) -> float:
    """Number of products that are summed into one output value, on average over positions."""
    taps = math.prod(layer.kernel_size)
    if isinstance(layer, nn.ConvTranspose2d):
        # A stride of s leaves only one tap in s for each output position along an axis.
        taps /= math.prod(layer.stride)
    return layer.in_channels // layer.groups * taps


def initialise(model: nn.Module, seed: int | None = None) -> nn.Module:
    """Draw all convolution weights of a network anew, in the order of its modules.

    He normal: N(0, 2 / fan_in) for the weights, zero for the biases (He et al. 2015, Delving deep
    into rectifiers); a layer with an attribute `gain` has that in place of the 2, which makes up
    for a ReLU, and one with `starts_as_identity` passes its first channels on instead, the rest of
    its weights being zero (Chen et al. 2017). Layers of normalisation go back to scale 1, shift 0
    and empty statistics.

    Parameters
    ----------
    model : any network; changed in place
    seed : seed of a generator for this call alone, the global one staying untouched; without a seed
        the draws come from torch's global generator

    Returns
    -------
    The same network. One seed gives one set of weights, on whichever device the network lies.
    """
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, CONVOLUTIONS):
                std = math.sqrt(getattr(layer, "gain", 2.0) / _fan_in(layer))
                draw = torch.randn(layer.weight.shape, generator=generator, dtype=torch.float32)
                layer.weight.copy_(draw * std)
                if getattr(layer, "starts_as_identity", False):
                    nn.init.dirac_(layer.weight)
                if layer.bias is not None:
                    layer.bias.zero_()
            elif isinstance(layer, nn.BatchNorm2d | nn.GroupNorm | AdaptiveNorm):
                layer.reset_parameters()
    return model
