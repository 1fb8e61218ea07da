"""The shipped configurations, and other layouts, on real samples."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from scipy import ndimage

from segmill.datasets import IngestProducer
from segmill.store import write_store
from tests.datasets.conftest import problems_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.real
def test_phc_u373(real_data, tmp_path):
    config = yaml.safe_load((ROOT / "config" / "datasets" / "phc_u373.yaml").read_text())
    store = write_store(tmp_path / "phc.zarr", IngestProducer(config, tmp_path))
    assert len(store) == 15
    assert store.shape("image") == (15, 520, 696, 1)
    assert store.dtype("image") == np.uint8
    counts = [np.unique(store.instances(k)).size - 1 for k in range(15)]
    # Counted in the source's own files.
    assert counts == [5, 6, 6, 6, 5, 5, 7, 7, 7, 7, 6, 7, 6, 6, 6]
    assert store.table["split"].tolist() == ["train"] * 8 + ["val"] * 2 + ["test"] * 5
    # Frames 26 and 51 hold a tracked cell that nobody segmented.
    open_frames = [f for k, f in enumerate(store.table["frame"]) if store.ignore(k).any()]
    assert open_frames == [26, 51]
    for k in range(15):
        assert set(np.unique(store.semantic(k))) == {0, 1, 2}
        np.testing.assert_array_equal(store.semantic(k) > 0, store.instances(k) > 0)


@pytest.mark.real
def test_bbbc039(real_data, tmp_path):
    config = yaml.safe_load((ROOT / "config" / "datasets" / "bbbc039.yaml").read_text())
    store = write_store(tmp_path / "bbbc.zarr", IngestProducer(config, tmp_path))
    assert len(store) == 20
    assert store.shape("image") == (20, 520, 696, 1)
    assert store.dtype("image") == np.uint16
    assert store.table["split"].value_counts().to_dict() == {"train": 12, "test": 5, "val": 3}
    for k, name in enumerate(store.table["sample_id"]):
        instances, semantic = store.instances(k), store.semantic(k)
        with Image.open(real_data / "nuclei_bbbc039" / "masks" / f"{name}.png") as mask:
            colours = np.array(mask)[..., 0]
        # Independent reference: 4-connected components of each colour. In these fields they are
        # the 8-connected ones, so the choice of neighbours changes no nucleus.
        count = sum(ndimage.label(colours == value)[1] for value in np.unique(colours)[1:])
        assert instances.max() == np.unique(instances).size - 1 == count
        assert 60 < count < 200
        np.testing.assert_array_equal(instances > 0, colours > 0)
        np.testing.assert_array_equal(semantic > 0, instances > 0)


@pytest.mark.real
def test_particles_with_prefixes(real_data):
    config = {
        "reader": "folder",
        "path": str(real_data / "particles"),
        "images": {"pattern": "images/*.png", "prefix": "crop_"},
        "masks": {"pattern": "truth/*.tif", "prefix": "img_"},
        "labels": {"kind": "instances"},
        "split": {"rest": "test"},
    }
    producer = IngestProducer(config, real_data)
    plan = producer.plan()
    assert plan.table["sample_id"].tolist() == ["2_2", "9_1"]
    assert plan.fields["image"].channels == 3
    counts = sorted(np.unique(producer.sample(k).instances).size - 1 for k in range(2))
    assert counts == [488, 1340]


@pytest.mark.real
def test_membranes_with_mapped_values(real_data):
    config = {
        "reader": "folder",
        "path": str(real_data / "membranes_isbi2012"),
        "images": {"pattern": "image/*.png"},
        "masks": {"pattern": "label/*.png"},
        "classes": ["membrane", "cell"],
        "labels": {"kind": "semantic"},
        "split": {"rest": "test"},
    }
    found = problems_of(config, real_data)
    assert [problem.found for problem in found] == ["a mask 0/255"] * 20
    config["labels"]["values"] = {"membrane": 0, "cell": 255}
    producer = IngestProducer(config, real_data)
    assert producer.plan().table["sample_id"].tolist()[:3] == ["0", "1", "2"]
    assert 0.6 < producer.sample(0).semantic.mean() < 0.95
