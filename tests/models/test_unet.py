import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from segmill import models
from segmill.models.layers import ConvNormAct, UpConv


def test_the_compressed_network_has_the_layers_of_the_study():
    model = models.build("unet_compressed", 1, 3)
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    shape = [(m.in_channels, m.out_channels, m.kernel_size[0]) for m in layers]
    assert shape == [
        (1, 32, 3),
        (32, 32, 3),
        (32, 64, 3),
        (64, 64, 3),
        (64, 128, 3),
        (128, 128, 3),
        (128, 64, 2),
        (64, 32, 2),
        (128, 64, 3),
        (64, 64, 3),
        (64, 32, 3),
        (32, 32, 3),
        (32, 3, 1),
    ]
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) == len(layers) - 2
    assert model.size_multiple == 4


def test_the_last_two_layers_of_the_compressed_network_are_linear():
    model = models.build("unet_compressed", 1, 3, widths=[4, 8]).eval()
    last = model.merge[-1][1]
    assert isinstance(last, nn.Conv2d)
    features = torch.randn(1, 4, 8, 8, dtype=torch.float64)
    tail = nn.Sequential(last, model.head).double()
    zero = tail(torch.zeros_like(features))
    assert torch.allclose(tail(-2 * features) - zero, -2 * (tail(features) - zero))


def test_unet_of_2015_has_its_number_of_weights():
    """31 030 658 is that of the paper's layers with biases, 1 input channel and 2 classes."""
    model = models.build("unet", 1, 2, norm="none")
    assert sum(p.numel() for p in model.parameters()) == 31_030_658
    assert model.size_multiple == 16


@settings(max_examples=15, deadline=None)
@given(
    widths=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    norm=st.sampled_from(["batch", "group", "none"]),
    upsampling=st.sampled_from(["nearest", "transposed"]),
    dropout=st.sampled_from(["none", "standard", "gaussian", "additive"]),
    cells=st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
def test_every_unet_keeps_the_size_and_trains_every_weight(
    widths, norm, upsampling, dropout, cells
):
    options = {"norm": norm, "upsampling": upsampling, "dropout": dropout}
    model = models.build("unet", 2, 3, widths=widths, **options)
    assert model.size_multiple == 2 ** (len(widths) - 1)
    height, width = (2 * n * model.size_multiple for n in cells)
    output = model(torch.randn(2, 2, height, width))
    assert output.shape == (2, 3, height, width)
    output.square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("name", ["unet", "unet_compressed"])
def test_a_size_that_does_not_fit_is_refused_and_named(name):
    model = models.build(name, 1, 2, widths=[2, 2, 2])
    with pytest.raises(ValueError, match=r"multiples of 4, found 8x10.*pad_to_multiple"):
        model(torch.zeros(1, 1, 8, 10))


def test_a_2x2_convolution_reads_its_pixel_and_those_below_and_right():
    layer = ConvNormAct(1, 1, kernel=2, norm="none").double()
    image = torch.rand(1, 1, 5, 6, dtype=torch.float64)
    nn.init.uniform_(layer[1].weight, 0.1, 1)
    nn.init.zeros_(layer[1].bias)
    kernel = layer[1].weight[0, 0].detach().numpy()
    padded = np.pad(image[0, 0].numpy(), ((0, 1), (0, 1)))
    expected = sum(
        kernel[row, column] * padded[row : row + 5, column : column + 6]
        for row in (0, 1)
        for column in (0, 1)
    )
    assert np.allclose(layer(image)[0, 0].detach().numpy(), expected)


def test_an_upsampling_layer_doubles_the_size():
    for kind in ("nearest", "transposed"):
        assert UpConv(3, 2, kind, "batch")(torch.randn(2, 3, 4, 5)).shape == (2, 2, 8, 10)


def test_no_bias_in_front_of_a_batch_normalisation_only():
    for norm, bias in (("batch", False), ("group", True), ("none", True)):
        model = models.build("unet", 1, 1, widths=[2, 4], norm=norm)
        assert (model.down[0][0][0].bias is not None) == bias
        assert (model.up[0][0].bias is not None) == bias
        assert model.head.bias is not None
