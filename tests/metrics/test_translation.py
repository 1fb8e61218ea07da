import numpy as np
import pytest
import torch

from segmill import models
from segmill.metrics.translation import as_network, tiling_differences, translation_differences
from segmill.models import receptive_field

TINY = {
    "can": {"channels": 4, "dilations": [1, 2, 4]},
    "can_unet": {"channels": 3, "dilations": [1, 2], "widths": [4, 6]},
    "fc_densenet103": {"blocks": [1, 1], "bottleneck": 1, "growth": 4, "first_channels": 4},
    "fc_densenet56": {"blocks": [1], "bottleneck": 1, "growth": 4, "first_channels": 4},
    "fc_densenet67": {"blocks": [2], "bottleneck": 1, "growth": 4, "first_channels": 4},
    "pang": {"layers": 3, "width": 6},
    "segnet": {"widths": [4, 6], "convolutions": [1, 1]},
    "unet": {"widths": [4, 6, 8]},
    "unet_compressed": {"widths": [4, 6]},
}
COORDINATES = ["can", "pang", "segnet", "unet"]


def lively(name, seed=0, **options):
    """A network with random weights and statistics, all of whose field matters."""
    torch.manual_seed(seed)
    model = models.build(name, 1, 2, **TINY[name], **options)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point() and tensor.ndim == 1:
                tensor.copy_(0.5 + torch.rand(tensor.shape))
    return model


def scene(height, width, seed=0):
    return np.random.default_rng(seed).normal(size=(1, height, width)).astype(np.float32)


@pytest.mark.parametrize("name", sorted(TINY))
def test_tiles_are_exact_for_every_network_from_the_receptive_field_on(name):
    assert set(TINY) == set(models.names())
    model = lively(name)
    field = receptive_field(model)
    image = scene(field + 61, field + 40)
    table = tiling_differences(
        as_network(model), image, [0, field - 1], size=24, multiple=model.size_multiple
    )
    scale = np.abs(as_network(model)(image[:, None, :32, :32])).max()
    assert table["margin"].tolist() == [0, field - 1]
    assert table["max_difference"][0] > 1e-3 * scale
    assert table["share"][0] > 0
    assert table["max_difference"][1] <= 1e-5 * max(scale, 1)


@pytest.mark.parametrize("name", sorted(TINY))
def test_a_patch_gives_the_same_output_until_its_field_meets_the_border(name):
    model = lively(name)
    multiple, field = model.size_multiple, receptive_field(model)
    # From a distance of a whole field in every direction nothing beyond the border is seen.
    near = -(-field // multiple) * multiple
    side = 2 * (near + multiple)
    patch = (multiple, multiple)
    network = as_network(model)
    window = (side + patch[0], side + patch[1])
    table = translation_differences(
        network, scene(3 * side, 3 * side), window, patch, [0, near], multiple
    )
    assert len(table) == 8
    assert table["in_phase"].all()
    by_distance = table.groupby("distance")["max_difference"].max()
    scale = max(np.abs(network(scene(side, side)[None])).max(), 1)
    assert by_distance[near] <= 1e-5 * scale
    assert by_distance[0] > 1e-4 * scale


@pytest.mark.parametrize("name", COORDINATES)
def test_with_coordinates_a_patch_never_gives_the_same_output(name):
    model = lively(name, coordinates=True)
    multiple, field = model.size_multiple, receptive_field(model)
    near = -(-field // multiple) * multiple
    side = 2 * (near + multiple) + multiple
    table = translation_differences(
        as_network(model), scene(3 * side, 3 * side), (side, side), (multiple, multiple), [near],
        multiple,
    )  # fmt: skip
    assert table["max_difference"].min() > 1e-4


def test_pooling_tells_places_of_other_phases_apart():
    model = lively("unet")
    field, side = receptive_field(model), 128
    table = translation_differences(
        as_network(model), scene(256, 256), (side, side), (4, 4), [field, 40, 41], 4
    )
    far = table[table["distance"] >= 40].set_index(["distance", "side"])
    assert far.loc[(40, "top"), "in_phase"]
    assert not far.loc[(41, "top"), "in_phase"]
    assert far.loc[(40, "top"), "max_difference"] < 1e-4 < far.loc[(41, "top"), "max_difference"]


def test_differences_are_those_of_the_windows_themselves():
    """A network that adds the distance to the left edge of what it is shown."""

    def network(images):
        return images + np.arange(images.shape[3], dtype=np.float32)

    table = translation_differences(network, scene(30, 30), (12, 16), (4, 6), [0, 1])
    rows = table.set_index(["side", "distance"])
    assert rows.loc[("top", 0), ["row", "column"]].tolist() == [0, 5]
    assert rows.loc[("bottom", 1), ["row", "column"]].tolist() == [7, 5]
    assert rows.loc[("right", 1), ["row", "column"]].tolist() == [4, 9]
    for side in ("top", "bottom"):
        assert rows.loc[(side, 0), "max_difference"] == pytest.approx(0, abs=1e-5)
    assert rows.loc[("left", 1), "mean_difference"] == pytest.approx(4, abs=1e-5)
    assert rows.loc[("right", 1), "max_difference"] == pytest.approx(4, abs=1e-5)


def test_what_cannot_be_compared_is_refused():
    network = as_network(lively("pang"))
    with pytest.raises(ValueError, match=r"at least \(28, 28\), found \(1, 20, 30\)"):
        translation_differences(network, scene(20, 30), (16, 16), (4, 4), [0])
    with pytest.raises(ValueError, match=r"distances from 0 to 12, found \[13, -1\]"):
        translation_differences(network, scene(30, 30), (16, 16), (4, 4), [13, 2, -1])
    with pytest.raises(ValueError, match="a window of multiples of 8"):
        translation_differences(network, scene(40, 40), (16, 20), (4, 4), [0], multiple=8)


def test_a_network_keeps_its_mode():
    model = lively("unet").train()
    as_network(model)(scene(8, 8)[None])
    assert model.training
