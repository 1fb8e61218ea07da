from pathlib import Path

import numpy as np
import pytest
import yaml

from segmill.config import PRESETS, merge
from segmill.errors import ConfigError
from segmill.notions import BEAMLINE
from segmill.store import write_store
from segmill.synthetic import SyntheticProducer, beamline_sweep, cells, split_counts

CONFIGS = [
    path
    for path in sorted((Path(__file__).parents[2] / "config" / "datasets").glob("*.yaml"))
    if yaml.safe_load(path.read_text())["reader"] == "synthetic"
]
TINY = {
    "reader": "synthetic",
    "generator": "cells",
    "modality": "fluorescent",
    "n": 5,
    "seed": 4,
    "split": {"train": 3, "val": 1, "test": 1},
    "border_width": 1,
    "options": {"height": 48, "width": 64, "bit_depth": 8, "gain": 0.2, "offset": 5},
}
SWEEPS = {
    "reader": "synthetic",
    "generator": "beamline",
    "seed": 4,
    "split": {"train": 2, "val": 1, "test": 1},
    "options": {"frames": 3, "height": 40, "width": 56},
}


def test_a_store_of_synthetic_cells(tmp_path):
    store = write_store(tmp_path / "tiny.zarr", SyntheticProducer(TINY, "tiny"))
    assert store.table["split"].tolist() == ["train"] * 3 + ["val", "test"]
    assert store.table["sample_id"].tolist() == [f"tiny-{i:05d}" for i in range(5)]
    assert store.table["group"].is_unique
    assert store.classes == ("background", "cell", "border")
    assert store.attributes["derived"] == {"semantic": {"kind": "cell_border", "width": 1}}
    assert store.attributes["config"]["options"]["height"] == 48
    assert store.dtype("image") == np.uint8
    sample = cells(4, 2, border_width=1, **TINY["options"])
    np.testing.assert_array_equal(store.image(2), sample.image)
    np.testing.assert_array_equal(store.instances(2), sample.instances)
    np.testing.assert_array_equal(store.semantic(2), sample.semantic)
    assert store.table["cells"].tolist() == [store.instances(i).max() for i in range(5)]


def test_workers_change_nothing(tmp_path):
    config = {**TINY, "n": 7, "split": {"train": 1.0}}
    alone = write_store(tmp_path / "a.zarr", SyntheticProducer(config, "tiny"))
    shared = write_store(tmp_path / "b.zarr", SyntheticProducer(config, "tiny"), workers=2)
    assert alone.content_hash == shared.content_hash


def test_a_larger_dataset_begins_with_the_smaller_one():
    small = SyntheticProducer(TINY)
    large = SyntheticProducer({**TINY, "n": 50, "split": {"train": 1}})
    np.testing.assert_array_equal(small.sample(4).image, large.sample(4).image)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
@pytest.mark.parametrize("preset", PRESETS)
def test_shipped_configurations_plan_and_draw(path, preset):
    config = yaml.safe_load(path.read_text())
    config = merge(config, (config.pop("presets", {}) or {}).get(preset, {}))
    producer = SyntheticProducer(config, path.stem)
    plan = producer.plan()
    plan.check()
    assert set(plan.table["split"]) == set(config["split"])
    sample = producer.sample(0)
    assert sample.shape == (plan.height, plan.width)
    assert set(sample.arrays()) == set(plan.fields)
    assert any(producer.sample(i).arrays()[truth(plan)].any() for i in range(8))


def truth(plan):
    return next(name for name in ("instances", "notions", "semantic") if name in plan.fields)


def test_a_store_of_synthetic_sweeps(tmp_path):
    store = write_store(tmp_path / "tiny.zarr", SyntheticProducer(SWEEPS, "tiny"))
    ids = [f"tiny-{i:05d}-{k:03d}" for i in range(4) for k in range(3)]
    assert store.table["sample_id"].tolist() == ids
    assert store.table["group"].tolist() == [f"tiny-{i:05d}" for i in range(4) for _ in range(3)]
    assert store.table["frame"].tolist() == [0, 1, 2] * 4
    assert store.table["split"].tolist() == ["train"] * 6 + ["val"] * 3 + ["test"] * 3
    assert store.attributes["notions"] == list(BEAMLINE)
    assert store.attributes["targets"] == ["click"]
    for scene in range(4):
        sweep = beamline_sweep(4, scene, **SWEEPS["options"])
        for frame, sample in enumerate(sweep):
            row = 3 * scene + frame
            np.testing.assert_array_equal(store.image(row), sample.image)
            np.testing.assert_array_equal(store.notions(row), sample.notions)
            np.testing.assert_array_equal(store.target(row), sample.target)
            for key, value in sample.notes.items():
                found = store.table[key].iloc[row]
                assert found == value or (found != found and value != value), key
    assert {"omega", "zoom", "mm_per_px", "click_row", "click_column"} <= {*store.table}
    again = SyntheticProducer({**SWEEPS, "n": 9, "split": {"train": 1}})
    np.testing.assert_array_equal(again.sample(11).image, store.image(11))


def test_each_generator_has_keys_of_its_own():
    with pytest.raises(ConfigError, match="modality: unknown key"):
        SyntheticProducer({**SWEEPS, "modality": "fluorescent"})
    with pytest.raises(ConfigError, match="did you mean height"):
        SyntheticProducer({**SWEEPS, "options": {"heigth": 40}})


def test_counts_from_shares():
    shares = {"train": 0.6, "val": 0.15, "test": 0.25}
    assert split_counts(shares, 80) == {"train": 48, "val": 12, "test": 20}
    assert split_counts(shares, 9) == {"train": 6, "val": 1, "test": 2}
    assert split_counts({"train": 2, "test": 1}) == {"train": 2, "val": 0, "test": 1}


@pytest.mark.parametrize(
    ("split", "n"),
    [
        ({"train": 0.5, "val": 0.4}, 10),
        ({"train": 0.5, "val": 0.5}, None),
        ({"train": 3, "val": 4}, 10),
        ({"train": 0.99, "val": 0.01}, 10),
        ({"train": -1, "val": 2}, 1),
        ({"training": 1}, 1),
        ({}, 3),
        (None, 3),
    ],
)
def test_impossible_splits(split, n):
    with pytest.raises(ConfigError, match="split"):
        split_counts(split, n)


def test_wrong_configurations_are_named_at_once():
    wrong = {**TINY, "generator": "yeast", "seed": -1, "n": 0, "colour": 1, "border_width": "x"}
    with pytest.raises(ConfigError) as error:
        SyntheticProducer(wrong, "wrong")
    for part in ("wrong", "generator: ", "seed: ", "n: ", "colour: unknown", "border_width: "):
        assert part in str(error.value)
    with pytest.raises(ConfigError, match="did you mean height"):
        SyntheticProducer({**TINY, "options": {"hight": 3}})
