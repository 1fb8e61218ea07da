"""The test cluster itself: partitions, GPU resource, time limits, no daemon left behind."""

import subprocess

import pytest

from tests.slurm.cluster import Cluster

pytestmark = pytest.mark.slurm


@pytest.mark.parametrize(
    ("options", "partition", "gres"),
    [
        (["--partition=cpu"], "cpu", "N/A"),
        (["--partition=gpu", "--gres=gpu:1"], "gpu", "gres:gpu:1"),
    ],
)
def test_partition_runs_a_job(cluster, options, partition, gres):
    job_id = cluster.submit(*options, command="echo devices=$CUDA_VISIBLE_DEVICES")
    job = cluster.wait(job_id)
    log = (cluster.folder / f"job-{job_id}.log").read_text()
    assert (job.state, job.partition, job.gres) == ("COMPLETED", partition, gres), log
    assert log == ("devices=0\n" if partition == "gpu" else "devices=\n")


def test_more_gpus_than_the_node_has_are_refused(cluster):
    with pytest.raises(RuntimeError, match="Requested node configuration is not available"):
        cluster.submit("--partition=gpu", "--gres=gpu:2", command="true")


def test_failing_job_is_recorded_as_failed(cluster):
    assert cluster.wait(cluster.submit(command="exit 3")).state == "FAILED"


def test_start_failure_shows_the_daemons_words(slurm_installed, tmp_path):
    broken = Cluster(tmp_path / "broken")
    with pytest.raises(RuntimeError, match=r"daemon ended.*munge"), broken:
        pass
    assert subprocess.run(["pgrep", "-f", str(broken.folder)], check=False).returncode == 1
