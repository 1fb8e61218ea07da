"""The smoke preset on the cluster, by the shipped profile and the command that users type."""

import pandas as pd
import pytest

from segmill import open_store

pytestmark = pytest.mark.slurm

GPU_RULES = {"train", "prediction", "robustness", "latency"}
# Two studies have every kind of job.
COMMAND = ("--profile", "slurm", "--config", "preset=smoke", "studies=[cells,beamline]")


@pytest.fixture(scope="module")
def smoke(project, cluster):
    """Return the jobs of the run."""
    before = {job.id for job in cluster.jobs()}
    status, output = project.run(*COMMAND)
    assert status == 0, output
    return [job for job in cluster.jobs() if job.id not in before]


def test_every_job_succeeds_at_once(smoke):
    assert {job.state for job in smoke} == {"COMPLETED"}
    assert len({job.comment for job in smoke}) == len(smoke)


def test_gpu_rules_alone_land_in_the_gpu_partition(smoke):
    placed = {job.rule: (job.partition, job.gres) for job in smoke}
    assert placed.keys() > GPU_RULES
    assert placed == {
        rule: ("gpu", "gres:gpu:1") if rule in GPU_RULES else ("cpu", "N/A") for rule in placed
    }


def test_tables_figures_and_report_are_made_on_the_login_node(smoke):
    assert not {job.rule for job in smoke} & {"table", "figure", "report", "download"}


def test_all_outputs_exist(smoke, project):
    status, output = project.run(*COMMAND, "--dry-run")
    assert status == 0
    assert "Nothing to be done" in output
    assert "<html" in project.read("results/report/index.html")
    assert len(pd.read_csv(project.folder / "results/tables/cells/main.csv")) > 0
    stores = sorted((project.folder / "results").rglob("*.zarr"))
    assert len(stores) >= 6, "dataset, shards, classical labels, predictions"
    for store in stores:
        open_store(store).verify()


def test_slurm_logs_of_successful_jobs_are_removed_and_rules_keep_theirs(smoke, project):
    assert not list((project.folder / ".snakemake/slurm_logs").rglob("*.log"))
    assert "epoch 4 of 4" in project.read("logs/train/cells/vanilla_cl/seed1.log")
