import json
from dataclasses import fields
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import yaml

from segmill.classical import (
    AlignmentOptions,
    ClassicalProducer,
    WatershedOptions,
    classical_producer,
    tune,
    watershed_instances,
)
from segmill.classical.options import SUPERPIXEL_METHODS
from segmill.errors import ConfigError
from segmill.labels import cell_border
from segmill.metrics import evaluate, summarise
from segmill.store import FieldSpec, StorePlan, open_store, write_store
from segmill.synthetic import SyntheticProducer

ROOT = Path(__file__).parents[2]
CONFIG = {"title": "Otsu", "method": "watershed", "options": {"transform": "sqrt"}}
SYNTHETIC = {
    "n": 8,
    "seed": 6,
    "split": {"train": 4, "val": 1, "test": 3},
    "border_width": 1,
    "options": {"height": 96, "width": 96, "density_per_mm2": 1200},
}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("classical") / "source.zarr"
    return write_store(path, SyntheticProducer(SYNTHETIC, "source"))


def test_a_store_of_classical_segmentations(source, tmp_path):
    store = write_store(tmp_path / "otsu.zarr", ClassicalProducer(source, CONFIG, "test"))
    rows = source.where(split="test")
    assert store.table["sample_id"].tolist() == source.table["sample_id"].iloc[rows].tolist()
    assert set(store.table["split"]) == {"test"}
    assert store.table["empty_reason"].tolist() == ["", "", ""]
    assert store.classes == source.classes
    assert store.attributes["config"]["options"] == {"transform": "sqrt"}
    for i, row in enumerate(rows):
        np.testing.assert_array_equal(store.image(i), source.image(row))
        expected = watershed_instances(source.image(row), transform="sqrt")
        np.testing.assert_array_equal(store.instances(i), expected)
        np.testing.assert_array_equal(store.semantic(i), cell_border(expected, 1))
    figures = summarise(evaluate(store, source, "test")).set_index("metric")["value"]
    # Hard enough that a network can do better, easy enough that the method works.
    assert 0.35 < figures["seg"] < 0.9
    assert 0.35 < figures["f1_50"] < 0.95


def test_all_samples_without_a_split(source):
    producer = ClassicalProducer(source, CONFIG)
    assert len(producer.plan()) == len(source)
    producer.plan().check()


def test_images_of_unequal_size_and_empty_ones(source, tmp_path):
    class Uneven:
        shapes = ((40, 60), (96, 30))

        def plan(self):
            table = source.table.iloc[:2].drop(columns=["digest", "cells", "touching"])
            fields = {"image": FieldSpec("uint16", 1)}
            return StorePlan(table, fields, 96, 60, {"dataset": "uneven"})

        def sample(self, i):
            h, w = self.shapes[i]
            found = source.sample(i)
            found.semantic = found.instances = None
            found.image = found.image[:h, :w] if i == 0 else np.full((h, w, 1), 7, np.uint16)
            return found

    write_store(tmp_path / "uneven.zarr", Uneven())
    uneven = open_store(tmp_path / "uneven.zarr")
    store = write_store(tmp_path / "found.zarr", ClassicalProducer(uneven, CONFIG))
    assert store.instances(0).shape == (40, 60)
    assert store.instances(0).any()
    assert not store.instances(1).any()
    assert store.table["empty_reason"].tolist() == ["", "the image is constant at 7"]


def test_wrong_configurations_are_named_at_once(source):
    with pytest.raises(ConfigError) as error:
        ClassicalProducer(source, {"method": "snakes", "option": {}}, name="wrong")
    for part in (
        "wrong",
        "option: unknown key",
        "expected one of watershed, alignment, eikonal, slic, compact_watershed, felzenszwalb",
        "found",
    ):
        assert part in str(error.value)
    with pytest.raises(ConfigError, match="did you mean smoothing"):
        ClassicalProducer(source, {"method": "watershed", "options": {"smothing": 1}})
    with pytest.raises(ConfigError, match=r"no sample of split 'tests', only of .*test.*train"):
        ClassicalProducer(source, CONFIG, "tests")


@pytest.mark.parametrize(
    "path", sorted((ROOT / "config" / "classical").glob("*.yaml")), ids=lambda p: p.stem
)
def test_shipped_configurations(path, source):
    config = yaml.safe_load(path.read_text())
    schema = json.loads((ROOT / "workflow/schemas/classical.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(config)
    if config["method"] != "alignment":
        sample = classical_producer(source, config).sample(0)
        assert sample.instances.shape == source.image(0).shape[:2]
    if config["method"] != "watershed":
        with pytest.raises(ConfigError, match="does not segment cells"):
            ClassicalProducer(source, config)


@pytest.mark.parametrize(
    ("method", "options"),
    [("watershed", WatershedOptions), ("alignment", AlignmentOptions), *SUPERPIXEL_METHODS.items()],
)
def test_the_schema_knows_every_option_and_its_limits(method, options):
    schema = json.loads((ROOT / "workflow/schemas/classical.schema.json").read_text())
    known = schema["$defs"][method]["properties"]
    assert list(known) == [f.name for f in fields(options)]
    for f in fields(options):
        entry = known[f.name]
        assert entry.get("minimum") == f.metadata["low"]
        assert entry.get("maximum") == f.metadata["high"]
        assert entry.get("enum") == (list(f.metadata["choices"]) if f.metadata["choices"] else None)
        assert entry["description"]


def test_tuning_finds_the_best_combination(source):
    grid = {"transform": ["linear", "sqrt"], "h": [0.5, 20.0]}
    table = tune(source, grid, split="train", criterion="seg", base={"smoothing": 0.7})
    assert len(table) == 4
    assert (table["seg"].diff().dropna() <= 0).all()
    best = table.attrs["best"]
    assert best == {
        "smoothing": 0.7,
        "transform": table["transform"].iloc[0],
        "h": table["h"].iloc[0],
    }
    assert best["h"] == 0.5  # no pair of touching cells is parted at h = 20


def test_tuning_scores_as_the_evaluation_does(source, tmp_path):
    producer = ClassicalProducer(source, CONFIG, "train")
    store = write_store(tmp_path / "found.zarr", producer)
    figures = summarise(evaluate(store, source, "train")).set_index("metric")["value"]
    row = tune(source, {"transform": ["sqrt"]}).iloc[0]
    assert row["f1"] == pytest.approx(figures["f1_50"])
    assert row["seg"] == pytest.approx(figures["seg"])


def test_tuning_on_impossible_requests(source):
    for wrong, message in (
        ({"grid": {"h": []}}, "grid: expected a list of values for h"),
        ({"grid": {"transform": "sqrt"}}, "grid: expected a list of values for transform"),
        ({"grid": {"height": [1]}}, "height: unknown option"),
        ({"grid": {}, "split": "holdout"}, "no annotated object in split 'holdout'"),
        ({"grid": {}, "criterion": "dice"}, "criterion: expected one of f1, seg"),
    ):
        with pytest.raises(ConfigError, match=message):
            tune(source, **wrong)
    assert len(tune(source, {"h": [1]}, limit=2)) == 1
