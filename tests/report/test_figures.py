"""Every kind of figure, drawn as the workflow asks for it: from files, by its settings."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

from segmill.classical import ClassicalProducer
from segmill.errors import ConfigError, IntegrityError
from segmill.metrics import evaluate
from segmill.models.bundle import load_model
from segmill.report.figures import KINDS, draw
from segmill.store import open_store, write_store
from segmill.synthetic import SyntheticProducer
from tests.inference.conftest import write_model

ROOT = Path(__file__).parents[2]

CELLS = {
    "generator": "cells",
    "modality": "fluorescent",
    "seed": 3,
    "n": 6,
    "split": {"train": 0.5, "test": 0.5},
    "border_width": 2,
    "options": {"height": 64, "width": 64, "pixel_size_um": 0.8, "density_per_mm2": 1200},
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A dataset, classical labels of its test images as a prediction, counts, and a network."""
    folder = tmp_path_factory.mktemp("figures")
    store = write_store(folder / "cells.zarr", SyntheticProducer(CELLS, name="cells"))
    method = {"method": "watershed", "options": {}}
    prediction = write_store(folder / "otsu.zarr", ClassicalProducer(store, method, "test"))
    evaluate(prediction, store, split="test").to_parquet(folder / "counts.parquet")
    model = write_model(folder / "model.pt")
    weights = load_model(model).model.state_dict()
    other = load_model(write_model(folder / "other.pt", seed=1)).model.state_dict()
    torch.save({2: other, 7: weights}, folder / "snapshots.pt")
    return {
        "store": str(folder / "cells.parquet"),
        "prediction": str(folder / "otsu.parquet"),
        "metrics": str(folder / "counts.parquet"),
        "model": str(model),
        "snapshots": str(folder / "snapshots.pt"),
    }


@pytest.fixture
def drawn(files, histories, tmp_path):
    """Draw a figure of some kind from all files; return the data behind it."""
    runs = {name: [str(p) for p in seeds.values()] for name, seeds in histories.items()}

    def draw_(kind, **settings):
        # The workflow hands over the histories of the experiments that a figure names.
        seeds = [1, 2] if kind == "curves" else [1]
        named = runs["cl"] if kind == "curves" else [runs["cl"][0], runs["plain"][0]]
        given = {"kind": kind, "title": "A title", "seeds": seeds, "labels": {}, **settings}
        draw(given, {**files, "histories": named}, tmp_path / "figure.svg")
        assert "<svg" in (tmp_path / "figure.svg").read_text()
        assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
        return pd.read_csv(tmp_path / "figure.csv")

    return draw_


def test_curves_of_one_experiment_hold_every_seed(drawn):
    data = drawn("curves", experiment="cl")
    assert {1, 2} <= set(data["seed"])


def test_curves_compared_tell_experiments_apart_by_their_labels(drawn, tmp_path):
    labels = {"cl": "with curriculum", "plain": "all at once"}
    data = drawn("curves_compared", experiments=["cl", "plain"], labels=labels)
    assert set(data["experiment"]) == {"cl", "plain"}
    assert all(label in (tmp_path / "figure.svg").read_text() for label in labels.values())


def test_histories_that_do_not_match_the_seeds_are_refused(drawn):
    with pytest.raises(ValueError, match="zip"):
        drawn("curves", seeds=[1, 2, 3])


def test_stages_show_the_weights_of_each_epoch(drawn):
    data = drawn("stages", images=2, prediction={})
    assert list(dict.fromkeys(data["prediction"])) == ["Epoch 2", "Epoch 7 (end)"]
    assert len(data) == 2 * 2
    # Two random networks see different objects in the same images.
    by_epoch = data.groupby("prediction")["n_predicted"].apply(list)
    assert by_epoch.iloc[0] != by_epoch.iloc[1]


def test_stages_predict_as_the_study_predicts(drawn, files):
    from segmill.inference import Predictor

    options = {"tiling": {"mode": "grid", "grid": 2}}
    data = drawn("stages", images=1, prediction=options)
    store = open_store(files["store"])
    i = store.where(split="test")[0]
    expected = Predictor.load(files["model"], **options).predict(store.image(i)).instances.max()
    last = data[data["prediction"] == "Epoch 7 (end)"]
    assert last["n_predicted"].tolist() == [expected]


def test_examples_are_ranked_by_their_score(drawn, files):
    data = drawn("examples")
    counts = pd.read_parquet(files["metrics"])
    assert len(data) == 3
    assert set(data["sample_id"]) <= set(counts["sample_id"])


def test_false_positives_are_shown_for_the_worst_images(drawn, files):
    data = drawn("false_positives", images=1)
    counts = pd.read_parquet(files["metrics"])
    worst = counts.sort_values(["fp_50", "sample_id"], ascending=[False, True])
    assert set(data["sample_id"]) == {worst["sample_id"].iloc[0]}


def test_elastic_is_as_strong_as_asked(drawn):
    weak, strong = (drawn("elastic", alpha=alpha, sigma=4) for alpha in (10, 40))
    column = weak.select_dtypes("number").columns[-1]
    assert strong[column].max() == pytest.approx(4 * weak[column].max(), rel=1e-5)


def test_weights_are_of_the_sample_asked_for(drawn, files):
    first, second = (drawn("weights", sample=k, w0=10.0, sigma=5.0) for k in (0, 1))
    assert not first.equals(second)
    assert set(first["class"]) <= set(open_store(files["store"]).classes)


def test_samples_are_spread_over_the_dataset(drawn, files):
    ids = open_store(files["store"]).table["sample_id"]
    assert drawn("samples", images=3)["sample_id"].tolist() == [ids[k] for k in (0, 2, 4)]
    assert drawn("samples", images=99)["sample_id"].tolist() == ids.tolist()


def test_every_kind_of_the_schema_can_be_drawn_and_an_unknown_one_is_named(drawn):
    schema = json.loads((ROOT / "workflow/schemas/study.schema.json").read_text())
    figure = schema["properties"]["figures"]["additionalProperties"]
    assert set(KINDS) == set(figure["properties"]["kind"]["enum"])
    with pytest.raises(ConfigError, match=r"'curve': known are \['alignment', 'classes'"):
        drawn("curve")


def test_a_missing_file_is_named(files, tmp_path):
    given = {"kind": "curves", "title": "x", "seeds": [1], "labels": {}}
    with pytest.raises(IntegrityError, match=r"nowhere\.parquet"):
        draw(given, {"histories": [str(tmp_path / "nowhere.parquet")]}, tmp_path / "a.svg")
    assert not list(tmp_path.iterdir())


def test_curves_are_drawn_without_loading_torch(histories, tmp_path):
    code = (
        "import sys; from segmill.report.figures import draw;"
        "draw({'kind': 'curves', 'title': 'x', 'seeds': [1]}, {'histories': [sys.argv[1]]},"
        " sys.argv[2]); sys.exit('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(histories["cl"][1]), str(tmp_path / "a.svg")]
    assert subprocess.run(command, check=False).returncode == 0
