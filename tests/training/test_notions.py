"""Trainings on overlapping notions and clicks, from shards to predictions."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from segmill import Predictor
from segmill.augment import AugmentProducer, Recipe
from segmill.errors import ConfigError
from segmill.models.bundle import load_model, read_plain
from segmill.store import open_store, write_store
from segmill.training import TrainingConfig, loop
from segmill.training.metrics import overlap_counts
from segmill.training.session import Session
from segmill.training.setup import check_data, output_names
from tests.training.scenes import NAMES, Scenes, block, run, shards

HALF = {"fraction": 0.5}


class Dead(BaseException):
    """The end of a process, as far as a training can tell."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    return folder, run(folder, "whole")


def test_outputs_are_the_notions_and_the_click_behind_them(trained):
    folder, _ = trained
    bundle = load_model(folder / "whole" / "run" / "model.pt")
    assert bundle.classes == (*NAMES, "click")
    assert bundle.task == "notions"
    assert bundle.config["loss"]["options"]["weights"] == "auto"
    history = pd.read_parquet(folder / "whole" / "run" / "history.parquet")
    assert {f"iou_{name}" for name in (*NAMES, "click")} <= set(history)
    assert history["loss"].notna().all()
    assert history.groupby("phase")["samples"].first().to_dict() == {"train": 10, "val": 4}


def test_a_prediction_is_a_probability_of_each_notion_and_of_the_click(trained):
    folder, _ = trained
    predictor = Predictor.load(folder / "whole" / "run" / "model.pt", device="cpu")
    image = shards(folder)[1].image(0)
    scores = predictor.predict(image).scores
    network = predictor.networks[0]
    batch = network.normalise(image.transpose(2, 0, 1)[None])
    expected = network.logits(batch)[0].sigmoid().numpy().transpose(1, 2, 0)
    assert scores.shape == (16, 16, 5)
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-6)


def test_weights_of_notions_are_those_of_the_data_and_kept_with_everything(trained):
    folder, _ = trained
    store = shards(folder)[0]
    bits = np.stack([store.notions(i)[~store.ignore(i)] for i in range(len(store))])
    shares = np.array([np.mean(bits >> k & 1) for k in range(4)])
    assert shares[2] == 0
    raw = np.where(shares > 0, np.median(shares[shares > 0]) / np.where(shares, shares, 1), 1)
    expected = raw / raw.mean()
    identity = json.loads((folder / "whole" / "run" / "config.json").read_text())
    checkpoint = read_plain(folder / "whole" / "checkpoints" / "checkpoint.pt", "a checkpoint")
    bundle = load_model(folder / "whole" / "run" / "last.pt")
    for found in (identity, checkpoint["identity"], bundle.notes):
        np.testing.assert_allclose(found["notion_weights"], expected, rtol=1e-12)


def test_the_weights_reach_the_loss(trained, monkeypatch):
    folder, _ = trained
    seen = []

    def build(config, model, maker, device, processes, weights):
        seen.append(original(config, model, maker, device, processes, weights).loss.weights)
        raise Dead

    original = loop.build_stepper
    monkeypatch.setattr(loop, "build_stepper", build)
    for weights in ("auto", [1, 2, 3, 4]):
        with pytest.raises(Dead):
            run(folder, "weights", loss={"name": "focal", "options": {"weights": weights}})
    assert seen[0] == pytest.approx(json_weights(folder))
    assert seen[1] == (1, 2, 3, 4)


def json_weights(folder):
    return json.loads((folder / "whole" / "run" / "config.json").read_text())["notion_weights"]


def test_a_few_epochs_learn_the_loop(tmp_path):
    rate = {"kind": "constant", "rate": 1e-2}
    changes = {"epochs": 25, "schedule": rate, "model": {**block()["model"]}}
    changes["model"]["options"] = {**changes["model"]["options"], "dropout": "none"}
    summary = run(tmp_path, "long", **changes)
    history = pd.read_parquet(tmp_path / "long" / "run" / "history.parquet")
    best = history[history["phase"] == "val"].max(numeric_only=True)
    assert summary["best"] == best["iou"] > 0.7
    assert best["iou_loop"] > 0.7


def test_half_of_the_groups_trains_half_of_the_steps_and_resumes_to_the_same_bits(
    trained, monkeypatch
):
    folder, whole = trained
    half = run(folder, "half", **HALF)
    assert (whole["steps"], half["steps"]) == (3 * 5, 3 * 3)
    changed = run(folder, "half", fraction=0.6)
    assert changed["resumed_at"] == 0, "another share is another training"
    expected = run(folder, "undisturbed", **HALF)

    def die(config, session, rows):
        finish(config, session, rows)
        session.save()
        raise Dead

    finish = loop.finish_epoch
    with monkeypatch.context() as patch:
        patch.setattr(loop, "finish_epoch", die)
        with pytest.raises(Dead):
            run(folder, "killed", **HALF)
    resumed = run(folder, "killed", **HALF)
    assert resumed == {**expected, "resumed_at": 3}
    paths = [folder / name / "run" / "last.pt" for name in ("undisturbed", "killed")]
    first, second = (load_model(path).model.state_dict() for path in paths)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_only_samples_of_the_share_are_seen(trained, monkeypatch):
    folder, _ = trained
    seen = set()
    count = Session.count

    def watch(session, ids, samples, result, sums):
        if result.norm is not None:
            seen.update(ids)
        return count(session, ids, samples, result, sums)

    monkeypatch.setattr(Session, "count", watch)
    run(folder, "watched", epochs=2, fraction=0.4)
    groups = {name.split("_")[0] for name in seen}
    assert len(groups) == 2
    assert seen == {f"{group}_{k}" for group in groups for k in (0, 1)}


def test_augmented_shards_keep_families_apart_and_a_family_on_both_sides_is_refused(tmp_path):
    class Split(Scenes):
        """Four groups, the last one of which is for validation."""

        def plan(self):
            plan = super().plan()
            plan.table["split"] = np.where(plan.table["group"] == "d", "val", "train")
            return plan

    source = write_store(tmp_path / "source.zarr", Split(["a", "b", "c", "d"], "train"))
    recipe = Recipe.from_dict({"size": [16, 16], "copies": 2, "levels": [{"name": "easy"}]})
    made = {
        split: write_store(tmp_path / f"{split}.zarr", AugmentProducer(source, recipe, split, 1))
        for split in ("train", "val")
    }
    groups = {split: set(store.table["group"]) for split, store in made.items()}
    assert groups == {"train": {"a", "b", "c"}, "val": {"d"}}
    config = TrainingConfig.from_dict(block())
    check_data(config, made["train"], made["val"])
    with pytest.raises(ConfigError, match=r"groups that training has too \(3\): a, b, c$"):
        check_data(config, made["train"], made["train"])


def test_what_does_not_fit_notions_and_clicks_is_named_at_once(tmp_path):
    class Wrong(Scenes):
        def plan(self):
            plan = super().plan()
            plan.attributes["targets"] = ["centre"]
            return plan

    stores = [write_store(tmp_path / f"{s}.zarr", Wrong([s], s)) for s in ("train", "val")]
    loss = {"name": "focal", "options": {"weights": [1, 2], "click": True}}
    with pytest.raises(ConfigError) as caught:
        check_data(TrainingConfig.from_dict(block(loss=loss)), *stores)
    message = str(caught.value)
    for path in ("train.zarr", "val.zarr"):
        assert f"{path}: targets: expected click alone, found centre" in message
        assert (
            f"{path}: loss.options.weights: expected one for each of crystal, loop, ice, "
            "foreground, found 2" in message
        )


def test_names_of_outputs_follow_from_what_the_loss_needs(trained):
    store = open_store(trained[0] / "train.zarr")
    assert output_names(store, ("notions",)) == NAMES
    assert output_names(store, ("target", "notions")) == (*NAMES, "click")
    assert output_names(store, ("target",)) == ("click",)
    assert output_names(store, ("semantic", "weight")) == ()


@pytest.mark.parametrize("with_ignore", [False, True])
def test_the_click_is_no_notion_and_no_foreground(with_ignore):
    rng = np.random.default_rng(2)
    logits = torch.from_numpy(rng.normal(size=(2, 4, 5, 6)).astype(np.float32))
    notions = torch.from_numpy(rng.integers(0, 8, (2, 5, 6)))
    heat = torch.from_numpy(rng.random((2, 1, 5, 6), np.float32))
    heat[1, 0, :2] = float("nan")
    truth = {"notions": notions, "target": heat}
    valid = torch.ones(2, 5, 6, dtype=torch.bool)
    if with_ignore:
        valid = torch.from_numpy(rng.random((2, 5, 6)) < 0.7)
        truth["ignore"] = ~valid
    before = logits.clone()
    counts = overlap_counts(logits, truth, "notions")
    assert torch.equal(logits, before)
    alone = {key: value for key, value in truth.items() if key != "target"}
    assert torch.equal(counts[:4], overlap_counts(logits[:, :3], alone, "notions"))
    known = valid & ~heat[:, 0].isnan()
    predicted, true = logits[:, 3][known] > 0, heat[:, 0][known] > 0.5
    assert counts[4].tolist() == [int((predicted & true).sum()), int((predicted | true).sum())]
