"""A training that dies, for real, ends with the bits of one that does not."""

import multiprocessing
import random
import signal
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch

from segmill.models.bundle import read_plain
from segmill.progress import configure_logging
from tests.training import shards

# Dropout is on, the curriculum unlocks after the first epoch, a plateau lowers the rate, and the
# 4 steps of an epoch show 8 of 7 samples: everything that a resumed training could get wrong.
SETTINGS = {
    "steps_per_epoch": 4,
    "curriculum": {"threshold": 0.02, "mode": "join"},
    "schedule": {"kind": "plateau", "rate": 0.1, "patience": 1},
    "accumulate": 2,
}
# Only a hang lasts so long, on however busy a machine.
WAIT_S = 600


@pytest.fixture(scope="module")
def processes():
    # A server that has imported everything and forks: real processes without seconds of start-up.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.training.shards"])
    return context


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resume")
    summary = shards.run(folder, "whole", **SETTINGS)
    assert summary["resumed_at"] == 0
    return folder


def work(folder: Path, name: str, settings: dict) -> None:
    configure_logging(folder / f"{name}.log")
    sys.exit(0 if shards.run(folder, name, **settings)["stopped"] else 1)


def start(processes, folder: Path, name: str, settings: dict):
    # A daemon, so that a test that fails leaves no training behind.
    process = processes.Process(target=work, args=(folder, name, settings), daemon=True)
    process.start()
    return process


def wait_for_next_checkpoint(process, path: Path) -> bool:
    """Wait until a checkpoint is newer than now; False where the process ended instead."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    limit = time.monotonic() + WAIT_S
    while process.is_alive():
        if path.exists() and path.stat().st_mtime_ns > before:
            return True
        assert time.monotonic() < limit, "no checkpoint"
        time.sleep(0.001)
    return False


def tensors(run: Path) -> dict[str, torch.Tensor]:
    """All weights of all files of a run, by name."""
    models = {file: read_plain(run / file, "a model") for file in ("model.pt", "last.pt")}
    groups = {
        (file, content["notes"]["epoch"]): content["weights"] for file, content in models.items()
    }
    groups |= {("snapshot", e): w for e, w in read_plain(run / "snapshots.pt", "snapshots").items()}
    return {
        f"{group} {name}": t for group, weights in groups.items() for name, t in weights.items()
    }


def assert_same_run(folder: Path, name: str) -> None:
    whole, resumed = folder / "whole" / "run", folder / name / "run"
    expected, found = tensors(whole), tensors(resumed)
    assert expected.keys() == found.keys()
    assert [key for key, t in expected.items() if not torch.equal(t, found[key])] == []
    tables = [pd.read_parquet(run / "history.parquet") for run in (whole, resumed)]
    pd.testing.assert_frame_equal(*[t.drop(columns="seconds") for t in tables], check_exact=True)
    assert set(tables[0]["level"]) == {0, 1}
    assert tables[0]["lr"].nunique() > 1


def test_killed_at_random_moments(processes, undisturbed):
    moments = random.Random(0)
    checkpoint = undisturbed / "killed" / "checkpoints" / "checkpoint.pt"
    kills = 0
    for _ in range(40):
        process = start(processes, undisturbed, "killed", SETTINGS)
        # The more often it was killed, the longer it may live: so it ends.
        for _ in range(1 + 2 * kills):
            wait_for_next_checkpoint(process, checkpoint)
        process.join(moments.uniform(0, 0.05))
        if process.is_alive():
            process.kill()
            process.join(WAIT_S)
            kills += process.exitcode == -signal.SIGKILL
            continue
        if process.exitcode == 0:
            break
    assert process.exitcode == 0
    assert kills >= 4
    assert_same_run(undisturbed, "killed")
    assert not list((undisturbed / "killed").rglob("*.tmp"))


def test_sigterm_saves_the_step_and_exits_with_its_code(processes, undisturbed):
    # No checkpoint is due but the one that the signal asks for.
    settings = {**SETTINGS, "checkpoint_minutes": 1000}
    name = "terminated"
    process = start(processes, undisturbed, name, settings)
    log = undisturbed / f"{name}.log"
    limit = time.monotonic() + WAIT_S
    while "epoch 2 of" not in (log.read_text() if log.exists() else ""):
        assert time.monotonic() < limit
        time.sleep(0.001)
    process.terminate()
    process.join(WAIT_S)
    assert process.exitcode == 128 + signal.SIGTERM
    assert (undisturbed / name / "checkpoints" / "checkpoint.pt").exists()
    assert not (undisturbed / name / "run" / "model.pt").exists()
    assert shards.run(undisturbed, name, **settings)["resumed_at"] >= 8
    assert_same_run(undisturbed, name)


def test_a_finished_training_is_written_again_from_its_checkpoint(undisturbed):
    run = undisturbed / "whole" / "run"
    before = tensors(run)
    for path in [p for p in run.iterdir() if p.is_file()]:
        path.unlink()
    assert shards.run(undisturbed, "whole", **SETTINGS)["resumed_at"] == 16
    after = tensors(run)
    assert before.keys() == after.keys()
    assert all(torch.equal(tensor, after[key]) for key, tensor in before.items())
