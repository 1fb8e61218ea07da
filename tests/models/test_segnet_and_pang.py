import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from segmill import models
from segmill.errors import ConfigError
from segmill.models import measured_receptive_field, receptive_field
from segmill.models.unpooling import UnpoolByIndices
from tests.models.test_description import multiply_adds_by_hand

SMALL = {"widths": [2, 3], "convolutions": [1, 2]}


@pytest.mark.parametrize("n", [1, 4, 7])
def test_pang_has_the_field_and_the_parameters_of_its_formula(n):
    model = models.build("pang", 3, 2, layers=n, width=5)
    assert receptive_field(model) == measured_receptive_field(model) == 1 + 2 * (n + 1)
    norms = 2 * 5 * n
    expected = 9 * 3 * 5 + (n - 1) * 9 * 5 * 5 + norms + 9 * 5 * 2 + 2
    assert models.describe(model)["parameters"] == expected
    assert models.describe(model)["multiply_adds_per_pixel"] == 9 * (15 + 25 * (n - 1) + 10)
    assert model(torch.rand(2, 3, 1, 7)).shape == (2, 2, 1, 7)


def test_pang_is_its_convolutions_one_behind_the_other():
    torch.manual_seed(0)
    model = models.build("pang", 1, 2, layers=2, width=3, norm="none").eval()
    weights, x = model.state_dict(), torch.rand(1, 1, 9, 8)
    image = x
    for s in range(2):
        w, b = weights[f"layers.{s}.0.weight"], weights[f"layers.{s}.0.bias"]
        x = F.conv2d(x, w, b, padding=1).clamp(min=0)
    x = F.conv2d(x, weights["head.weight"], weights["head.bias"], padding=1)
    assert torch.allclose(model(image), x, atol=1e-6)


def convolutions_of_segnet(before, after, widths, counts):
    """(in, out) channels of every convolution, as the publication draws them."""
    down = []
    for width, count in zip(widths, counts, strict=True):
        down.append([(before if i == 0 else width, width) for i in range(count)])
        before = width
    up = []
    for level in range(len(widths) - 1, -1, -1):
        above = widths[level - 1] if level else after
        last = [(widths[level], above)]
        up.append([(widths[level], widths[level])] * (counts[level] - 1) + last)
    return [pair for row in down + up for pair in row]


def test_segnet_has_the_layers_of_the_publication():
    model = models.build("segnet", 3, 11)
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    expected = convolutions_of_segnet(3, 11, [64, 128, 256, 512, 512], [2, 2, 3, 3, 3])
    assert [(m.in_channels, m.out_channels) for m in layers] == expected
    assert len(layers) == 26
    weights = sum(9 * i * o for i, o in expected)
    norms = 2 * sum(o for _, o in expected[:-1])
    assert models.describe(model)["parameters"] == weights + norms + 11
    # The 13 convolutions of the contracting path are those of VGG-16, 14 710 464 weights.
    assert sum(9 * i * o for i, o in expected[:13]) == 14_710_464
    assert model.size_multiple == 32


@settings(max_examples=8, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=3),
    norm=st.sampled_from(["batch", "group", "none"]),
    coordinates=st.booleans(),
)
def test_every_segnet_keeps_the_size_and_sees_as_far_as_computed(rows, norm, coordinates):
    widths, counts = ([row[k] for row in rows] for k in (0, 1))
    options = {"widths": widths, "convolutions": counts, "norm": norm, "coordinates": coordinates}
    model = models.build("segnet", 2, 3, **options)
    side = 2 * model.size_multiple
    assert model(torch.rand(2, 2, side, 3 * side)).shape == (2, 3, side, 3 * side)
    assert receptive_field(model) == measured_receptive_field(model)


def test_multiply_adds_of_segnet_against_a_count_by_hand():
    model = models.build("segnet", 3, 2, **SMALL)
    found = models.describe(model)["multiply_adds_per_pixel"]
    assert found == pytest.approx(multiply_adds_by_hand(model, 16) / 16**2)


def test_unpooling_is_that_of_torch_and_undoes_pooling():
    image = torch.rand(2, 3, 6, 8, dtype=torch.float64, requires_grad=True)
    values, indices = F.max_pool2d(image, 2, return_indices=True)
    found = UnpoolByIndices()(values, indices)
    assert torch.equal(found, F.max_unpool2d(values, indices, 2))
    assert torch.equal(F.max_pool2d(found, 2), values)
    assert torch.equal(image[found != 0], found[found != 0])
    weight = torch.rand_like(found)
    (gradient,) = torch.autograd.grad((found * weight).sum(), image)
    assert torch.equal(gradient, torch.where(found != 0, weight, 0))


def test_segnet_trains_where_only_deterministic_algorithms_may_run():
    model = models.build("segnet", 1, 2, **SMALL)
    strict = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        model(torch.rand(2, 1, 8, 8)).square().sum().backward()
    finally:
        torch.use_deterministic_algorithms(strict)
    assert all(p.grad is not None for p in model.parameters())


def test_what_changes_through_an_index_lies_inside_the_field():
    """Gradients do not see indices; changes of the image do."""
    torch.manual_seed(1)
    model = models.build("segnet", 1, 1, widths=[4, 4], convolutions=[1, 1]).double().eval()
    field, side = receptive_field(model), 32
    image = torch.rand(1, 1, side, side).double()
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    reached = 0
    for row, column in ((13, 14), (14, 13), (15, 15), (16, 16)):
        changed = image.clone()
        changed[0, 0, row, column] += 3
        difference = (model(changed) != model(image))[0, 0]
        far = torch.maximum((rows - row).abs(), (columns - column).abs())
        reached = max(reached, int(far[difference].max()))
        assert int(far[difference].max()) < field
    assert 2 * reached + 1 > field // 2


def test_levels_of_segnet_need_a_width_and_a_number():
    with pytest.raises(ConfigError, match="one value for each level in both, found 2 and 1"):
        models.build("segnet", 1, 1, widths=[2, 2], convolutions=[1])
    with pytest.raises(ConfigError, match="found 0 and 0"):
        models.build("segnet", 1, 1, widths=[], convolutions=[])
    with pytest.raises(ValueError, match=r"multiples of 4, found 8x6"):
        models.build("segnet", 1, 1, **SMALL)(torch.zeros(1, 1, 8, 6))


@pytest.mark.parametrize(
    ("name", "options"),
    [("pang", {"width": 8}), ("segnet", SMALL), ("unet", {"widths": [8, 8]})],
)
def test_coordinates_make_a_network_tell_places_apart(name, options):
    for coordinates in (False, True):
        torch.manual_seed(0)
        model = models.build(name, 1, 1, coordinates=coordinates, **options).eval()
        reach = receptive_field(model)
        side = 4 * next(n for n in (4, 8, 16) if n > reach // 2)
        # On a flat image all that tells places of one phase apart, away from the border, is these.
        inner = model(torch.ones(1, 1, side, side))[0, 0, ::4, ::4]
        border = -(-reach // 4)
        inner = inner[border:-border, border:-border]
        assert inner.numel() > 1
        assert (float(inner.detach().std()) > 1e-4) == coordinates
    again = models.rebuild(model.configuration)
    again.load_state_dict(model.state_dict())
    image = torch.rand(1, 1, 8, 8)
    assert torch.equal(again.eval()(image), model(image))
