import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmill.errors import ConfigError
from segmill.store import write_store
from segmill.synthetic import SyntheticProducer, scenes

PLAIN = {"texture": 0, "noise": 0, "blur": 0, "shading": 0}


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31), st.integers(32, 90), st.integers(32, 90))
def test_every_pixel_belongs_to_a_region(seed, height, width):
    scene = scenes(seed, 0, height=height, width=width)
    assert scene.image.shape == (height, width, 3)
    assert scene.image.dtype == np.uint8
    ids = np.unique(scene.instances)
    assert ids.tolist() == list(range(1, ids.size + 1))
    again = scenes(seed, 0, height=height, width=width)
    np.testing.assert_array_equal(scene.image, again.image)
    np.testing.assert_array_equal(scene.instances, again.instances)


def test_the_truth_is_exact():
    for index in range(5):
        scene = scenes(2, index, **PLAIN)
        for region in np.unique(scene.instances):
            colours = np.unique(scene.image[scene.instances == region], axis=0)
            assert len(colours) == 1


def test_texture_shading_and_noise_vary_the_inside_of_regions():
    for name in PLAIN:
        if name != "blur":
            scene = scenes(2, 0, **{**PLAIN, name: 0.1})
            inside = scene.image[scene.instances == scene.instances[80, 120]]
            assert len(np.unique(inside, axis=0)) > 3


def test_shapes_stand_out_from_what_they_hide():
    far = [scenes(1, i, contrast=0.3, bands=[1, 1], shapes=[1, 1], **PLAIN) for i in range(20)]
    for scene in far:
        if scene.instances.max() == 2:
            colours = [scene.image[scene.instances == k][0].astype(float) for k in (1, 2)]
            assert np.linalg.norm(colours[0] - colours[1]) / np.sqrt(3) >= 0.3 * 255 - 1


def test_scenes_differ():
    assert not np.array_equal(scenes(0, 0).image, scenes(0, 1).image)
    assert not np.array_equal(scenes(0, 0).image, scenes(1, 0).image)


def test_wrong_options_are_named_together():
    with pytest.raises(ConfigError) as caught:
        scenes(0, 0, radius=[20, 10], nosie=0.1)
    assert "nosie" in str(caught.value)
    with pytest.raises(ConfigError, match=r"radius: expected \[least, largest\], found \[20.*, 10"):
        scenes(0, 0, radius=[20, 10])


def test_a_store_of_scenes(tmp_path):
    config = {
        "generator": "scenes", "n": 3, "seed": 4, "split": {"train": 2, "test": 1},
        "options": {"height": 40, "width": 50},
    }  # fmt: skip
    store = write_store(tmp_path / "scenes.zarr", SyntheticProducer(config, "scenes"))
    expected = scenes(4, 1, height=40, width=50)
    np.testing.assert_array_equal(store.image(1), expected.image)
    np.testing.assert_array_equal(store.instances(1), expected.instances)
    assert store.attributes["config"]["options"]["blur"] == 0.6
