"""What the profile promises when a job hits its limit, fails or is cancelled, on the real rules."""

import os
import re
import signal
import subprocess
import time

import pandas as pd
import pytest

from segmill import open_store
from segmill.errors import StoreError

pytestmark = pytest.mark.slurm

# The shipped profile looks every 15 s, which suits jobs of minutes.
QUICK = ("--profile", "slurm", "--slurm-init-seconds-before-status-checks", "5")
EPOCHS = 60


def wait_for(condition, seconds: float, what: str):
    """Poll until `condition()` is true and return its value; fail after `seconds`."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.1)
    return value


def processes(folder, script: str) -> list[int]:
    """Return the processes that run a script of the workflow for the clone in `folder`."""
    found = subprocess.run(
        ["pgrep", "-f", rf"{folder}/\.snakemake/scripts/\w+\.{script}"],
        capture_output=True,
        text=True,
        check=False,
    )
    return [int(pid) for pid in found.stdout.split()]


def test_training_killed_by_its_time_limit_resumes_and_finishes(project, cluster, new_jobs):
    """The training is held until Slurm's limit of one minute strikes: no speed is assumed."""
    run = "cells/vanilla_cl/seed1"
    log = f"logs/train/{run}.log"
    training = "studies.cells.base.training"
    # A checkpoint at every step: nothing depends on whether the limit's SIGTERM reaches a held job.
    settings = (
        f"{training}.epochs={EPOCHS} {training}.early_stop=null {training}.checkpoint_minutes=0.001"
    )
    process = project.start(
        *(*QUICK, "--config", "preset=smoke", f"set={settings}"),
        *("--", f"results/runs/{run}/model.pt"),
    )
    wait_for(lambda: f"epoch 3 of {EPOCHS}" in project.read(log), 300, "the third epoch")
    for pid in processes(project.folder, "train.py"):
        os.kill(pid, signal.SIGSTOP)
    cluster.limit(new_jobs()[-1].id, minutes=1)
    status, output = project.finish(process)
    assert status == 0, output

    trainings = [job for job in new_jobs() if job.rule == "train"]
    assert [job.state for job in trainings] == ["TIMEOUT", "COMPLETED"]
    assert {(job.partition, job.gres) for job in trainings} == {("gpu", "gres:gpu:1")}
    resumed = re.search(r"resumed in epoch (\d+)", project.read(log))
    assert 3 <= int(resumed[1]) < EPOCHS
    history = pd.read_parquet(project.folder / f"results/runs/{run}/history.parquet")
    for _, phase in history.groupby("phase"):
        assert phase["epoch"].tolist() == list(range(1, EPOCHS + 1))


def test_error_message_names_the_log_that_holds_the_cause(project, new_jobs):
    for folder in ("images", "masks"):
        (project.folder / "raw" / folder).mkdir(parents=True)
        (project.folder / "raw" / folder / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (project.folder / "config/datasets/torn.yaml").write_text(
        "reader: folder\n"
        "path: raw\n"
        "images: {pattern: images/*.png}\n"
        "masks: {pattern: masks/*.png}\n"
        "labels: {kind: instances}\n"
        "split: {rest: train}\n"
    )
    try:
        status, output = project.run(*QUICK, "--retries", "0", "results/stores/torn.parquet")
    finally:
        (project.folder / "config/datasets/torn.yaml").unlink()
    assert status != 0
    assert [(job.rule, job.state) for job in new_jobs()] == [("dataset", "FAILED")]
    error = output[output.index("Error in rule dataset") :]
    own, slurms = re.search(r"log: (\S+), (\S+) \(check log file", error).groups()
    assert own == "logs/stores/torn.log"
    assert "images/torn.png" in project.read(own)
    assert "images/torn.png" in error, "the default profile shows the end of failed logs"
    assert "Error in rule dataset" in project.read(slurms)


def test_cancelled_run_leaves_no_half_written_store(project, new_jobs):
    store = project.folder / "results/stores/synthetic_smoke.zarr"
    partial = store.with_name("synthetic_smoke.zarr.partial")
    target = ("--", "results/stores/synthetic_smoke.parquet")
    process = project.start(*QUICK, "--config", "set=datasets.synthetic_smoke.n=20000", *target)
    wait_for(partial.exists, 120, "the store to be begun")
    process.send_signal(signal.SIGINT)
    status, output = project.finish(process)
    assert status != 0, output
    wait_for(lambda: {job.state for job in new_jobs()} == {"CANCELLED"}, 60, "the end of the job")
    wait_for(lambda: not processes(project.folder, "store.py"), 60, "the end of its processes")
    assert not store.exists()
    with pytest.raises(StoreError, match="unfinished"):
        open_store(store)

    status, output = project.run(*QUICK, *target)
    assert status == 0, output
    open_store(store).verify()
    assert not partial.exists()
