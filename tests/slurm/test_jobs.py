"""What the Slurm profile promises: GPU placement, resumption, findable logs, clean cancelling.

Run on a workflow of three jobs that takes its resources from the shipped profile, so that each
promise is tested in a minute; test_smoke.py runs the real workflow.
"""

import json
import re
import signal
import time

import pytest

from segmill import open_store
from segmill.errors import StoreError

pytestmark = pytest.mark.slurm

# The shipped profile looks every 15 s, which suits jobs of minutes.
QUICK = ("--profile", "slurm", "--slurm-init-seconds-before-status-checks", "3")


@pytest.fixture
def jobs_of_this_test(cluster):
    """Return the jobs submitted since the test began, oldest first."""
    before = {job.id for job in cluster.jobs()}
    return lambda: [job for job in cluster.jobs() if job.id not in before]


def wait_for(condition, seconds: float, what: str) -> None:
    """Poll until `condition()`; fail after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.2)


def test_only_the_training_lands_in_the_gpu_partition(mini, jobs_of_this_test):
    status, output = mini.run(*QUICK)
    assert status == 0, output
    placed = {job.rule: (job.state, job.partition, job.gres) for job in jobs_of_this_test()}
    assert placed == {
        "rule_store": ("COMPLETED", "cpu", "N/A"),
        "rule_train": ("COMPLETED", "gpu", "gres:gpu:1"),
        "rule_measure": ("COMPLETED", "cpu", "N/A"),
    }
    assert "devices 0 from step 0" in mini.read("logs/train.log")


def test_training_killed_by_its_time_limit_resumes_and_finishes(mini, jobs_of_this_test):
    steps = 440  # 110 s of work in a job that may take one minute
    status, output = mini.run(*QUICK, "--config", f"steps={steps}", "--until", "train")
    assert status == 0, output
    trainings = [job.state for job in jobs_of_this_test() if job.rule == "rule_train"]
    assert trainings == ["TIMEOUT", "COMPLETED"]
    assert {job.gres for job in jobs_of_this_test() if job.rule == "rule_train"} == {"gres:gpu:1"}
    stopped = json.loads(mini.read("results/checkpoints/mini.json"))["step"]
    assert stopped > 100
    assert f"from step {stopped}\n" in mini.read("logs/train.log")
    assert int(mini.read("results/runs/mini.txt")) == sum(range(steps))


def test_error_message_names_the_log_that_holds_the_cause(mini, jobs_of_this_test):
    status, output = mini.run(*QUICK, "--retries", "1", "--config", "reference=absent.parquet")
    assert status != 0
    measures = [job.state for job in jobs_of_this_test() if job.rule == "rule_measure"]
    assert measures == ["FAILED", "FAILED"]
    error = output[output.index("Error in rule measure") :]
    logs = re.search(r"log: (\S+), (\S+) \(check log file", error)
    assert logs[1] == "logs/measure.log"
    cause = "No such file or directory: 'absent.parquet'"
    assert cause in mini.read(logs[1])
    assert "rule_measure" in logs[2]
    assert "Error in rule measure" in (mini.folder / logs[2]).read_text()
    assert cause in error, "the profile shows failed logs in the message itself"


@pytest.mark.parametrize("wanted", [signal.SIGINT])
def test_cancelled_run_leaves_no_half_written_store(mini, jobs_of_this_test, wanted):
    """Interrupted within the store's job; the rerun makes the whole store."""
    store = mini.folder / "results/stores/mini.zarr"
    partial = store.with_name("mini.zarr.partial")
    process = mini.start(*QUICK, "--config", "seconds_per_sample=1", "--until", "store")
    wait_for(lambda: list(partial.glob("image/c/*")), 60, "the first shard")
    process.send_signal(wanted)
    assert process.wait(60) != 0
    wait_for(
        lambda: {job.state for job in jobs_of_this_test()} == {"CANCELLED"}, 60, "the cancelled job"
    )
    assert not store.exists()
    with pytest.raises(StoreError, match="unfinished"):
        open_store(store)

    status, output = mini.run(*QUICK, "--until", "store")
    assert status == 0, output
    open_store(store).verify()
    assert not partial.exists()
