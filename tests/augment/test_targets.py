"""Targets that follow from instances: made of each crop, never resampled."""

import numpy as np
import pandas as pd
import pytest

from segmill.augment import AugmentProducer, Recipe
from segmill.errors import ConfigError
from segmill.particles import particle_targets
from segmill.samples import Sample
from segmill.store import FieldSpec, StorePlan, write_store
from segmill.targets import check_target, derive_target

SPEC = {"kind": "particles", "sigma": 1.5}
HARD = {
    "name": "hard", "copies": 3, "flip": 0.5, "rotation": [-180, 180], "zoom": [0.7, 1.4],
    "mirror": 0.5, "elastic": {"alpha": [0, 30]},
}  # fmt: skip
RECIPE = {"size": [40, 32], "levels": [HARD], "target": SPEC}


class Discs:
    """Two images of discs; with a target of its own that no crop may show, or without instances."""

    def __init__(self, attributes=None, target=False, instances=True):
        self.attributes, self.target, self.instances = attributes or {}, target, instances

    def plan(self):
        table = pd.DataFrame(
            {"sample_id": ["a", "b"], "group": ["a", "b"], "split": ["train", "val"],
             "source": "made up", "frame": 0}
        )  # fmt: skip
        fields = {"image": FieldSpec("uint8", 1)}
        if self.instances:
            fields["instances"] = FieldSpec("int32")
        if self.target:
            fields["target"] = FieldSpec("float32", 1)
        return StorePlan(table, fields, 60, 70, self.attributes)

    def sample(self, i):
        rng = np.random.default_rng(i)
        rows, columns = np.indices((60, 70))
        labels = np.zeros((60, 70), np.int32)
        for k in range(1, 20):
            place, radius = rng.uniform(0, (60, 70)), rng.uniform(3, 6)
            inside = (rows - place[0]) ** 2 + (columns - place[1]) ** 2 <= radius**2
            labels[inside & (labels == 0)] = k
        sample = Sample((200 - 100 * (labels > 0)).astype(np.uint8)[:, :, None])
        sample.instances = labels if self.instances else None
        sample.target = np.full((60, 70, 1), 7, np.float32) if self.target else None
        return sample


def shards(tmp_path, source, recipe=RECIPE, split="train"):
    store = write_store(tmp_path / "source.zarr", source)
    producer = AugmentProducer(store, Recipe.from_dict(recipe), split, seed=0)
    return write_store(tmp_path / f"{split}.zarr", producer)


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize("rescale", [1.0, 0.5])
def test_targets_are_those_of_the_crops_own_instances(tmp_path, split, rescale):
    recipe = {**RECIPE, "preprocessing": {"rescale": rescale}, "evaluation": {"mode": "tiles"}}
    found = shards(tmp_path, Discs(), recipe, split)
    assert found.attributes["targets"] == ["mask", "centre"]
    assert found.attributes["derived"] == {"target": SPEC}
    assert len(found) >= 2
    for i in range(len(found)):
        expected = particle_targets(found.instances(i), 1.5).astype(np.float16)
        np.testing.assert_array_equal(found.target(i), expected)
        assert found.target(i)[:, :, 1].max() > 0.7


def test_what_a_store_derives_is_derived_anew(tmp_path):
    recipe = {key: value for key, value in RECIPE.items() if key != "target"}
    attributes = {"derived": {"target": {"kind": "particles", "sigma": 3}}, "targets": ["x"]}
    found = shards(tmp_path, Discs(attributes, target=True), recipe)
    assert found.attributes["targets"] == ["mask", "centre"]
    expected = particle_targets(found.instances(0), 3).astype(np.float16)
    np.testing.assert_array_equal(found.target(0), expected)


def test_the_recipe_goes_before_the_store_and_other_derived_labels_stay(tmp_path):
    attributes = {"derived": {"target": {"kind": "particles", "sigma": 3}, "other": {}}}
    found = shards(tmp_path, Discs(attributes, target=True))
    assert found.attributes["derived"] == {"target": SPEC, "other": {}}
    expected = particle_targets(found.instances(0), 1.5).astype(np.float16)
    np.testing.assert_array_equal(found.target(0), expected)


def test_a_target_of_its_own_is_moved_as_the_image_is(tmp_path):
    recipe = {key: value for key, value in RECIPE.items() if key != "target"}
    found = shards(tmp_path, Discs({"targets": ["seven"]}, target=True), recipe)
    assert found.attributes["targets"] == ["seven"]
    assert (found.target(0) == 7).all()


def test_no_instances_no_target(tmp_path):
    with pytest.raises(ConfigError, match=r"source.zarr: expected instances to make the target of"):
        shards(tmp_path, Discs(instances=False))


class Colours(Discs):
    """The discs on an image of three channels of noise."""

    def plan(self):
        plan = super().plan()
        plan.fields["image"] = FieldSpec("uint16", 3)
        return plan

    def sample(self, i):
        sample = super().sample(i)
        noise = np.random.default_rng(i).integers(0, 65536, (60, 70, 3), dtype=np.uint16)
        return Sample(noise, instances=sample.instances)


@pytest.mark.parametrize("split", ["train", "val"])
def test_mean_colours_are_those_of_the_crops_own_image(tmp_path, split):
    recipe = {
        "size": [40, 32], "target": {"kind": "mean_colour"},
        "levels": [{**HARD, "noise": [0.1, 0.1], "brightness": [-0.2, 0.2]}],
    }  # fmt: skip
    found = shards(tmp_path, Colours(), recipe, split)
    assert found.attributes["targets"] == ["red", "green", "blue"]
    for i in range(len(found)):
        image, instances = found.image(i) / 65535, found.instances(i)
        for k in np.unique(instances):
            inside = instances == k
            expected = image[inside].mean(axis=0)
            np.testing.assert_allclose(found.target(i)[inside] - expected, 0, atol=5e-4)


def test_mean_colours_need_an_image_of_three_channels():
    instances = np.ones((2, 2), np.int32)
    spec = {"kind": "mean_colour"}
    with pytest.raises(ValueError, match="needs the image, found none"):
        derive_target(instances, spec)
    with pytest.raises(ValueError, match=r"channels: rgb.*uint8 \(2, 2, 1\)"):
        derive_target(instances, spec, np.zeros((2, 2, 1), np.uint8))
    with pytest.raises(ConfigError, match="sigma"):
        check_target({**spec, "sigma": 1})


def test_a_wrong_spec_is_named_with_the_other_offences():
    with pytest.raises(ConfigError) as caught:
        Recipe.from_dict({**RECIPE, "target": {"kind": "particles", "sigma": -1}, "tiles": 0})
    assert "target of kind particles:" in str(caught.value)
    assert "sigma: expected a value from 0.1 to 1000, found -1" in str(caught.value)
    assert "tiles: expected an integer of at least 1" in str(caught.value)
    with pytest.raises(
        ConfigError, match="target: expected kind particles or mean_colour, found 'cells'"
    ):
        Recipe.from_dict({**RECIPE, "target": {"kind": "cells"}})
