"""Tables and figure of what a dataset holds."""

import json

import numpy as np
import pandas as pd
import pytest

from segmill.report.dataset_plots import (
    category_table,
    dataset_figure,
    dataset_samples,
    dataset_table,
)
from segmill.samples import Sample
from segmill.store import FieldSpec, StorePlan, write_store

CLASSES = ["background", "cat", "dog"]


class Scenes:
    """Four images of three sizes; object k of image i is a square of class 1 + (i + k) % 2."""

    sizes = ((20, 30), (20, 30), (30, 20), (25, 25))
    objects = (3, 0, 1, 2)
    splits = ("train", "train", "train", "val")

    def __init__(self, fields=("image", "semantic", "instances"), **columns):
        self.fields, self.columns = fields, columns

    def plan(self):
        ids = [f"s{k}" for k in range(4)]
        table = pd.DataFrame(
            {"sample_id": ids, "group": ids, "split": self.splits, "source": ids, "frame": 0}
        ).assign(**self.columns)
        specs = {"image": FieldSpec("uint8", 1), "semantic": FieldSpec("uint8")}
        specs["instances"] = FieldSpec("int32")
        fields = {name: specs[name] for name in self.fields}
        return StorePlan(table, fields, 30, 30, attributes={"classes": CLASSES})

    def sample(self, i):
        sample = Sample(np.zeros((*self.sizes[i], 1), np.uint8))
        sample.semantic = np.zeros(self.sizes[i], np.uint8)
        sample.instances = np.zeros(self.sizes[i], np.int32)
        for k in range(self.objects[i]):
            inside = np.s_[1:5, 1 + 6 * k : 5 + 6 * k]
            sample.instances[inside] = 7 * k + 3
            sample.semantic[inside] = 1 + (i + k) % 2
            sample.semantic[1, 1 + 6 * k] = 2 - (i + k) % 2  # a minority of its pixels
        for name in ("semantic", "instances"):
            if name not in self.fields:
                setattr(sample, name, None)
        return sample


@pytest.fixture
def store(tmp_path):
    return write_store(tmp_path / "s.zarr", Scenes())


def test_samples_are_counted_from_their_arrays(store):
    table = dataset_samples(store)
    assert table["objects"].tolist() == [3, 0, 1, 2]
    counts = [{"cat": 2, "dog": 1}, {}, {"cat": 1}, {"dog": 1, "cat": 1}]
    assert table["class_counts"].tolist() == counts
    assert table[["height", "width"]].to_numpy().tolist() == [list(s) for s in Scenes.sizes]


def test_counts_of_the_source_come_first(tmp_path):
    counts = [{"cat": 9}, {}, {"dog": 2}, {}]
    columns = {"objects": [9, 0, 2, 0], "class_counts": [json.dumps(c) for c in counts]}
    table = dataset_samples(write_store(tmp_path / "s.zarr", Scenes(**columns)))
    assert table["objects"].tolist() == [9, 0, 2, 0]
    assert table["class_counts"].tolist() == counts


def test_table_of_splits(store):
    table = dataset_table(store).set_index("split")
    assert table.index.tolist() == ["train", "val", "all"]
    assert table["images"].tolist() == [3, 1, 4]
    assert table["empty"].tolist() == [1, 0, 1]
    assert table["objects"].tolist() == [4, 2, 6]
    assert table["objects_per_image"].tolist() == pytest.approx([4 / 3, 2, 1.5])
    assert table["objects_median"].tolist() == [1, 2, 1.5]
    assert table["objects_most"].tolist() == [3, 2, 3]
    assert table.loc["all", ["height_least", "height_most"]].tolist() == [20, 30]
    assert table.loc["val", ["width_least", "width_most"]].tolist() == [25, 25]
    assert table["categories"].tolist() == [2, 2, 2]


def test_table_of_categories(store):
    rows = category_table(store).to_numpy().tolist()
    assert rows == [
        ["all", "cat", 4, 3],
        ["train", "cat", 3, 2],
        ["val", "cat", 1, 1],
        ["all", "dog", 2, 2],
        ["train", "dog", 1, 1],
        ["val", "dog", 1, 1],
    ]


def test_figure_and_the_data_behind_it(store, tmp_path):
    paths = dataset_figure(store, tmp_path / "f.svg")
    data = pd.read_csv(paths["csv"])
    sizes = data[data["panel"] == "sizes"][["split", "x", "y", "images"]]
    expected = {("train", "20", 30, 1), ("train", "30", 20, 2), ("val", "25", 25, 1)}
    assert set(sizes.itertuples(index=False, name=None)) == expected
    objects = data[data["panel"] == "objects"]
    assert dict(zip(objects["x"], objects["y"], strict=True)) == {"0": 1, "1": 1, "3": 1, "2": 1}
    categories = data[data["panel"] == "categories"]
    assert categories.groupby("x")["y"].sum().to_dict() == {"cat": 4, "dog": 2}
    svg = paths["svg"].read_bytes()
    assert dataset_figure(store, tmp_path / "g.svg")["svg"].read_bytes() == svg
    assert paths["png"].stat().st_size > 1000


def test_images_without_objects_or_classes(tmp_path):
    bare = write_store(tmp_path / "bare.zarr", Scenes(("image",)))
    assert dataset_table(bare)["images"].tolist() == [3, 1, 4]
    assert dataset_table(bare)["objects"].isna().all()
    assert category_table(bare).empty
    data = pd.read_csv(dataset_figure(bare, tmp_path / "bare.svg")["csv"])
    assert set(data["panel"]) == {"sizes"}
    plain = write_store(tmp_path / "plain.zarr", Scenes(("image", "instances")))
    assert dataset_table(plain)["objects"].tolist() == [4, 2, 6]
    data = pd.read_csv(dataset_figure(plain, tmp_path / "plain.svg")["csv"])
    assert set(data["panel"]) == {"sizes", "objects"}
