"""The smoke preset, run once for all tests of this folder, also where several workers run them."""

import fcntl
import os

import pytest

from tests.workflow.project import PRESET, Project


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Project:
    """A clone after ``snakemake --config preset=smoke``; tests copy it before they change it."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # shared by the workers
    folder = base / "finished"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.with_suffix(".done").exists():
            return Project(folder)
        assert not folder.exists(), "the run of the smoke preset failed in another worker"
        project = Project.clone(folder)
        folder.with_suffix(".output").write_text(project.make(*PRESET))
        folder.with_suffix(".done").touch()
        return project


@pytest.fixture
def project(finished, tmp_path) -> Project:
    """The finished project, to be changed."""
    return finished.copy(tmp_path / "project")


@pytest.fixture
def clone(tmp_path) -> Project:
    """A fresh clone, without results."""
    return Project.clone(tmp_path / "clone")
