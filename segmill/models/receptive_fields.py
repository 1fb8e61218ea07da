"""Receptive fields: computed from a network's layers, and measured from its gradients.

The receptive field of an output pixel is the set of input pixels that can change it through
convolutions, pooling and upsampling. Statistics of a normalisation are no path here: in evaluation
batch normalisation has none, while those of group normalisation span the whole image.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import fx, nn

from segmill.models.adaptive_norm import AdaptiveNorm
from segmill.models.coordinates import AddCoordinates
from segmill.models.layers import StandardisedConv2d
from segmill.models.sizes import SizeGuard
from segmill.models.unpooling import UnpoolByIndices

NORMALISATIONS = (nn.BatchNorm2d, nn.GroupNorm, nn.InstanceNorm2d, AdaptiveNorm)
ACTIVATIONS = (nn.ReLU, nn.LeakyReLU, nn.Identity)
MERGES = ("cat", "add", "mul", "getitem")
LARGEST_MEASURED = 2**14


@dataclass(frozen=True)
class Span:
    """First and last input row (or column) that each row of a layer's output depends on.

    The pattern repeats: row j of the output, with L = len(first), depends on input rows
    first[j % L] + (j // L) * period to last[j % L] + (j // L) * period, zero padding being left out
    of account, as if the image went on without end.
    """

    first: np.ndarray
    last: np.ndarray
    period: int

    def at(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First and last input row of the output rows `rows` (any integers)."""
        turns, phases = np.divmod(rows, len(self.first))
        return self.first[phases] + turns * self.period, self.last[phases] + turns * self.period

    def reach(self, sources: Sequence[np.ndarray]) -> "Span":
        """The span of a layer whose row j reads rows ``source[j]`` of this one, for each source."""
        spans = [self.at(rows) for rows in sources]
        first = np.min([first for first, _ in spans], axis=0)
        return Span(first, np.max([last for _, last in spans], axis=0), self.period)


def _convolved(layer: nn.Module, span: Span, axis: int) -> Span:
    kernel, stride = _along(layer.kernel_size, axis), _along(layer.stride, axis)
    dilation = _along(layer.dilation, axis)
    if layer.padding == "same":
        before = dilation * (kernel - 1) // 2
    else:
        before = 0 if layer.padding == "valid" else _along(layer.padding, axis)
    if len(span.first) % stride:
        raise ValueError(f"a stride of {stride} in {layer} does not divide the size multiple")
    rows = np.arange(len(span.first) // stride) * stride - before
    return span.reach([rows + tap * dilation for tap in range(kernel)])


def _transposed(layer: nn.ConvTranspose2d, span: Span, axis: int) -> Span:
    kernel, stride = _along(layer.kernel_size, axis), _along(layer.stride, axis)
    dilation, before = _along(layer.dilation, axis), _along(layer.padding, axis)
    first, last = [], []
    for row in range(len(span.first) * stride):
        reached = row + before - dilation * np.arange(kernel)
        sources = reached[reached % stride == 0] // stride
        if not len(sources):
            raise ValueError(f"{layer} leaves output pixels without any input")
        lows, highs = span.at(sources)
        first.append(lows.min())
        last.append(highs.max())
    return Span(np.array(first), np.array(last), span.period)


def _upsampled(layer: nn.Upsample, span: Span, axis: int) -> Span:
    factor = _along(layer.scale_factor, axis)
    if layer.mode != "nearest" or factor != int(factor):
        raise TypeError(f"no rule for the receptive field of {layer}")
    return span.reach([np.arange(len(span.first) * int(factor)) // int(factor)])


def _unpooled(layer: UnpoolByIndices, span: Span, axis: int) -> Span:
    """A value and its index, which tells where in its window it goes, reach the whole window."""
    return span.reach([np.arange(len(span.first) * 2) // 2])


def _padded(layer: nn.ZeroPad2d, span: Span, axis: int) -> Span:
    left, _, top, _ = layer.padding
    return span.reach([np.arange(len(span.first)) - (left if axis else top)])


def _unchanged(layer: nn.Module, span: Span, axis: int) -> Span:
    return span


def _along(value, axis: int):
    return value[axis] if isinstance(value, tuple) else value


# Layers of other networks enter here: a rule maps (layer, span of its input, axis) to a span.
RULES: dict[type, Callable[[nn.Module, Span, int], Span]] = {
    nn.Conv2d: _convolved,
    StandardisedConv2d: _convolved,
    nn.MaxPool2d: _convolved,
    UnpoolByIndices: _unpooled,
    nn.ConvTranspose2d: _transposed,
    nn.Upsample: _upsampled,
    nn.ZeroPad2d: _padded,
    SizeGuard: _unchanged,
    AddCoordinates: _unchanged,
    **dict.fromkeys((*NORMALISATIONS, *ACTIVATIONS), _unchanged),
}


class _LayerTracer(fx.Tracer):
    """Traces a network down to the layers that have a rule."""

    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        return type(module) in RULES or super().is_leaf_module(module, name)


def receptive_field(model: nn.Module) -> int:
    """Side in pixels of the smallest square that holds the receptive field of any output pixel.

    Computed from kernels, strides, dilations and upsampling of the layers, along all paths. Where
    the field depends on the pixel's place on the grid of the pooling, the largest counts.

    Parameters
    ----------
    model : a network of :func:`segmill.models.build`, unchanged

    Raises
    ------
    TypeError
        When the network has a layer without a rule in `RULES`.
    """
    evaluated = copy.deepcopy(model).eval()
    graph = _LayerTracer().trace(evaluated)
    layers = dict(evaluated.named_modules())
    spans = [_output_span(graph, layers, model.size_multiple, axis) for axis in (0, 1)]
    return max(int((span.last - span.first).max()) + 1 for span in spans)


def _output_span(graph: fx.Graph, layers: dict, period: int, axis: int) -> Span:
    """The span of the network's output along an axis: 0 rows, 1 columns."""
    rows = np.arange(period)
    spans: dict[fx.Node, Span] = {}
    for node in graph.nodes:
        inputs = [spans[source] for source in node.all_input_nodes]
        if node.op == "placeholder":
            spans[node] = Span(rows, rows, period)
        elif node.op == "output":
            return inputs[0]
        elif node.op == "call_module" and type(layers[node.target]) in RULES:
            layer = layers[node.target]
            spans[node] = RULES[type(layer)](layer, _union(inputs), axis)
        elif node.op == "call_module" and not list(layers[node.target].parameters()):
            spans[node] = inputs[0]
        elif node.op == "call_function" and node.target.__name__ in MERGES:
            spans[node] = _union(inputs)
        else:
            raise TypeError(f"no rule for the receptive field of {node.format_node()}")
    raise TypeError("the network has no output")


def _union(spans: list[Span]) -> Span:
    """What a layer with several inputs of one size depends on."""
    first = np.min([span.first for span in spans], axis=0)
    return Span(first, np.max([span.last for span in spans], axis=0), spans[0].period)


def measured_receptive_field(model: nn.Module) -> int:
    """The receptive field of :func:`receptive_field`, found by running the network backwards.

    A copy of the network with positive weights, without normalisation and activations and with
    averages instead of maxima lets every path through; the gradient of one output pixel is then
    positive on its receptive field and exactly zero elsewhere. Done for each place on the grid of
    the pooling, along rows and columns.

    Raises
    ------
    ValueError
        When the field is larger than 16384 pixels or spans the image, whatever its size.
    """
    open_copy = _let_through(copy.deepcopy(model).double().eval())
    multiple = model.size_multiple
    return max(_measured_extent(open_copy, model, multiple, axis) for axis in (0, 1))


def _measured_extent(open_copy: nn.Module, model: nn.Module, multiple: int, axis: int) -> int:
    """Largest extent of the gradient's support along an axis, over the phases of the pooling."""
    channels = model.configuration["in_channels"]
    length = max(64 // multiple, 8) * multiple
    while length <= LARGEST_MEASURED:
        # One image per phase, as narrow as the network allows across the axis.
        shape = (multiple, channels, length, multiple)
        image = torch.ones(shape if axis == 0 else (*shape[:2], multiple, length)).double()
        output = open_copy(image.requires_grad_())
        output = output if axis == 0 else output.transpose(2, 3)
        phases = torch.arange(multiple)
        chosen = output[phases, :, length // multiple // 2 * multiple + phases, 0]
        (gradient,) = torch.autograd.grad(chosen.sum(), image)
        support = gradient.sum(dim=(1, 3 if axis == 0 else 2)).numpy() != 0
        if not support[:, [0, -1]].any():
            return max(int(np.ptp(np.flatnonzero(rows))) + 1 for rows in support)
        length *= 2
    raise ValueError(f"the receptive field exceeds {LARGEST_MEASURED // 2} pixels")


class _OpenPool(nn.AvgPool2d):
    """The mean in place of the maximum, and once more in place of its index."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean = super().forward(x)
        return mean, mean


class _OpenUnpool(nn.Upsample):
    """Value and index spread over the window: no gradient passes an index, but its window does."""

    def forward(self, x: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
        return super().forward(x + indices)


def _let_through(model: nn.Module) -> nn.Module:
    """Replace all that can stop a gradient, in place; weights become those of a mean."""
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, NORMALISATIONS + ACTIVATIONS):
                setattr(parent, name, nn.Identity())
            elif isinstance(layer, nn.MaxPool2d):
                kind = _OpenPool if layer.return_indices else nn.AvgPool2d
                setattr(parent, name, kind(layer.kernel_size, layer.stride, layer.padding))
            elif isinstance(layer, UnpoolByIndices):
                setattr(parent, name, _OpenUnpool(scale_factor=2, mode="nearest"))
            elif isinstance(layer, StandardisedConv2d):
                # Of equal weights standardisation would leave zeros.
                setattr(parent, name, layer.without_standardisation())
                nn.init.constant_(getattr(parent, name).weight, 1 / layer.weight[0].numel())
            elif isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                layer.padding_mode = "zeros"
                nn.init.constant_(layer.weight, 1 / layer.weight[0].numel())
            elif isinstance(layer, SizeGuard):
                layer.least = 1
    return model
