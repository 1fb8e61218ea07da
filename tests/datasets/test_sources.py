from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from segmill.datasets import IngestProducer, locate
from segmill.errors import ConfigError, IntegrityError
from segmill.labels import cell_border
from segmill.sources import SourceOptions, detect_sources
from tests.test_sources import field

ROOT = Path(__file__).resolve().parents[2]
CONFIG = {
    "name": "sky",
    "reader": "sources",
    "classes": ["background", "source", "border"],
    "images": {"channels": "grey"},
    "labels": {"kind": "instances", "fragments": True, "border_width": 1},
    "options": {"image": "sky.png", "rows": 2, "columns": 3, "detection": {"min_area": 5}},
    "split": {"lists": {"train": ["r*c0", "r*c1"], "test": ["r*c2"]}},
}


@pytest.fixture
def folder(tmp_path):
    image = np.clip(field(0)[0], 0, 255).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "sky.png"), image)
    return tmp_path, image


def producer(folder, **options):
    changed = CONFIG | {"path": str(folder), "options": CONFIG["options"] | options}
    return IngestProducer(changed, "nowhere")


def test_tiles_cover_the_image_and_have_the_sources_of_the_whole(folder):
    path, image = folder
    made = producer(path)
    table = made.plan().table
    assert table["sample_id"].tolist() == [f"r{r}c{c}" for r in range(2) for c in range(3)]
    assert table["group"].nunique() == 6
    assert table["split"].tolist() == ["train", "train", "test"] * 2
    samples = [made.sample(i) for i in range(6)]

    def joined(part):
        return np.vstack([np.hstack([part(s) for s in samples[k : k + 3]]) for k in (0, 3)])

    assert np.array_equal(joined(lambda s: s.image[:, :, 0]), image)
    expected = detect_sources(image, SourceOptions(min_area=5))
    assert np.array_equal(joined(lambda s: s.instances > 0), expected > 0)
    for s in samples:
        ids = np.unique(s.instances[s.instances > 0])
        assert ids.tolist() == list(range(1, len(ids) + 1))
        assert np.array_equal(s.semantic, cell_border(s.instances, 1))
    assert made.plan().attributes["classes"] == CONFIG["classes"]


def test_what_is_wrong_is_named(folder):
    with pytest.raises(IntegrityError, match=r"moon\.png: expected an image"):
        producer(folder[0], image="moon.png").plan()
    with pytest.raises(ConfigError, match=r"options:\n  tiles: unknown option"):
        producer(folder[0], tiles=3)
    with pytest.raises(ConfigError, match=r"options\.detection:\n  threshold: expected"):
        producer(folder[0], detection={"threshold": -1})
    with pytest.raises(ConfigError, match=r"labels\.kind: expected instances"):
        IngestProducer(CONFIG | {"path": str(folder[0]), "labels": {"kind": "semantic"}}, "nowhere")


def test_a_path_may_lie_inside_an_installed_package():
    assert locate({"path": "package:skimage/data"}, "nowhere").name == "data"
    for path in ("package:no_such_package/data", "package:", "package:math/x"):
        with pytest.raises(ConfigError, match="expected an installed package"):
            locate({"path": path}, "nowhere")
    with pytest.raises(ConfigError, match="expected a folder"):
        locate({"path": "package:skimage/no_such_folder"}, "nowhere")


def test_the_deep_field_needs_no_download():
    config = yaml.safe_load((ROOT / "config/datasets/hubble.yaml").read_text())
    made = IngestProducer({"name": "hubble", **config}, "nowhere")
    plan = made.plan()
    assert plan.table["split"].value_counts().to_dict() == {"train": 12, "val": 4, "test": 4}
    sample = made.sample(0)
    assert sample.image.shape == (218, 200, 3)
    assert sample.instances.max() > 40
    assert set(np.unique(sample.semantic)) == {0, 1, 2}
