# ruff: noqa: F821
"""Add the numbers 0 .. steps-1, one every quarter of a second; SIGTERM writes a checkpoint."""

import json
import logging
import os
import signal
import sys
import time
from pathlib import Path

STEP_SECONDS = 0.25
logging.basicConfig(filename=snakemake.log[0], level=logging.INFO)
checkpoint = Path(snakemake.params.checkpoint)
state = {"step": 0, "total": 0}
if checkpoint.exists():
    state = json.loads(checkpoint.read_text())
devices = os.environ.get("CUDA_VISIBLE_DEVICES")
logging.info("job %s devices %s from step %d", os.environ["SLURM_JOB_ID"], devices, state["step"])
stop = False


def leave(*_):
    global stop
    stop = True


signal.signal(signal.SIGTERM, leave)
while state["step"] < snakemake.params.steps and not stop:
    time.sleep(STEP_SECONDS)
    state = {"step": state["step"] + 1, "total": state["total"] + state["step"]}
if stop:
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.write_text(json.dumps(state))
    logging.info("SIGTERM at step %d", state["step"])
    sys.exit(143)
Path(snakemake.output[0]).write_text(f"{state['total']}\n")
