"""FC-DenseNet against its published size and a forward pass written out by hand."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from segmill import models
from segmill.errors import ConfigError
from segmill.models import initialise, measured_receptive_field, receptive_field
from segmill.models.layers import StandardisedConv2d, convolution

TINY = {"blocks": [1, 2], "bottleneck": 2, "growth": 3, "first_channels": 4}


def test_103_has_the_published_number_of_weights_and_statistics():
    found = models.describe(models.build("fc_densenet103", 3, 8))
    assert found["parameters"] == 3_390_936
    assert found["running_statistics"] == 103_072
    assert found["parameters"] + found["running_statistics"] == 3_494_008
    assert found["size_multiple"] == 32


@pytest.mark.parametrize(
    ("name", "blocks", "bottleneck", "growth"),
    [
        ("fc_densenet103", [4, 5, 7, 10, 12], 15, 16),
        ("fc_densenet67", [5] * 5, 5, 16),
        ("fc_densenet56", [4] * 5, 4, 12),
    ],
)
def test_the_variants_have_the_blocks_of_the_paper(name, blocks, bottleneck, growth):
    """The widths of the table of the paper: those that enter each 1x1 and transposed layer."""
    with torch.device("meta"):
        model = models.build(name, 3, 5, convolution="plain")
    widths = list(itertools.accumulate([48, *(n * growth for n in blocks)]))[1:]
    ones = [m.in_channels for m in model.shrink.modules() if isinstance(m, nn.Conv2d)]
    assert ones == widths
    doubled = [m.in_channels for m in model.grow]
    assert doubled == [growth * n for n in (bottleneck, *reversed(blocks[1:]))]
    assert model.head.in_channels == widths[0] + growth * (blocks[1] + blocks[0])
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert len(layers) == 2 + sum(blocks) * 2 + bottleneck + 2 * len(blocks)


def by_hand(weights: dict, x: torch.Tensor, blocks: list[int], bottleneck: int) -> torch.Tensor:
    """The network in evaluation, from its weights by name: batch norm, separable, transposed."""

    def normal_relu(x, name):
        scale, shift, mean, variance = (
            weights[f"{name}.{key}"][:, None, None]
            for key in ("weight", "bias", "running_mean", "running_var")
        )
        return ((x - mean) / (variance + 1e-5).sqrt() * scale + shift).clamp(min=0)

    def separable(x, name):
        depth, point = weights[f"{name}.0.weight"], weights[f"{name}.1.weight"]
        single = [F.conv2d(x[:, [c]], depth[[c]], padding=1) for c in range(x.shape[1])]
        return torch.einsum("bchw,kc->bkhw", torch.cat(single, 1), point[:, :, 0, 0])

    def block(x, name, layers):
        everything = x
        for i in range(layers):
            entered = normal_relu(everything, f"{name}.{i}.0")
            everything = torch.cat([everything, separable(entered, f"{name}.{i}.2")], 1)
        return everything

    def transposed(x, name):
        """Each pixel adds its kernel to the 3x3 pixels around twice its place."""
        kernel, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
        batch, _, height, width = x.shape
        canvas = torch.zeros(batch, kernel.shape[1], 2 * height + 1, 2 * width + 1, dtype=x.dtype)
        for row, column in itertools.product(range(height), range(width)):
            stamp = torch.einsum("bc,ckuv->bkuv", x[:, :, row, column], kernel)
            canvas[:, :, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3] += stamp
        return canvas[:, :, 1:, 1:] + bias[:, None, None]

    x = F.conv2d(x, weights["first.weight"], padding=1)
    skips = []
    for level, layers in enumerate(blocks):
        x = block(x, f"down.{level}", layers)
        skips.append(x)
        entered = normal_relu(x, f"shrink.{level}.0")
        x = torch.einsum("bchw,kc->bkhw", entered, weights[f"shrink.{level}.2.weight"][:, :, 0, 0])
        x = x.unflatten(3, (-1, 2)).unflatten(2, (-1, 2)).amax((3, 5))
    before, x = x.shape[1], block(x, "bottleneck", bottleneck)
    for level, layers in enumerate(reversed(blocks)):
        x = torch.cat([transposed(x[:, before:], f"grow.{level}"), skips.pop()], 1)
        before, x = x.shape[1], block(x, f"up.{level}", layers)
    head = weights["head.weight"][:, :, 0, 0]
    return torch.einsum("bchw,kc->bkhw", x, head) + weights["head.bias"][:, None, None]


def shaken(model: nn.Module) -> nn.Module:
    """The network in float64 with statistics, shifts and biases that are not those of the start."""
    torch.manual_seed(3)
    for name, tensor in model.double().state_dict().items():
        if tensor.dim() == 1:
            tensor.uniform_(0.5, 1.5) if "var" in name else tensor.normal_()
    return model


def test_forward_is_the_one_written_by_hand():
    model = shaken(models.build("fc_densenet56", 2, 3, **TINY)).eval()
    x = torch.randn(2, 2, 8, 12, dtype=torch.float64)
    with torch.no_grad():
        expected = by_hand(model.state_dict(), x, [1, 2], 2)
        assert expected.std() > 0.1
        assert torch.allclose(model(x), expected)


EVERY_OPTION = [
    {},
    {"convolution": "plain"},
    {"norm": "group", "weight_standardisation": True},
    {"norm": "none", "upsampling": "nearest"},
    {"dropout": "none", "weight_standardisation": True, "convolution": "plain"},
]


@pytest.mark.parametrize("options", EVERY_OPTION)
def test_every_option_keeps_the_size_and_trains_every_weight(options):
    torch.manual_seed(0)
    model = models.build("fc_densenet56", 3, 2, **TINY, **options)
    assert model.size_multiple == 4
    output = model(torch.randn(2, 3, 8, 12))
    assert output.shape == (2, 2, 8, 12)
    output.square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("options", EVERY_OPTION)
def test_theory_and_measurement_of_the_receptive_field_agree(options):
    model = models.build("fc_densenet56", 1, 1, **TINY, **options)
    assert receptive_field(model) == measured_receptive_field(model)


def test_the_receptive_field_of_103():
    assert receptive_field(models.build("fc_densenet103", 3, 8)) == 2294


def test_biases_stand_where_the_study_has_them():
    def biased(**options):
        layers = models.build("fc_densenet56", 3, 8, **TINY, **options).named_modules()
        both = [(n, m) for n, m in layers if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
        return {n for n, m in both if m.bias is not None}, {n for n, m in both if m.bias is None}

    assert biased()[0] == biased(norm="group")[0] == {"grow.0", "grow.1", "head"}
    # Without normalisation all but the depthwise ones, whose 1x1 convolution has one.
    without = biased(norm="none")[1]
    assert len(without) == 8
    assert all(name.endswith(".2.0") for name in without)


def test_dropout_acts_behind_each_layer_and_transition_down_in_training_only():
    model = models.build("fc_densenet56", 1, 1, **TINY)
    noises = [m for m in model.modules() if isinstance(m, nn.Dropout)]
    assert len(noises) == 1 + 2 + 2 + 2 + 1 + 2
    assert {m.p for m in noises} == {0.2}
    x = torch.randn(1, 1, 8, 8)
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))


def test_a_size_that_does_not_fit_is_refused_and_named():
    model = models.build("fc_densenet103", 3, 8, blocks=[1] * 5, bottleneck=1, growth=2)
    with pytest.raises(ValueError, match=r"multiples of 32, found 32x48.*pad_to_multiple"):
        model(torch.zeros(1, 3, 32, 48))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"blocks": []}, "at least one dense block"),
        ({"convolution": "dense"}, "convolution: expected one of separable, plain"),
        ({"weight_standardisation": True, "first_channels": 1}, "first_channels: expected at"),
    ],
)
def test_options_without_sense_are_refused(options, match):
    with pytest.raises(ConfigError, match=match):
        models.build("fc_densenet56", 3, 8, **options)


@pytest.mark.parametrize("groups", [1, 2])
def test_standardised_weights_have_mean_zero_and_the_variance_of_he(groups):
    torch.manual_seed(0)
    layer = StandardisedConv2d(6, 4, 3, padding=1, groups=groups).double()
    x = torch.randn(2, 6, 5, 7, dtype=torch.float64)
    weight = layer.weight.detach().flatten(1)
    mean, std = weight.mean(1, keepdim=True), weight.std(1, keepdim=True, correction=0)
    expected = ((weight - mean) / std * (2 / weight.shape[1]) ** 0.5).view_as(layer.weight)
    assert torch.allclose(
        layer(x), F.conv2d(x, expected, layer.bias, padding=1, groups=groups), atol=1e-6
    )
    with torch.no_grad():
        before = layer(x)
        layer.weight.mul_(7).add_(0.3)
        assert torch.allclose(layer(x), before, atol=1e-6)
        assert torch.allclose(layer.without_standardisation()(x), layer(x))


def test_standardised_gradients_are_those_of_finite_differences():
    layer = StandardisedConv2d(2, 2, 2).double()
    x = torch.randn(1, 2, 3, 3, dtype=torch.float64)

    def output(weight):
        return torch.func.functional_call(layer, {"weight": weight}, (x,))

    assert torch.autograd.gradcheck(output, layer.weight.detach().requires_grad_())


def test_a_separable_convolution_keeps_the_variance_that_a_plain_one_has():
    """Of rectified normal values; the 1x1 reads no rectified ones and has the gain of none."""
    torch.manual_seed(0)
    rectified = torch.randn(4, 64, 16, 16).clamp(min=0)
    for kind in ("plain", "separable"):
        layer = nn.Sequential(convolution(64, 64, 3, "batch", kind=kind))
        with torch.no_grad():
            assert initialise(layer, seed=1)(rectified).var().item() == pytest.approx(1, rel=0.25)
