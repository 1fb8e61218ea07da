import math

import numpy as np
import pytest
import torch
from torch import nn

from segmill import models
from segmill.models import architecture, architecture_table, describe_network, effective_width

TINY = {
    "can": {"channels": 2, "dilations": [1, 2, 4]},
    "can_unet": {"channels": 2, "dilations": [1, 2], "widths": [2, 3]},
    "fc_densenet103": {"blocks": [1, 2], "bottleneck": 1, "growth": 2, "first_channels": 3},
    "fc_densenet56": {"blocks": [1], "bottleneck": 2, "growth": 2, "first_channels": 3},
    "fc_densenet67": {"blocks": [2], "bottleneck": 1, "growth": 2, "first_channels": 3},
    "pang": {"layers": 2, "width": 3},
    "segnet": {"widths": [2, 3], "convolutions": [1, 2]},
    "unet": {"widths": [2, 3, 4]},
    "unet_compressed": {"widths": [2, 3]},
}


def test_every_network_of_the_project_has_a_small_variant_here():
    assert set(TINY) == set(models.names())


@pytest.mark.parametrize("name", sorted(TINY))
def test_measured_and_computed_fields_agree_for_every_network(name):
    row = describe_network(name, TINY[name], in_channels=3, draws=5)
    assert row["measured_receptive_field"] == row["receptive_field"]
    assert 1 <= row["effective_width"] <= row["receptive_field"]
    model = models.build(name, 3, 2, **TINY[name])
    assert row["parameters"] == sum(p.numel() for p in model.parameters())
    side = 4 * row["size_multiple"]
    assert row["multiply_adds_per_pixel"] == pytest.approx(by_hooks(model, side) / side**2)


def by_hooks(model: nn.Module, side: int) -> int:
    """Products of every convolution, groups too, from the sizes of its input and output."""
    counts = []

    def count(layer, inputs, output):
        pixels = inputs[0] if isinstance(layer, nn.ConvTranspose2d) else output
        counts.append(layer.weight[0].numel() * pixels[0].numel())

    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    hooks = [m.register_forward_hook(count) for m in model.modules() if isinstance(m, kinds)]
    with torch.no_grad():
        model.eval()(torch.zeros(1, model.configuration["in_channels"], side, side))
    for hook in hooks:
        hook.remove()
    return sum(counts)


def test_a_network_is_measured_by_a_narrow_one_of_the_same_layers():
    row = describe_network("unet", {"widths": [30, 40]}, draws=1)
    assert row["measured_receptive_field"] == row["receptive_field"]
    narrow = architecture._narrow(models.build("can_unet", 3, 2))
    assert narrow.configuration["options"]["widths"] == [2] * 5
    assert models.describe(narrow)["parameters"] < 3000
    assert models.receptive_field(narrow) == 458


def test_what_would_take_minutes_is_not_measured(monkeypatch):
    monkeypatch.setattr(architecture, "MOST_MULTIPLY_ADDS", 10)
    row = describe_network("pang", {"width": 2}, draws=1)
    assert math.isnan(row["measured_receptive_field"])


class Linear(nn.Sequential):
    size_multiple = 1
    configuration = {"in_channels": 1, "out_channels": 1}  # noqa: RUF012  (as a network has it)


def test_the_gradient_of_one_convolution_is_its_kernel_averaged():
    model = Linear(nn.Conv2d(1, 1, 5, padding=2))
    field = architecture.gradient_field(model, draws=200, seed=1)
    middle = len(field) // 2
    inside = field[middle - 2 : middle + 3, middle - 2 : middle + 3]
    # Mean absolute value of N(0, 2 / 25).
    assert inside.mean() == pytest.approx(math.sqrt(2 / 25) * math.sqrt(2 / math.pi), rel=0.05)
    assert field.sum() == pytest.approx(inside.sum())
    assert effective_width(model, draws=200) == 5


def test_the_effective_width_grows_as_the_root_of_the_depth():
    """Luo et al. 2016: of n layers like sqrt(n), while the field itself grows like n."""
    widths = [
        effective_width(models.build("pang", 1, 1, layers=n, width=8), draws=10) for n in (3, 15)
    ]
    fields = [1 + 2 * (n + 1) for n in (3, 15)]
    assert widths[0] < widths[1]
    assert widths[1] / widths[0] < 0.8 * fields[1] / fields[0]


def test_the_effective_width_depends_on_the_seed_alone():
    model = models.build("unet", 1, 2, widths=[3, 4])
    state = torch.get_rng_state()
    weights = {key: value.clone() for key, value in model.state_dict().items()}
    fields = [architecture.gradient_field(model, draws=2, seed=s) for s in (0, 0, 1)]
    assert np.array_equal(fields[0], fields[1])
    assert not np.array_equal(fields[0], fields[2])
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, weights[key]) for key, value in model.state_dict().items())
    assert model.training
    # Whatever the place on the grid of the pooling, the pixel itself is in the middle.
    assert fields[0][len(fields[0]) // 2, len(fields[0]) // 2] > 0


def test_the_table_has_a_row_for_each_network_and_says_which_sizes_are_legal():
    table = architecture_table(
        [
            {"name": "unet", "options": TINY["unet"], "label": "U-Net"},
            {"name": "unet", "options": {"widths": [2, 2], "norm": "group"}},
            {"name": "pang", "options": {"width": 2, "coordinates": True}},
            {"name": "can", "options": {"channels": 2, "dilations": [3], "padding": "reflect"}},
        ],
        draws=1,
    )
    assert table["label"].tolist() == ["U-Net", "unet", "pang", "can"]
    assert table["size_multiple"].tolist() == [4, 2, 1, 1]
    assert table["least_size"].tolist() == [4, 2, 1, 4]
    assert table["tiles_exactly"].tolist() == [True, False, False, True]
    reflected = "continued by reflection at the bottom and the right, result cropped"
    expected = [reflected, reflected, "none", "below 4 pixels refused"]
    assert table["other_sizes"].tolist() == expected
