"""Every block of docs/adding-a-dataset.md runs as it stands there."""

import base64
import io
import json
import re
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from scipy.io import savemat

from segmill.classical import classical_producer
from segmill.datasets import IngestProducer, reader_names, readers
from segmill.datasets.union import UnionProducer
from segmill.metrics import coco_ap_of_stores
from segmill.report.dataset_plots import dataset_table
from segmill.store import open_store, write_store
from segmill.synthetic import SyntheticProducer
from tests.datasets.coco_files import annotation, box, write_images, write_json
from tests.datasets.conftest import blobs, grey, problems_of, save
from tests.datasets.movies import write_alignment

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "adding-a-dataset.md").read_text()
SCHEMA = json.loads((ROOT / "workflow" / "schemas" / "dataset.schema.json").read_text())
BLOCKS = {
    match[2]: match[0].partition("\n")[2].removesuffix("```")
    for match in re.finditer(r"```(yaml|python)\n# ([^\n]+)\n.*?```", PAGE, re.DOTALL)
}
CONFIGS = {Path(name).stem: yaml.safe_load(b) for name, b in BLOCKS.items() if ".yaml" in name}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ingest(name):
    config = {"name": name, **CONFIGS[name]}
    return write_store(f"results/stores/{name}.zarr", IngestProducer(config, "nowhere"))


def test_the_page_has_the_blocks_that_are_tested_here():
    assert set(CONFIGS) == {
        *("nuclei", "binary", "plates", "survey", "timelapse", "bbbc039_small", "fields"),
        *("mounted", "clicks", "alignments", "street", "contours", "labelled", "together"),
    }
    assert set(BLOCKS) - {f"config/datasets/{name}.yaml" for name in CONFIGS} == {
        "segmill/datasets/readers/npz.py",
        "a session",
    }
    assert len(BLOCKS) == len(re.findall(r"```(?:yaml|python)", PAGE))


@pytest.mark.parametrize("name", CONFIGS)
def test_the_files_are_valid(name):
    jsonschema.Draft202012Validator(SCHEMA).validate(CONFIGS[name])


def test_folders(place):
    for k in range(10):
        save(place / "raw/nuclei/images" / f"field_{k}.png", grey(seed=k))
        save(place / "raw/nuclei/masks" / f"field_{k}.png", blobs())
    store = ingest("nuclei")
    assert store.table["split"].value_counts().to_dict() == {"train": 6, "val": 2, "test": 2}
    assert store.classes == ("background", "cell", "border")
    np.testing.assert_array_equal(store.instances(3), blobs())


def test_the_errors_shown(place):
    for k in range(8):
        save(place / "raw/nuclei/images" / f"field_{k}.png", grey(seed=k))
        save(place / "raw/nuclei/masks" / f"field_{k}.png", blobs())
    save(place / "raw/nuclei/masks/field_2.png", blobs(24, 30))
    save(place / "raw/nuclei/masks/field_5.png", (blobs() > 0).astype(np.uint8) * 255)
    (place / "raw/nuclei/masks/field_7.png").unlink()
    found = problems_of(CONFIGS["nuclei"], place)
    shown = re.search(r"```text\n(.*?)```", PAGE, re.DOTALL)[1].splitlines()
    assert shown[0] == "3 problems in dataset raw/nuclei:"
    assert sorted(map(str, found)) == sorted(line.strip() for line in shown[1:])


def test_prefix_suffix_and_mapped_values(place):
    for k in range(2):
        save(place / "raw/binary/photos" / f"crop_{k}.tif", grey(seed=k))
    save(place / "raw/binary/truth/0_mask.png", (blobs() > 0).astype(np.uint8) * 255)
    store = ingest("binary")
    np.testing.assert_array_equal(store.semantic(0), blobs() > 0)
    assert [store.ignore(k).all() for k in range(2)] == [False, True]


def test_regular_expressions(place):
    for plate in ("P1", "P2"):
        for well in ("A1", "B7"):
            save(place / "raw/plates" / plate / well / "w1.png", grey())
            colours = np.repeat((blobs() > 0).astype(np.uint8)[..., None], 3, axis=2)
            save(place / "raw/plates" / plate / well / "mask.png", colours)
    table = ingest("plates").table
    assert table["sample_id"].tolist() == ["P1/A1", "P1/B7", "P2/A1", "P2/B7"]
    assert table["well"].tolist() == ["A1", "B7", "A1", "B7"]
    assert table["group"].tolist() == table["plate"].tolist() == ["P1", "P1", "P2", "P2"]
    assert table["split"].tolist() == ["train", "train", "test", "test"]


def test_csv_table(place):
    rows = []
    for k, split in enumerate(("train", "validation", "test")):
        save(place / "raw/survey/a" / f"{k}.png", grey(seed=k))
        save(place / "raw/survey/b" / f"{k}.png", blobs())
        rows.append({"photo": f"a/{k}.png", "annotation": f"b/{k}.png", "split": split, "site": k})
    pd.DataFrame(rows).to_csv(place / "raw/survey/samples.csv", index=False)
    table = ingest("survey").table
    assert table["split"].tolist() == ["train", "val", "test"]
    assert table["site"].tolist() == [0, 1, 2]


def test_time_lapse(place):
    for t in range(8):
        save(place / "raw/timelapse/01" / f"t{t:03d}.tif", grey(seed=t))
    for t in (1, 4, 7):
        save(place / "raw/timelapse/01_GT/SEG" / f"man_seg{t:03d}.tif", blobs())
        save(place / "raw/timelapse/01_GT/TRA" / f"man_track{t:03d}.tif", blobs())
    store = ingest("timelapse")
    assert store.table["split"].tolist() == ["train", "val", "test"]
    assert not store.ignore(0).any()


def test_labelme(place):
    for k in range(3):
        image = io.BytesIO()
        Image.fromarray(grey(seed=k)).save(image, "PNG")
        corners = [[1.5, 1.5], [21.5, 1.5], [21.5, 11.5], [1.5, 11.5]]
        shapes = [
            {"label": "cd_loop", "shape_type": "polygon", "points": corners},
            {"label": "scale_bar", "shape_type": "line", "points": [[0, 0], [9, 0]]},
            {"label": "user_click", "shape_type": "point", "points": [[10.5, 4.5]]},
        ]
        name = f"1_Fri_Jul_1{k}_21:33:25_2019_double_click_zoom_5_y_5_x_6.json"
        content = {"shapes": shapes, "imageData": base64.b64encode(image.getvalue()).decode()}
        (place / "raw/mounted").mkdir(parents=True, exist_ok=True)
        (place / "raw/mounted" / name).write_text(json.dumps(content))
    store = ingest("mounted")
    assert store.table["group"].tolist() == [f"1_2019-07-1{k}" for k in range(3)]
    assert store.table["mm_per_px"].tolist() == [0.00114] * 3
    assert store.table["click_row"].tolist() == [2.0] * 3
    loop = np.zeros((12, 16), bool)
    loop[1:6, 1:11] = True
    np.testing.assert_array_equal(store.notions(0), loop * (2**2 + 2**7))


def test_click_logs(place):
    for k in range(10):
        save(place / "raw/clicks/images" / f"{k}.png", grey(seed=k))
    rows = [
        {"file": f"{k}.png", "y": k, "x": 3, "zoom": 5, "mount": k, "user": 7} for k in range(10)
    ]
    rows[4]["x"] = None
    rows[5]["y"] = 24
    pd.DataFrame(rows).to_csv(place / "raw/clicks/log_1.csv", index=False)
    store = ingest("clicks")
    table = store.table
    assert table["source"].tolist() == [f"images/{k}.png" for k in range(10) if k != 5]
    assert np.flatnonzero(table["click_row"].isna()).tolist() == [4]
    assert np.isnan(store.target(4)).all()
    assert store.target(3)[3, 3, 0] == 1
    assert set(table["split"]) == {"train", "val", "test"}
    assert "user" in table


def test_coco(place):
    categories = [{"id": k, "name": n} for k, n in enumerate(["car", "truck", "person", "bus"])]
    for split, shapes in (
        ("train", {"1.jpg": (20, 30), "2.jpg": (30, 20)}),
        ("val", {"3.jpg": (9, 9)}),
    ):
        images = write_images(place / f"raw/coco/{split}2017", shapes, grey=("2.jpg",))
        found = [annotation(1, 1, 2, box(0, 0, 4, 4)), annotation(2, 1, 3, box(2, 2, 8, 8))]
        path = place / f"raw/coco/annotations/instances_{split}2017.json"
        write_json(path, images, found, [*categories, {"id": 9, "name": "dog"}])
    store = ingest("street")
    assert store.classes == ("background", "person", "vehicle")
    assert store.table["sample_id"].tolist() == ["train2017/1", "train2017/2", "val2017/3"]
    assert store.table["split"].tolist() == ["train", "train", "val"]
    assert store.semantic(0)[[0, 3, 7], [0, 3, 7]].tolist() == [1, 1, 2]
    assert store.instances(2)[[0, 3, 7], [0, 3, 7]].tolist() == [1, 1, 2]
    assert dataset_table(store)["objects"].tolist() == [2, 2, 4]
    assert coco_ap_of_stores(store, store, split="val")["AP"] == pytest.approx(1)


def test_bsds(place):
    for split in ("train", "val", "test"):
        save(place / f"raw/BSR/BSDS500/data/images/{split}/1.jpg", np.zeros((9, 12, 3), np.uint8))
        regions = np.repeat([[1, 1, 1, 2, 2, 3]], 9, axis=0).repeat(2, axis=1)
        borders = np.zeros((9, 12), bool)
        people = np.empty((1, 3), object)
        people[:] = {"Segmentation": regions, "Boundaries": borders}
        path = place / f"raw/BSR/BSDS500/data/groundTruth/{split}/1.mat"
        path.parent.mkdir(parents=True)
        savemat(path, {"groundTruth": people})
    store = ingest("contours")
    assert store.table["sample_id"].tolist()[:4] == [
        "test/1/a1",
        "test/1/a2",
        "test/1/a3",
        "train/1/a1",
    ]
    assert store.table["regions"].tolist() == [3] * 9


def test_a_new_format(place, monkeypatch):
    module = place / "segmill/datasets/readers/npz.py"
    module.parent.mkdir(parents=True)
    module.write_text(BLOCKS["segmill/datasets/readers/npz.py"])
    monkeypatch.setattr(readers, "__path__", [*readers.__path__, str(module.parent)])
    assert "npz" in reader_names()
    raw = place / "raw/fields"
    raw.mkdir(parents=True)
    for k in range(8):
        image = grey(seed=k).astype(np.uint16)
        np.savez(raw / f"s{k // 2}_{k}.npz", image=image, cells=blobs(), z_um=1.5 * k)
    config = place / "config/datasets/fields.yaml"
    config.parent.mkdir(parents=True)
    config.write_text(BLOCKS["config/datasets/fields.yaml"])
    exec(compile(BLOCKS["a session"], "a session", "exec"), {})
    store = open_store("results/stores/fields.zarr")
    assert store.table["z_um"].tolist() == [1.5 * k for k in range(8)]
    assert store.table["group"].tolist() == [f"s{k // 2}" for k in range(8)]
    assert store.table.groupby("group")["split"].nunique().tolist() == [1] * 4
    assert store.fields == ("image", "semantic", "instances")
    np.testing.assert_array_equal(store.instances(0), blobs())

    (raw / "s0_0.npz").write_bytes(b"damaged")
    np.savez(raw / "s1_2.npz", image=grey(), cells=blobs(), z_um=0)
    np.savez(raw / "s1_3.npz", image=grey())
    files = [Path(problem.file).name for problem in problems_of(CONFIGS["fields"], place)]
    assert files == ["s0_0.npz", "s1_2.npz", "s1_3.npz"]


def test_movies(place):
    for k in range(6):
        folder = place / f"raw/alignments/mount{k // 2}"
        folder.mkdir(parents=True, exist_ok=True)
        write_alignment(folder / f"p{k}", frames=40)
    store = ingest("alignments")
    rows = store.table
    assert rows["group"].unique().tolist() == ["mount0", "mount1", "mount2"]
    assert len(rows) == 6 * 24
    assert rows["rotating"].all()
    turned = (rows["omega"] - 300 - 10 * rows["frame"] + 180) % 360 - 180
    np.testing.assert_allclose(turned, 0, atol=1e-3)
    assert store.shape("image") == (6 * 24, 16, 24, 3)


def test_datasets_made_of_others(place):
    labelled, together = CONFIGS["labelled"], CONFIGS["together"]
    # The generator, small, and the method of the repository, under the names of the page.
    synthetic = {
        "reader": "synthetic",
        "generator": "particles",
        "seed": 1,
        "n": 6,
        "split": {"train": 0.5, "val": 0.25, "test": 0.25},
        "options": {"height": 96, "width": 96},
    }
    source = write_store("source.zarr", SyntheticProducer(synthetic, name=labelled["dataset"]))
    method = yaml.safe_load((ROOT / f"config/classical/{labelled['method']}.yaml").read_text())
    truth = write_store("labelled.zarr", classical_producer(source, method))
    assert truth.table["split"].tolist() == source.table["split"].tolist()
    stores = dict(zip(together["datasets"], (source, truth), strict=True))
    both = write_store("together.zarr", UnionProducer(stores, "together"))
    assert len(both) == 12
    assert both.table["sample_id"].str.split("/").str[0].tolist() == (
        ["synthetic_particles"] * 6 + ["labelled"] * 6
    )
    assert "instances" in both.fields
    for k in range(6):
        np.testing.assert_array_equal(both.instances(6 + k), truth.instances(k))
