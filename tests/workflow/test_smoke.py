"""The smoke preset from a fresh clone: all that is declared is there, and stays."""

import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml

from segmill import open_store
from segmill.config import load_config
from segmill.workflow import Lookup
from tests.datasets.conftest import save
from tests.workflow.project import PRESET

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def declared(finished):
    """What the configuration says that the smoke preset makes."""
    settings = yaml.safe_load(finished.read("config/config.yaml"))
    return Lookup(load_config(finished.folder, {**settings, "preset": "smoke"}))


def test_every_declared_output_is_there(finished, declared):
    for path in declared.tables("cells"):
        table = pd.read_csv(finished.folder / path)
        assert len(table) > 0
        assert (finished.folder / path).with_suffix(".html").exists()
    for path in declared.figures("cells"):
        svg = finished.folder / path
        assert "<svg" in svg.read_text()
        assert svg.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
        assert svg.with_suffix(".csv").exists()
    for path in (*declared.models("cells"), *declared.data("cells")):
        assert (finished.folder / path).exists()


def test_stores_are_whole_and_nothing_is_left_of_their_making(finished):
    stores = sorted((finished.folder / "results").rglob("*.zarr"))
    assert len(stores) >= 6, "dataset, shards, classical labels, predictions"
    for store in stores:
        open_store(store).verify()
    left = [p for p in (finished.folder / "results").rglob("*") if ".partial" in p.name]
    assert left == []


def test_the_main_table_has_a_value_for_what_ran_and_none_for_what_did_not(finished):
    table = pd.read_csv(finished.folder / "results/tables/cells/main.csv", index_col="row")
    for metric in ("iou", "seg"):
        for variant, absent in (("cl", ["tiles", "otsu_watershed"]), ("no_cl", ["vanilla"])):
            values = table[f"{metric}_{variant}"]
            assert values.dropna().between(0, 1).all()
            assert values[absent].isna().all()
        assert table.loc[["tiles", "otsu_watershed"], f"{metric}_no_cl"].notna().all()
        assert pd.notna(table.loc["vanilla", f"{metric}_cl"])
    assert not {"batch1", "batch8"} & set(table.index)
    assert table.loc["otsu_watershed", "iou_no_cl"] > 0.5, "bright cells on a dark ground"


def test_the_report_shows_every_table_and_figure_and_links_to_nothing_missing(finished, declared):
    report = finished.folder / "results/report"
    pages = {path: path.read_text() for path in report.rglob("*.html")}
    assert report / "index.html" in pages
    everything = "\n".join(pages.values())
    settings = declared.config.studies["cells"]
    for kind, paths in (
        ("tables", declared.tables("cells")),
        ("figures", declared.figures("cells")),
    ):
        for path in paths:
            assert settings[kind][Path(path).stem]["title"] in everything
    for page, text in pages.items():
        for link in re.findall(r'(?:href|src)="([^"#:]+)(?:#[^"]*)?"', text):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"


def test_every_job_has_a_log_and_tells_its_rule(finished):
    logs = sorted((finished.folder / "logs").rglob("*.log"))
    assert len(logs) > 20
    for log in logs:
        assert "INFO rule " in log.read_text(), log


def test_a_second_run_does_nothing_and_says_so(project):
    before = {p: p.stat().st_mtime_ns for p in (project.folder / "results").rglob("*")}
    assert "Nothing to be done" in project.make(*PRESET)
    after = {p: p.stat().st_mtime_ns for p in (project.folder / "results").rglob("*")}
    assert after == before


def test_new_images_are_predicted_and_further_ones_when_they_come(project):
    store = open_store(project.folder / "results/stores/synthetic_fluorescent.zarr")
    images = project.folder / "my images"
    for k in (0, 1):
        save(images / "deep" / f"field_{k}.png", store.image(k)[..., 0].astype(np.uint16))
    arguments = (*PRESET, "predict={images: my images, output: mine}", "--", "predict")
    project.make(*arguments)
    assert sorted(p.name for p in (project.folder / "mine/deep").iterdir()) == [
        f"field_{k}_{what}"
        for k in (0, 1)
        for what in ("boxes.csv", "instances.tif", "overlay.png")
    ]
    for k in (0, 1):
        stem = project.folder / f"mine/deep/field_{k}"
        instances = tifffile.imread(f"{stem}_instances.tif")
        boxes = pd.read_csv(f"{stem}_boxes.csv")
        assert instances.shape == store.image(k).shape[:2]
        assert len(boxes) == instances.max() == len(np.unique(instances)) - 1
        areas = np.bincount(instances.ravel())[1:]
        np.testing.assert_array_equal(boxes["area"], areas)
    assert "Nothing to be done" in project.make(*arguments)
    save(images / "new.png", store.image(2)[..., 0].astype(np.uint16))
    project.make(*arguments)
    assert (project.folder / "mine/new_overlay.png").exists()


def test_snakemakes_own_report_has_captions_categories_and_labels(project, declared):
    status, output = project.run(*PRESET, "--report", "report.zip")
    assert status == 0, output
    with zipfile.ZipFile(project.folder / "report.zip") as archive:
        names = archive.namelist()
        page = archive.read("report/report.html").decode()
    results, categories = (_variable(page, name) for name in ("results", "categories"))
    tables, figures = declared.tables("cells"), declared.figures("cells")
    assert set(results) == {*tables, *figures}
    for kind, paths in (("table", tables), ("figure", figures)):
        assert sorted(categories["cells"][f"{kind.capitalize()}s"]) == sorted(paths)
        for path in paths:
            assert results[path]["labels"] == {kind: Path(path).stem}
            assert results[path]["caption"].startswith("<p>")
            assert "Undefined" not in results[path]["caption"]
            assert f"report/{results[path]['data_uri']}" in names
    assert "<strong>smoke</strong> preset" in results[tables[0]]["caption"]
    fetched = re.findall(r"""<(?:script|link|img)[^>]+(?:src|href)=["'](?:https?:)?//.*?>""", page)
    assert fetched == [], "the page can be read without a network"


def _variable(page: str, name: str):
    """Value of a variable that a script of Snakemake's report holds as JSON."""
    script = page[page.index(f'<script id="{name}">') :]
    return json.JSONDecoder().raw_decode(script, script.index(" = ") + 3)[0]
