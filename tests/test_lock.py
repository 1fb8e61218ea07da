"""The lock files pin what pyproject.toml asks for."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins(name: str) -> dict[str, Version]:
    """Return version by canonical package name of a lock file; a line that pins nothing fails."""
    found = {}
    for line in (ROOT / name).read_text().splitlines():
        if line.startswith(("#", "-r ")):
            continue
        match = re.fullmatch(r"([A-Za-z0-9._-]+)==([^+\s]+)", line)
        assert match, f"{name}: expected NAME==VERSION without a local build tag, found {line!r}"
        assert canonicalize_name(match[1]) not in found, f"{name}: {match[1]} is pinned twice"
        found[canonicalize_name(match[1])] = Version(match[2])
    return found


def unmet(requirements: list[str], pinned: dict[str, Version]) -> list[str]:
    """Return the requirements that no pin satisfies."""
    parsed = [Requirement(text) for text in requirements]
    return [
        str(requirement)
        for requirement in parsed
        if (version := pinned.get(canonicalize_name(requirement.name))) is None
        or version not in requirement.specifier
    ]


def test_lock_satisfies_dependencies():
    assert unmet(PROJECT["dependencies"], pins("requirements.lock")) == []


def test_dev_lock_satisfies_dev_dependencies():
    both = pins("requirements.lock") | pins("requirements-dev.lock")
    assert unmet(PROJECT["optional-dependencies"]["dev"], both) == []


def test_lock_has_the_build_backend():
    """The package is installed without build isolation, with the setuptools of the lock."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert unmet(build, pins("requirements.lock")) == []


def test_locks_are_disjoint():
    assert pins("requirements.lock").keys() & pins("requirements-dev.lock").keys() == set()


@pytest.mark.parametrize("pinned", [{}, {"torch": Version("1.0")}])
def test_unmet_names_missing_and_outdated(pinned):
    assert unmet(["torch==2.13.0"], pinned) == ["torch==2.13.0"]


# Where conda-forge has another name; Snakemake itself runs outside its environments.
CONDA_NAMES = {
    "opencv-python-headless": "py-opencv",
    "torch": "pytorch-{kind}",
    "xxhash": "python-xxhash",
}


@pytest.mark.parametrize("kind", ["cpu", "gpu"])
def test_conda_environments_have_the_same_bounds(kind):
    listed = yaml.safe_load((ROOT / "envs" / f"{kind}.yaml").read_text())["dependencies"]
    wanted = [
        requirement
        for requirement in map(Requirement, PROJECT["dependencies"])
        if not requirement.name.startswith("snakemake")
    ]
    found = {name: set(bounds.split(",")) for name, _, bounds in (d.partition(" ") for d in listed)}
    for requirement in wanted:
        name = CONDA_NAMES.get(requirement.name, requirement.name).format(kind=kind)
        assert found[name] == set(map(str, requirement.specifier)), name
