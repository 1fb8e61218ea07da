"""A run that is stopped goes on where it was."""

import os
import re
import signal
import time

import pandas as pd
import pytest

from tests.slurm.project import TIMEOUT_SECONDS
from tests.workflow.project import PRESET, finish

pytestmark = pytest.mark.workflow

EPOCHS = 60
RUN = "cells/tiles/seed1"


def test_training_stopped_by_ctrl_c_goes_on_and_finishes(project):
    """Ctrl-C reaches Snakemake and the training at once, as both belong to the terminal."""
    training = "studies.cells.base.training"
    settings = f"set={training}.epochs={EPOCHS} {training}.early_stop=null"
    arguments = ("--cores", "2", *PRESET, settings, "--", f"results/runs/{RUN}/model.pt")
    log = f"logs/train/{RUN}.log"
    process = project.start(*arguments)
    end = time.monotonic() + TIMEOUT_SECONDS
    while f"epoch 3 of {EPOCHS}" not in project.read(log):
        assert process.poll() is None, finish(process)[1]
        assert time.monotonic() < end, project.read(log)
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    status, output = finish(process)
    assert status != 0, output
    assert not (project.folder / f"results/runs/{RUN}/model.pt").exists()

    output = project.make(*arguments[2:])  # no --unlock, no --rerun-incomplete
    assert "Training cells/tiles" in output
    resumed = re.search(r"resumed in epoch (\d+)", project.read(log))
    assert 3 <= int(resumed[1]) < EPOCHS
    history = pd.read_parquet(project.folder / f"results/runs/{RUN}/history.parquet")
    for _, phase in history.groupby("phase"):
        assert phase["epoch"].tolist() == list(range(1, EPOCHS + 1))
