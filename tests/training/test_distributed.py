"""Two real processes on one CPU, started by torchrun."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from segmill.errors import ConfigError
from segmill.models.bundle import load_model
from segmill.training.distributed import Processes
from tests.training import shards

ROOT = Path(__file__).parents[2]
# Group normalisation: a batch's statistics would be those of each process's share. SGD: Adam would
# blow up the rounding of gradients that are zero, as those of biases before a normalisation.
SETTINGS = {
    "model": {"name": "unet_compressed", "options": {"widths": [4, 4], "norm": "group"}},
    "batch_size": 4,
    "epochs": 2,
    "optimizer": {"name": "sgd", "options": {"momentum": 0.9}},
    "schedule": {"kind": "constant", "rate": 0.1},
    "curriculum": {"threshold": 0.02},
    "loss": {"name": "cross_entropy"},
    "timeout_minutes": 0.5,
}


def torchrun(folder: Path, name: str, program: list[str], settings: dict):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    return subprocess.run(
        [*command, *program, str(folder), name, yaml.safe_dump(settings)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


def test_two_processes_train_as_one(tmp_path):
    shards.run(tmp_path, "one", **SETTINGS)
    done = torchrun(tmp_path, "two", ["-m", "tests.training.shards"], SETTINGS)
    assert done.returncode == 0, done.stderr
    one, two = (
        load_model(tmp_path / name / "run" / "last.pt").model.state_dict()
        for name in ("one", "two")
    )
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=1e-4, atol=1e-5)
    first, second = (
        pd.read_parquet(tmp_path / name / "run" / "history.parquet") for name in ("one", "two")
    )
    exact = ["epoch", "step", "phase", "lr", "level", "samples"]
    pd.testing.assert_frame_equal(second[exact], first[exact])
    np.testing.assert_allclose(second["loss"], first["loss"], rtol=1e-4)
    # Rounding decides the class of pixels whose logits are almost equal.
    np.testing.assert_allclose(second["iou"], first["iou"], atol=0.02)
    assert second["level"].tolist() == [0, 0, 1, 1]
    assert second["samples"].tolist() == [12, 5] * 2


def test_where_one_process_dies_the_other_does_not_wait(tmp_path):
    shards.shards(tmp_path)
    program = tmp_path / "dying.py"
    program.write_text(
        "import os, runpy, segmill.training.loop as loop\n"
        "real = loop.validate\n"
        "def validate(*arguments):\n"
        "    if os.environ['RANK'] == '1':\n"
        "        os._exit(9)\n"
        "    return real(*arguments)\n"
        "loop.validate = validate\n"
        "runpy.run_module('tests.training.shards', run_name='__main__')\n"
    )
    done = torchrun(tmp_path, "dead", [str(program)], SETTINGS)
    assert done.returncode != 0
    assert "exitcode  : 9" in done.stderr
    assert (tmp_path / "dead" / "checkpoints" / "checkpoint.pt").exists()
    assert not (tmp_path / "dead" / "run" / "model.pt").exists()


def test_shares_are_fair_and_in_order():
    samples = np.arange(7)
    shares = [Processes(rank, 3).share(samples) for rank in range(3)]
    assert np.concatenate(shares).tolist() == samples.tolist()
    assert [len(s) for s in shares] == [3, 2, 2]
    with pytest.raises(ConfigError, match="at least one sample for each of 3 processes, found 2"):
        Processes(0, 3).check(2)
