import json
import logging

import numpy as np
import pandas as pd
import pytest
import torch

from segmill.errors import ConfigError, TrainingError
from segmill.losses.base import Loss
from segmill.models.bundle import load_model, read_plain
from segmill.training import TrainingConfig, loop
from segmill.training.setup import check_data
from segmill.weights import weight_map
from tests.training.shards import block, run, shards


def history(folder, name: str) -> pd.DataFrame:
    return pd.read_parquet(folder / name / "run" / "history.parquet")


def test_a_run_folder_is_complete_and_agrees_with_its_summary(tmp_path):
    summary = run(tmp_path, "a", tensorboard=True)
    folder = tmp_path / "a" / "run"
    assert sorted(p.name for p in folder.iterdir()) == [
        "config.json", "history.parquet", "last.pt", "model.pt", "snapshots.pt", "tensorboard",
    ]  # fmt: skip
    table = history(tmp_path, "a")
    assert table.columns.tolist() == [
        "epoch", "step", "phase", "loss", "iou", "iou_background", "iou_cell", "iou_border",
        "lr", "level", "samples", "seconds",
    ]  # fmt: skip
    assert table["epoch"].tolist() == [1, 1, 2, 2, 3, 3, 4, 4]
    assert table["phase"].tolist() == ["train", "val"] * 4
    assert table["step"].tolist() == [3, 3, 6, 6, 9, 9, 12, 12]
    assert table["lr"].tolist() == [1e-2] * 4 + [5e-3] * 4
    assert table["samples"].tolist() == [6, 5] * 4
    validation = table[table["phase"] == "val"].set_index("epoch")
    assert summary["best_epoch"] == validation["iou"].idxmax()
    assert summary["best"] == validation["iou"].max()
    assert (summary["epochs"], summary["steps"], summary["stopped"]) == (4, 12, "epochs")
    best, last = load_model(folder / "model.pt"), load_model(folder / "last.pt")
    assert best.notes["epoch"] == summary["best_epoch"]
    assert best.classes == ("background", "cell", "border")
    assert best.preprocessing["rescale"] == 1.0
    assert TrainingConfig.from_dict(best.config) == TrainingConfig.from_dict(
        block(tensorboard=True)
    )
    snapshots = read_plain(folder / "snapshots.pt", "snapshots")
    assert list(snapshots) == [2, 4]
    for name, tensor in last.model.state_dict().items():
        assert torch.equal(tensor, snapshots[4][name])
    made = json.loads((folder / "config.json").read_text())
    assert made["training"]["batch_size"] == 2
    assert made["data"]["train"] == shards(tmp_path)[0].content_hash


def test_the_recorded_loss_is_the_one_of_the_written_network(tmp_path):
    """The last validation row, computed once more by hand from last.pt and the raw shards."""
    run(tmp_path, "a")
    bundle = load_model(tmp_path / "a" / "run" / "last.pt")
    _, store = shards(tmp_path)
    losses, both, either = [], 0, 0
    for i in range(len(store)):
        image = (store.image(i)[..., 0] / 255 - bundle.mean[0]) / bundle.std[0]
        with torch.no_grad():
            logits = bundle.model(torch.from_numpy(image.astype(np.float32))[None, None])[0]
        semantic = store.semantic(i)
        log_p = logits.double().log_softmax(0).numpy()
        chosen = np.take_along_axis(log_p, semantic[None].astype(int), 0)[0]
        losses.append(-(weight_map(semantic, store.instances(i), 2.0, 2.0) * chosen).mean())
        p, t = logits.argmax(0).numpy() > 0, semantic > 0
        both, either = both + (p & t).sum(), either + (p | t).sum()
    row = history(tmp_path, "a").iloc[-1]
    assert row["loss"] == pytest.approx(np.mean(losses), rel=1e-5)
    assert row["iou"] == both / either


def test_two_runs_agree_to_the_bit_and_another_seed_does_not(tmp_path):
    for name, seed in [("a", 1), ("b", 1), ("c", 2)]:
        run(tmp_path, name, seed=seed, epochs=1, readers=1 + (name == "b"))
    weights = {
        name: load_model(tmp_path / name / "run" / "last.pt").model.state_dict() for name in "abc"
    }
    assert all(torch.equal(t, weights["b"][k]) for k, t in weights["a"].items())
    assert not all(torch.equal(t, weights["c"][k]) for k, t in weights["a"].items())


def test_the_curriculum_is_latched(tmp_path, monkeypatch):
    scripted = iter([0.1, 0.71, 0.2, 0.3])
    real = loop.finish_epoch

    def finish(config, session, rows):
        rows[1]["iou"] = next(scripted)
        real(config, session, rows)

    monkeypatch.setattr(loop, "finish_epoch", finish)
    run(tmp_path, "a", curriculum={"threshold": 0.7, "mode": "replace"}, steps_per_epoch="all")
    table = history(tmp_path, "a").query("phase == 'train'")
    assert table["level"].tolist() == [0, 0, 1, 1]
    # 4 samples of level 0, then 3 of level 1, in batches of 2.
    assert table["samples"].tolist() == [4, 4, 4, 4]
    assert table["step"].tolist() == [2, 4, 6, 8]


def test_early_stop_counts_epochs_without_better_validation(tmp_path, monkeypatch):
    scripted = iter([0.5, 0.6, 0.6, 0.59, 0.7])
    real = loop.finish_epoch

    def finish(config, session, rows):
        rows[1]["iou"] = next(scripted)
        real(config, session, rows)

    monkeypatch.setattr(loop, "finish_epoch", finish)
    summary = run(tmp_path, "a", epochs=9, early_stop={"monitor": "iou", "patience": 2})
    assert (summary["stopped"], summary["epochs"], summary["best_epoch"]) == ("early stop", 4, 2)
    assert load_model(tmp_path / "a" / "run" / "model.pt").notes["epoch"] == 2


def test_a_loss_that_is_not_finite_names_step_and_samples(tmp_path, monkeypatch):
    real = Loss.forward
    calls = iter(range(1000))

    def poisoned(self, prediction, truth):
        value = real(self, prediction, truth)
        # 3 steps and 3 batches of validation are the first epoch; then comes the fifth step.
        return value * float("nan") if next(calls) == 7 else value

    monkeypatch.setattr(Loss, "forward", poisoned)
    with pytest.raises(TrainingError, match=r"training loss nan .* epoch 2, step 5") as caught:
        run(tmp_path, "a")
    report = json.loads((tmp_path / "a" / "run" / "non_finite.json").read_text())
    assert report["step"] == 5
    assert len(report["samples"]) == 2
    assert all(name in str(caught.value) for name in report["samples"])
    assert not (tmp_path / "a" / "run" / "model.pt").exists()
    state = read_plain(tmp_path / "a" / "checkpoints" / "checkpoint.pt", "checkpoint")
    assert state["progress"]["step"] == 4
    assert all(t.isfinite().all() for t in state["model"].values())
    monkeypatch.undo()
    assert run(tmp_path, "a")["resumed_at"] == 4


def test_changed_settings_start_from_scratch_and_say_so(tmp_path, caplog):
    run(tmp_path, "a", epochs=1)
    with caplog.at_level(logging.WARNING, "segmill"):
        assert run(tmp_path, "a", epochs=1, batch_size=3)["resumed_at"] == 0
    assert "training.batch_size: 2 in the checkpoint, 3 now" in caplog.text
    assert run(tmp_path, "a", epochs=1, batch_size=3, read_ahead=1)["resumed_at"] == 3
    assert run(tmp_path, "a", resume=False, epochs=1, batch_size=3)["resumed_at"] == 0


def test_curves_of_a_resumed_run_have_no_step_twice(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    settings = {"epochs": 2, "tensorboard": True}
    run(tmp_path, "a", **settings)
    run(tmp_path, "a", **settings)
    curves = EventAccumulator(str(tmp_path / "a" / "run" / "tensorboard")).Reload()
    assert [e.step for e in curves.Scalars("loss/val")] == [1, 2]
    recorded = history(tmp_path, "a").query("phase == 'val'")["iou"]
    assert [e.value for e in curves.Scalars("iou/val")] == pytest.approx(recorded.tolist())


def test_pretrained_weights_are_where_a_training_starts(tmp_path):
    run(tmp_path, "a", epochs=1)
    given = str(tmp_path / "a" / "run" / "last.pt")
    frozen = {"kind": "constant", "rate": 0.0}
    run(tmp_path, "b", epochs=1, pretrained=given, schedule=frozen)
    first, second = load_model(given).model, load_model(tmp_path / "b" / "run" / "last.pt").model
    parameters = dict(second.named_parameters())
    assert all(torch.equal(p, parameters[name]) for name, p in first.named_parameters())
    wider = {"name": "unet_compressed", "options": {"widths": [8, 8]}}
    with pytest.raises(TrainingError, match=r"another network:\n  options\.dropout"):
        run(tmp_path, "c", epochs=1, pretrained=given, model=wider)


def test_all_that_does_not_fit_the_shards_is_named_at_once(tmp_path):
    train_store, validation_store = shards(tmp_path, levels=[1, 1])
    deep = {"name": "unet_compressed", "options": {"widths": [2] * 6}}
    config = TrainingConfig.from_dict(
        block(model=deep, loss={"name": "focal"}, curriculum={"threshold": 0.5})
    )
    with pytest.raises(ConfigError) as caught:
        check_data(config, train_store, validation_store)
    message = str(caught.value)
    for part in (
        "train.zarr: loss focal needs notions, found image, semantic, instances",
        "val.zarr: loss focal needs notions",
        "train.zarr: expected names of its notions in the attributes, found none",
        "network unet_compressed needs sizes that are multiples of 32, found 16x16",
        "a curriculum starts with level 0, found levels [1]",
    ):
        assert part in message, part


def test_values_have_no_iou_to_be_monitored(tmp_path):
    stores = shards(tmp_path)
    config = TrainingConfig.from_dict(
        block(loss={"name": "mse"}, early_stop={"monitor": "iou"}, curriculum={})
    )
    with pytest.raises(ConfigError) as caught:
        check_data(config, *stores)
    for key in ("keep_best", "early_stop.monitor", "curriculum"):
        assert f"  {key}: a network of values has no IoU" in str(caught.value)


def test_torch_is_left_as_it_was_found(tmp_path):
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    run(tmp_path, "a", epochs=1, threads=before[0] + 1)
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before
    assert torch.equal(torch.rand(3), expected)


def test_a_limit_on_threads_that_would_hang_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_THREAD_LIMIT", "1")
    with pytest.raises(ConfigError, match=r"OMP_THREAD_LIMIT: expected at least 2 .* found 1"):
        run(tmp_path, "a", threads=2)


def test_half_precision_with_another_layout_resumes_to_the_same_bits(tmp_path, monkeypatch):
    precision = {"dtype": "bf16", "channels_last": True}
    wide = {"name": "unet_compressed", "options": {"widths": [16, 16]}}
    settings = {"precision": precision, "model": wide, "epochs": 2, "clip_norm": 1.0}
    run(tmp_path, "a", **settings)

    class Dead(BaseException):
        pass

    def die(config, session, rows):
        raise Dead

    with monkeypatch.context() as patch:
        patch.setattr(loop, "finish_epoch", die)
        with pytest.raises(Dead):
            run(tmp_path, "b", **settings)
    assert run(tmp_path, "b", **settings)["resumed_at"] == 3
    one, two = (load_model(tmp_path / n / "run" / "last.pt").model.state_dict() for n in "ab")
    assert all(torch.equal(tensor, two[name]) for name, tensor in one.items())
    assert all(tensor.isfinite().all() for tensor in one.values())
