import numpy as np
import pytest

from segmill.augment import AugmentProducer, Recipe
from segmill.errors import ConfigError
from segmill.label_errors import erode
from segmill.labels import cell_border
from segmill.samples import Sample
from segmill.store import FieldSpec, StorePlan, write_store
from tests.augment.test_augment import CROPS, Cells

WHOLE = {"levels": [{"name": "as_it_is"}]}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return write_store(tmp_path_factory.mktemp("cells") / "cells.zarr", Cells())


def producer(store, errors, recipe=WHOLE, split="train", seed=0):
    written = recipe if errors is None else recipe | {"label_errors": errors}
    return AugmentProducer(store, Recipe.from_dict(written), split, seed)


def test_errors_are_in_the_labels_of_training_images_and_derived_classes_follow(store):
    clean, spoiled = (producer(store, e) for e in (None, {"kind": "erode", "amount": 2}))
    for i in range(3):
        before, after = clean.sample(i), spoiled.sample(i)
        assert np.array_equal(after.image, before.image)
        expected = erode(before.instances, 2)
        assert not np.array_equal(expected, before.instances)
        assert np.array_equal(after.instances, expected)
        assert np.array_equal(after.semantic, cell_border(expected))


def test_validation_images_keep_their_labels(store):
    clean, spoiled = (
        producer(store, e, split="val") for e in (None, {"kind": "drop", "amount": 1})
    )
    for i in range(2):
        assert np.array_equal(spoiled.sample(i).instances, clean.sample(i).instances)
        assert clean.sample(i).instances.any()


def test_errors_come_before_the_variation_and_every_copy_has_the_same(store):
    """Crops of one image show the same places: those without errors differ in labels alone."""
    clean, spoiled = (producer(store, e, CROPS) for e in (None, {"kind": "contours", "amount": 3}))
    differ = 0
    for i in range(len(clean.plan().table)):
        before, after = clean.sample(i), spoiled.sample(i)
        assert np.array_equal(after.image, before.image)
        differ += not np.array_equal(after.instances, before.instances)
    assert differ > len(clean.plan().table) / 2


def test_errors_that_are_drawn_depend_on_seed_and_sample_alone(store):
    errors = {"kind": "drop", "amount": 0.5}
    first, again, other = (producer(store, errors, seed=s) for s in (0, 0, 1))
    found = [[p.sample(i).instances for i in (2, 0)] for p in (first, again, other)]
    assert all(map(np.array_equal, found[0], found[1]))
    assert not all(map(np.array_equal, found[0], found[2]))
    config = first.plan().attributes["config"]
    assert config["recipe"]["label_errors"] == errors
    assert "label_errors" not in producer(store, None).plan().attributes["config"]["recipe"]


class Targets:
    """A dataset of values to regress, which nobody can dilate."""

    def plan(self):
        table = Cells().plan().table.iloc[:1]
        fields = {"image": FieldSpec("uint8", 1), "target": FieldSpec("float16", 1)}
        return StorePlan(table, fields, 8, 8, {"targets": ["height"]})

    def sample(self, i):
        return Sample(np.zeros((8, 8, 1), np.uint8), target=np.zeros((8, 8, 1), np.float16))


def test_labels_that_cannot_have_errors_are_refused_before_any_work(tmp_path):
    store = write_store(tmp_path / "values.zarr", Targets())
    with pytest.raises(ConfigError, match=r"label_errors: expected either .* found target"):
        producer(store, {"kind": "dilate", "amount": 1})
