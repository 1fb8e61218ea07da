"""Lookups of the workflow: which files a target needs, without running Snakemake."""

import itertools
from pathlib import Path

import pytest
import yaml

from segmill.config import load_config
from segmill.errors import ConfigError
from segmill.provenance import listing_hash
from segmill.workflow import CODE, Lookup, stage_code

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def lookup():
    """Lookups in the shipped configuration, preset demo."""

    def make(preset="demo", **changes):
        settings = yaml.safe_load((ROOT / "config/config.yaml").read_text())
        return Lookup(load_config(ROOT, {**settings, "preset": preset, **changes}))

    return make


def test_every_run_has_a_model_of_its_own(lookup):
    look = lookup()
    models = look.models("cells")
    experiments, seeds = look.config.experiments("cells"), look.config.seeds("cells")
    expected = [
        f"results/runs/cells/{experiment}/seed{seed}/model.pt"
        for experiment, seed in itertools.product(experiments, seeds)
    ]
    assert models == expected
    assert len(set(models)) == len(models)


def test_a_store_has_as_many_parts_as_its_dataset_says(lookup):
    name = "synthetic_fluorescent"
    assert lookup().dataset_store_inputs(name) == {"sources": []}
    parts = lookup(set=f"datasets.{name}.parts=3").dataset_store_inputs(name)
    folder = f"results/parts/stores/{name}"
    assert parts == {"parts": [f"{folder}/{part}of3.json" for part in range(3)]}


def test_parts_change_no_description_of_what_is_made(lookup):
    name = "synthetic_fluorescent"
    whole, shared = lookup(), lookup(set=f"datasets.{name}.parts=3 recipes.cells.parts=2")
    assert whole.dataset_producer(name) == shared.dataset_producer(name)
    key = (name, "cells", "train")
    assert whole.shards_producer(*key) == shared.shards_producer(*key)
    assert whole.shards_inputs(*key) == {"sources": [f"results/stores/{name}.parquet"]}
    assert len(shared.shards_inputs(*key)["parts"]) == 2
    assert "parts" not in shared.shards_inputs(name, "cells", "val")


def test_a_table_shows_only_what_the_preset_runs(lookup):
    smoke = lookup("smoke")
    run = set(smoke.config.experiments("cells"))
    for path in smoke.tables("cells"):
        table = Path(path).stem
        for method in smoke.table_sources("cells", table):
            assert method in run or method.startswith("classical/")
    settings = smoke.table_settings("cells", "main")
    rows = {row["row"] for row in settings["rows"]}
    assert {value["row"] for value in settings["published"]} <= rows


def test_a_table_reads_the_counts_of_every_seed(lookup):
    look = lookup()
    inputs = look.table_inputs("cells", "main")
    for seed in look.config.seeds("cells"):
        path = f"results/metrics/cells/vanilla_cl/seed{seed}/synthetic_fluorescent.parquet"
        assert path in inputs
    classical = "results/metrics/cells/classical/otsu_watershed/synthetic_fluorescent.parquet"
    assert classical in inputs


def test_figures_of_experiments_that_are_not_run_are_left_out(lookup):
    smoke = lookup("smoke")
    shown = {Path(path).stem for path in smoke.figures("cells")}
    assert "curves_vanilla_cl" in shown
    assert "curves_batch1" not in shown
    assert smoke.figure_settings("cells", "curves_all")["experiments"] == ["vanilla_cl", "tiles"]


@pytest.mark.parametrize("preset", ["smoke", "demo", "full"])
def test_every_figure_and_table_knows_its_inputs(lookup, preset):
    look = lookup(preset)
    for path in look.figures("cells"):
        inputs = look.figure_inputs("cells", Path(path).stem)
        assert inputs
        assert all(value for value in inputs.values())
    for path in look.tables("cells"):
        assert look.table_inputs("cells", Path(path).stem)


def test_every_stage_has_code(lookup):
    digests = {stage: stage_code(stage) for stage in CODE}
    assert len(set(digests.values())) == len(digests)


def test_a_training_knows_its_seed_and_threads(lookup):
    look = lookup(set="studies.cells.base.training.threads=2")
    assert look.training("cells", "vanilla_cl", "7")["seed"] == 7
    assert look.threads("cells", "vanilla_cl") == 2


def test_a_changed_raw_file_is_seen_and_an_absent_folder_is_left_to_the_reader(
    lookup, tmp_path, monkeypatch
):
    monkeypatch.setenv("SEGMILL_REAL_DATA", str(tmp_path))
    look = lookup()
    assert look.dataset_files("synthetic_fluorescent") == ""
    assert look.dataset_files("bbbc039") == ""
    folder = tmp_path / "nuclei_bbbc039" / "masks"
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(b"first")
    listing_hash.cache_clear()
    before = look.dataset_files("bbbc039")
    (folder / "a.png").write_bytes(b"second")
    listing_hash.cache_clear()
    assert before
    assert look.dataset_files("bbbc039") != before


def test_a_network_may_be_measured_on_another_dataset(lookup):
    rows = "[{row: a, label: a, experiment: vanilla@synthetic_phase_contrast}]"
    look = lookup(set=[f"studies.cells.tables.dropout.rows={rows}"])
    expected = [
        f"results/metrics/cells/vanilla/seed{seed}/synthetic_phase_contrast.parquet"
        for seed in look.config.seeds("cells")
    ]
    assert look.table_inputs("cells", "dropout") == expected


def test_a_table_of_data_reads_the_tables_of_stores(lookup):
    rows = "[{row: a, label: a, experiment: data/synthetic_phase_contrast}]"
    look = lookup("smoke", set=[f"studies.cells.tables.dropout.rows={rows}"])
    expected = ["results/stores/synthetic_phase_contrast.parquet"]
    assert look.table_inputs("cells", "dropout") == expected


def test_backgrounds_of_a_recipe_are_inputs_of_its_training_shards(lookup, tmp_path, monkeypatch):
    name, other = "synthetic_fluorescent", "synthetic_phase_contrast"
    plain = lookup()
    assert plain.shards_sources(name, "cells", "train") == [f"results/stores/{name}.parquet"]
    assert "backgrounds" not in plain.shards_producer(name, "beamline", "train")
    look = lookup(set=[f"recipes.beamline.backgrounds={{generate: null, dataset: {other}}}"])
    store = f"results/stores/{other}.parquet"
    assert look.shards_sources(name, "beamline", "train")[1:] == [store]
    assert look.shards_inputs(name, "beamline", "train")["sources"][1:] == [store]
    assert look.shards_producer(name, "beamline", "train")["backgrounds"] == store
    # Validation images stay before their own backgrounds.
    assert look.shards_sources(name, "beamline", "val") == [f"results/stores/{name}.parquet"]
    assert "backgrounds" not in look.shards_producer(name, "beamline", "val")
    monkeypatch.setenv("SEGMILL_REAL_DATA", str(tmp_path))
    path = '{generate: null, path: "${SEGMILL_REAL_DATA}"}'
    look = lookup(set=[f"recipes.beamline.backgrounds={path}"])
    (tmp_path / "zoom_1.png").write_bytes(b"first")
    listing_hash.cache_clear()
    before = look.background_files("beamline", "train")
    (tmp_path / "zoom_1.png").write_bytes(b"second")
    listing_hash.cache_clear()
    assert before != look.background_files("beamline", "train") != ""
    assert look.background_files("beamline", "val") == ""


def test_an_unknown_dataset_of_backgrounds_is_named(lookup):
    with pytest.raises(ConfigError, match=r"beamline.yaml: backgrounds.dataset: unknown dataset"):
        lookup(set=["recipes.beamline.backgrounds={generate: null, dataset: nowhere}"])


def test_a_dataset_may_be_made_of_others(lookup):
    union = "datasets.synthetic_smoke={reader: union, datasets: [a, b]}"
    config = lookup().config
    config.datasets["labelled"] = {"reader": "classical", "dataset": "a", "method": "m"}
    config.datasets["both"] = {"reader": "union", "datasets": ["a", "labelled"]}
    config.classical["m"] = {"method": "watershed"}
    look = Lookup(config)
    assert look.dataset_store_inputs("labelled") == {"sources": ["results/stores/a.parquet"]}
    assert look.dataset_producer("labelled") == {
        "stage": "classical",
        "store": "results/stores/a.parquet",
        "config": {"method": "watershed"},
    }
    inputs = ["results/stores/a.parquet", "results/stores/labelled.parquet"]
    assert look.dataset_inputs("both") == inputs
    assert list(look.dataset_producer("both")["stores"].values()) == inputs
    with pytest.raises(ConfigError) as caught:
        lookup(set=[union])
    assert "synthetic_smoke.yaml: unknown dataset 'a'" in str(caught.value)


def test_superpixels_of_the_image_and_of_what_a_network_painted(lookup):
    look = lookup("smoke", studies=["superpixels"])
    folder = "results/superpixel_metrics"
    found = look.metrics("superpixels", "superpixels/superpixels_slic/synthetic_scenes")
    assert found == {0: f"{folder}/classical/superpixels_slic/synthetic_scenes.parquet"}
    own = look.metrics("superpixels", "superpixels_of/superpixels_eikonal/can7")
    run = "superpixels/can7/seed1/superpixels_eikonal"
    assert own == {1: f"{folder}/{run}/scenes_superpixels.parquet"}
    other = look.metrics("superpixels", "superpixels_of/superpixels_eikonal/can7@photographs")
    assert other == {1: f"{folder}/{run}/photographs.parquet"}
    assert look.figure_inputs("superpixels", "photographs") == {
        "predictions": "results/predictions/superpixels/can7/seed1/photographs.parquet",
        "superpixels": f"results/superpixels/{run}/photographs.parquet",
    }


def test_a_sweep_has_rows_and_trainings_of_its_own(lookup):
    look = lookup("full", studies=["superpixels"])
    points = ["alpha_0", "alpha_1e_05", "alpha_0_0001"]
    assert set(points) < set(look.config.experiments("superpixels"))
    alphas = [look.training("superpixels", p, "1")["loss"]["options"]["alpha"] for p in points]
    assert alphas == [0, 1e-5, 1e-4]
    rows = [row["row"] for row in look.table_settings("superpixels", "sweeps")["rows"]]
    assert rows == ["can7", "rate_constant_0_01", "rate_halved", *points]
    # A preset runs some of them: the others have no row.
    rows = lookup("smoke", studies=["superpixels"]).table_settings("superpixels", "sweeps")["rows"]
    assert [row["row"] for row in rows] == ["can7", "rate_halved"]
