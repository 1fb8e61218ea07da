"""One cluster and one clone for all Slurm tests; skipped where no cluster can be started."""

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.slurm.cluster import Cluster, missing_requirement
from tests.slurm.project import Project, copy_repository, environment


@pytest.fixture(scope="session")
def slurm_installed():
    """Skip where no cluster can be started."""
    reason = missing_requirement()
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def cluster(slurm_installed):
    # pytest's own temporary folders are closed to other users, and munged runs as one.
    folder = Path(tempfile.mkdtemp(prefix="segmill-slurm-"))
    with Cluster(folder) as started:
        yield started
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def project(cluster, tmp_path_factory):
    """A clone; what one test has made there, the next need not make again."""
    folder = tmp_path_factory.mktemp("clone")
    copy_repository(folder)
    return Project(folder, environment(cluster.environment, folder))


@pytest.fixture
def new_jobs(cluster):
    """Return the jobs submitted since the test began, oldest first."""
    before = {job.id for job in cluster.jobs()}
    return lambda: [job for job in cluster.jobs() if job.id not in before]
