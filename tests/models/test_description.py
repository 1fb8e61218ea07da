import pytest
import torch
from torch import nn

from segmill import models


def multiply_adds_by_hand(model: nn.Module, side: int) -> int:
    """Products of every convolution, counted from the sizes of its output."""
    counts = []

    def count(layer, inputs, output):
        taps = layer.weight[0].numel() * output[0].numel()
        if isinstance(layer, nn.ConvTranspose2d):
            # Seen from the input: each pixel is multiplied with the whole kernel once.
            taps = layer.weight[0].numel() * inputs[0][0].numel()
        counts.append(taps)

    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    hooks = [m.register_forward_hook(count) for m in model.modules() if isinstance(m, kinds)]
    with torch.no_grad():
        model(torch.zeros(1, model.configuration["in_channels"], side, side))
    for hook in hooks:
        hook.remove()
    return sum(counts)


@pytest.mark.parametrize("name", ["unet", "unet_compressed"])
def test_figures_of_small_networks_against_a_count_by_hand(name):
    model = models.build(name, 3, 2, widths=[4, 6, 8])
    figures = models.describe(model)
    side = 32
    expected = multiply_adds_by_hand(model, side) / side**2
    assert figures["multiply_adds_per_pixel"] == pytest.approx(expected)
    assert figures["parameters"] == sum(p.numel() for p in model.parameters())
    assert figures["receptive_field"] == models.receptive_field(model)
    assert figures["size_multiple"] == 4


def test_running_statistics_are_means_and_variances():
    model = models.build("unet", 1, 1, widths=[4], norm="batch")
    assert models.describe(model)["running_statistics"] == 2 * (4 + 4)
    model = models.build("unet", 1, 1, widths=[4], norm="group")
    assert models.describe(model)["running_statistics"] == 0


def test_figures_of_the_compressed_network():
    """Level by level: 9 (1 + 32) 32 + 9 (32 + 64) 64 / 4 + ... worked out once by hand."""
    figures = models.describe(models.build("unet_compressed", 1, 3))
    full = 9 * (32 + 32 * 32) + 4 * 64 * 32 + 9 * (64 * 32 + 32 * 32) + 32 * 3
    half = 9 * (32 * 64 + 64 * 64) + 4 * 128 * 64 + 9 * (128 * 64 + 64 * 64)
    quarter = 9 * (64 * 128 + 128 * 128)
    assert figures["multiply_adds_per_pixel"] == full + half / 4 + quarter / 16
