"""Stores made of several others."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from segmill.datasets.union import UnionProducer
from segmill.errors import IntegrityError, StoreError
from segmill.samples import Sample
from segmill.store import write_store
from tests.metrics.given import Given


def store(path, sizes, seed, classes=("background", "cell"), channels=1, **columns):
    rng = np.random.default_rng(seed)
    samples = [
        Sample(
            image=rng.integers(0, 255, (*size, channels), np.uint8),
            semantic=rng.integers(0, 2, size, np.uint8),
            instances=rng.integers(0, 9, size, np.int32),
        )
        for size in sizes
    ]
    names = [f"s{i}" for i in range(len(sizes))]
    given = Given(samples, names, classes=list(classes), columns=columns)
    return write_store(path, given), samples


def test_a_union_holds_the_samples_of_each_store_in_turn(tmp_path):
    one, first = store(tmp_path / "one", [(5, 7), (6, 4)], 0, zoom=[1, 2], omega=[0.0, 1.0])
    two, second = store(tmp_path / "two", [(8, 3)], 1, zoom=[5])
    union = write_store(tmp_path / "u", UnionProducer({"one": one, "two": two}, "u"))
    assert union.table["sample_id"].tolist() == ["one/s0", "one/s1", "two/s0"]
    assert union.table["group"].tolist() == ["one/gs0", "one/gs1", "two/gs0"]
    assert union.table["dataset"].tolist() == ["one", "one", "two"]
    assert union.table["zoom"].tolist() == [1, 2, 5]
    assert "omega" not in union.table
    assert union.classes == ("background", "cell")
    for i, expected in enumerate([*first, *second]):
        for name, array in expected.arrays().items():
            assert_array_equal(union.read(name, i), array)


def test_labels_of_another_meaning_are_not_shared(tmp_path):
    one, _ = store(tmp_path / "one", [(5, 7)], 0)
    two, _ = store(tmp_path / "two", [(5, 7)], 1, classes=("background", "particle"))
    union = write_store(tmp_path / "u", UnionProducer({"one": one, "two": two}))
    assert union.fields == ("image", "instances")
    assert union.classes == ()


def test_images_of_another_kind_are_named(tmp_path):
    one, _ = store(tmp_path / "one", [(5, 7)], 0)
    two, _ = store(tmp_path / "two", [(5, 7)], 1, channels=3)
    with pytest.raises(IntegrityError, match=r"two\.zarr.*\('uint8', 1\).*\('uint8', 3\)"):
        UnionProducer({"one": one, "two": two})
    with pytest.raises(StoreError, match="at least two stores"):
        UnionProducer({"one": one})
