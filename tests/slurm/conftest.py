"""One cluster for all Slurm tests of a run; they are skipped where none can be started."""

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.slurm.cluster import Cluster, missing_requirement
from tests.slurm.project import Project, copy_mini, environment


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


@pytest.fixture
def mini(cluster, tmp_path):
    """The three-job workflow in a folder of its own."""
    copy_mini(tmp_path / "project")
    return Project(tmp_path / "project", environment(cluster.environment))
