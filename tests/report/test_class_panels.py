"""Class maps beside the truth."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from segmill.report.class_panels import class_panels, painted
from segmill.samples import Sample
from segmill.store import FieldSpec, StorePlan, write_store

H, W = 12, 16


class Maps:
    """A producer of images with given class maps."""

    def __init__(self, images, maps, ignore=None):
        self.images, self.maps, self.ignore = images, maps, ignore

    def plan(self):
        ids = [f"s{i}" for i in range(len(self.maps))]
        table = pd.DataFrame(dict.fromkeys(("sample_id", "group", "source"), ids))
        fields = {"image": FieldSpec("uint8", 1), "semantic": FieldSpec("uint8")}
        if self.ignore is not None:
            fields["ignore"] = FieldSpec("bool")
        attributes = {"classes": ["membrane", "cell"]}
        return StorePlan(table.assign(split="test", frame=0), fields, H, W, attributes)

    def sample(self, i):
        sample = Sample(image=self.images[i], semantic=self.maps[i])
        if self.ignore is not None:
            sample.ignore = self.ignore[i]
        return sample


def test_pixels_are_counted_class_by_class_without_those_nobody_annotated(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (2, H, W, 1), np.uint8)
    true, found = (rng.integers(0, 2, (2, H, W), np.uint8) for _ in range(2))
    ignore = rng.random((2, H, W)) < 0.2
    truths = write_store(tmp_path / "truth.zarr", Maps(images, true, ignore))
    predictions = write_store(tmp_path / "found.zarr", Maps(images, found))
    paths = class_panels(truths, predictions, ["s1", "s0"], ["worst", "best"], tmp_path / "f.svg")
    data = pd.read_csv(paths["csv"])
    assert data["label"].tolist() == ["worst", "worst", "best", "best"]
    for row in data.itertuples():
        i, k = int(row.sample_id[1:]), ["membrane", "cell"].index(row[3])
        seen = ~ignore[i]
        t, p = (true[i] == k) & seen, (found[i] == k) & seen
        assert (row.truth_px, row.prediction_px) == (t.sum(), p.sum())
        assert row.wrong_px == (p & ~t).sum()
        assert row.iou == pytest.approx((t & p).sum() / (t | p).sum())


def test_paint_lies_only_where_it_is_asked_for():
    rng = np.random.default_rng(1)
    image = rng.integers(0, 255, (H, W, 1), np.uint8)
    classes = rng.integers(0, 2, (H, W), np.uint8)
    where = rng.random((H, W)) < 0.5
    plain, marked = (painted(image, classes, place) for place in (where & False, where))
    factor = plain.shape[0] // H
    inside = np.repeat(np.repeat(where, factor, 0), factor, 1)
    assert_array_equal(plain[~inside], marked[~inside])
    assert (plain[inside] != marked[inside]).any(axis=1).all()
