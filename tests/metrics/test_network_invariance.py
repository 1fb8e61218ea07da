"""Translation and tiling of trained networks."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from segmill.inference import Predictor
from segmill.metrics.network_invariance import (
    continued,
    tiling_of_networks,
    translation_of_networks,
)
from segmill.metrics.translation import ROUNDING
from tests.inference.conftest import write_model


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Untrained networks in model files."""
    path = write_model(tmp_path_factory.mktemp("invariance") / "model.pt")
    return {"small": Predictor.load(path, device="cpu").networks[0]}


IMAGE = np.random.default_rng(0).integers(0, 255, (40, 50, 1), np.uint8)


def test_images_are_cut_or_continued_by_reflection():
    pixels = np.random.default_rng(1).random((2, 5, 9))
    found = continued(pixels, 7)
    assert_array_equal(found[:, :5], pixels[:, :, :7])
    assert_array_equal(found[:, 5], pixels[:, 4, :7])
    assert_array_equal(found[:, 6], pixels[:, 3, :7])


def test_far_from_the_border_nothing_differs_and_near_it_something_does(networks):
    table = translation_of_networks(networks, IMAGE, window=190, patch=16, distances=[0, 4, 80])
    assert set(table["experiment"]) == {"small"}
    field = int(table["receptive_field"].iloc[0])
    assert field < 80
    worst = table[table["in_phase"]].groupby("distance")["max_difference"].max()
    assert worst[0] > ROUNDING > worst[80]
    assert len(table) == 3 * 4


def test_tiles_with_a_margin_of_the_receptive_field_are_exact(networks):
    field = int(tiling_of_networks(networks, IMAGE, 96, 32, [0])["receptive_field"].iloc[0])
    table = tiling_of_networks(networks, IMAGE, 160, 32, [0, field]).set_index("margin")
    assert table.loc[0, "max_difference"] > ROUNDING > table.loc[field, "max_difference"]
