"""Superpixels of stores against all annotators of their images."""

import numpy as np
import pytest

from segmill.errors import ConfigError, IntegrityError, SegmillError, StoreError
from segmill.metrics import superpixels
from segmill.metrics.superpixel_numbers import superpixel_numbers
from segmill.metrics.superpixel_tables import evaluate_superpixels, summarise_superpixels
from segmill.samples import Sample
from segmill.store import write_store
from segmill.superpixels import eikonal_superpixels
from tests.metrics.given import Given

COLUMNS = {"group": ["x", "x", "y"], "source": ["x.jpg", "x.jpg", "y.jpg"]}
NAMES = ["x/a1", "x/a2", "y/a1"]


def labels(rng, n):
    return rng.integers(1, n, (6, 8)).repeat(4, 0).repeat(4, 1).astype(np.int32)


@pytest.fixture
def given(tmp_path):
    """Two images of which one has two annotators, and superpixels of theirs."""
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (24, 32, 3), dtype=np.uint8) for _ in range(2)]
    truths = [labels(rng, 5) for _ in range(3)]
    found = [labels(rng, 30) for _ in range(2)]
    place = [0, 0, 1]
    of_truth = [Sample(images[i], instances=t) for i, t in zip(place, truths, strict=True)]
    of_found = [Sample(images[i], instances=found[i]) for i in place]
    stores = [
        write_store(tmp_path / f"{name}.zarr", Given(samples, NAMES, columns=COLUMNS))
        for name, samples in (("truth", of_truth), ("found", of_found))
    ]
    return stores, images, truths, found


def test_an_image_is_measured_against_all_of_its_annotators(given):
    (truth, store), images, truths, found = given
    table = evaluate_superpixels(store, truth, "test")
    assert table["sample_id"].tolist() == ["x/a1", "y/a1"]
    assert table["annotators"].tolist() == [2, 1]
    for row, own, k in ((0, truths[:2], 0), (1, truths[2:], 1)):
        expected = superpixels(found[k], own, images[k])
        assert table.iloc[row][list(expected)].to_dict() == pytest.approx(expected)


def test_what_does_not_pair_is_named(given, tmp_path):
    (truth, store), images, truths, _ = given
    other = [Sample(images[0][:20], instances=truths[0][:20])]
    columns = {"group": ["x"], "source": ["x.jpg"]}
    small = write_store(tmp_path / "small.zarr", Given(other, NAMES[:1], columns=columns))
    with pytest.raises(IntegrityError) as caught:
        evaluate_superpixels(small, truth)
    assert "y (y.jpg, frame 0)" in str(caught.value)
    assert "[24, 32]" in str(caught.value)
    bare = write_store(tmp_path / "bare.zarr", Given([Sample(images[0])], NAMES[:1]))
    with pytest.raises(StoreError, match="expected instances"):
        evaluate_superpixels(bare, truth)
    with pytest.raises(StoreError, match="no sample to evaluate"):
        evaluate_superpixels(store, truth, "val")


def test_images_of_a_summary_weigh_the_same(given):
    (truth, store), *_ = given
    table = evaluate_superpixels(store, truth)
    table.loc[0, "boundary_recall_5"] = np.nan
    summary = summarise_superpixels(table).set_index("metric")
    assert summary.loc["compactness", "value"] == pytest.approx(table["compactness"].mean())
    assert summary.loc["compactness", "low"] == pytest.approx(table["compactness"].min())
    assert summary.loc["boundary_recall_5", "images"] == 1
    expected = table["boundary_recall_5"][1]
    assert summary.loc["boundary_recall_5", "value"] == pytest.approx(expected)
    with pytest.raises(SegmillError, match="nothing to summarise"):
        summarise_superpixels(table[:0])


def test_numbers_of_superpixels_are_set_where_they_can_be(given):
    (truth, _), images, truths, _ = given
    methods = {
        "mine": {"method": "eikonal", "title": "Mine", "options": {"weight": 5}},
        "other": {"method": "felzenszwalb"},
    }
    table = superpixel_numbers(truth, methods, [5, 9])
    assert table["method"].tolist() == ["mine", "mine", "other"] * 2
    np.testing.assert_array_equal(table["wanted"], [5, 9, np.nan] * 2)
    expected = superpixels(eikonal_superpixels(images[0], 9, weight=5), truths[:2], images[0])
    assert table.iloc[1][list(expected)].to_dict() == pytest.approx(expected)
    with pytest.raises(ConfigError, match="numbers: expected"):
        superpixel_numbers(truth, methods, [0])
    with pytest.raises(ConfigError, match="watershed gives no superpixels"):
        superpixel_numbers(truth, {"x": {"method": "watershed"}}, [5])
