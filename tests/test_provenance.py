"""The digest of code: it changes with code that a result depends on, not with words about it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from segmill.provenance import code_hash, git_commit, registered, versions

PACKAGE = Path(__file__).parents[1] / "segmill"


@pytest.fixture
def package(tmp_path):
    """A copy of the library, and its digests as a fresh process computes them."""
    shutil.copytree(PACKAGE, tmp_path / "segmill", ignore=shutil.ignore_patterns("__pycache__"))

    def digests(*modules):
        code = (
            "import sys; sys.path.insert(0, sys.argv[1]);"
            "from segmill.provenance import code_hash;"
            "print(*[code_hash(name) for name in sys.argv[2:]])"
        )
        command = [sys.executable, "-c", code, str(tmp_path), *modules]
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path)
        return done.stdout.split()

    return tmp_path / "segmill", digests


def test_words_change_no_digest_and_code_changes_those_that_import_it(package):
    folder, digests = package
    modules = ("segmill.store", "segmill.config")
    before = digests(*modules)
    hashing = folder / "store" / "hashing.py"
    hashing.write_text(
        "# a comment\n" + hashing.read_text().replace('"""Digest of', '"""A digest of')
    )
    assert digests(*modules) == before
    hashing.write_text(hashing.read_text().replace("digest_size=16", "digest_size=12"))
    after = digests(*modules)
    assert after[0] != before[0]
    assert after[1] == before[1]


def test_a_module_reaches_what_it_imports_at_any_depth(package):
    folder, digests = package
    before = digests("segmill.store.staging")
    random = folder / "errors.py"  # imported by plan, which staging imports
    random.write_text(random.read_text() + "\nEXTRA = 1\n")
    assert digests("segmill.store.staging") != before


def test_a_new_module_beside_others_changes_nothing_for_them(package):
    folder, digests = package
    before = digests("segmill.models", "segmill.datasets.*")
    init = folder / "models" / "__init__.py"
    init.write_text(init.read_text() + "\nfrom segmill.errors import SegmillError\n")
    (folder / "datasets" / "readers" / "new.py").write_text("FORMAT = 1\n")
    after = digests("segmill.models", "segmill.datasets.*")
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_alternatives_are_left_out_with_what_only_they_import():
    networks = registered("segmill.models")
    assert networks["unet"] == "segmill.models.unet"
    everything = code_hash("segmill.models")
    others = set(networks.values()) - {"segmill.models.unet"}
    assert code_hash("segmill.models", without=others) != everything
    assert code_hash("segmill.models", without=[]) == everything


def test_digests_differ_between_modules_and_an_unknown_one_is_named():
    assert code_hash("segmill.store") == code_hash("segmill.store")
    assert code_hash("segmill.store") != code_hash("segmill.config")
    with pytest.raises(ModuleNotFoundError, match=r"segmill\.stores"):
        code_hash("segmill.stores")


def test_versions_and_commit_are_words():
    assert versions()["python"].startswith(f"{sys.version_info.major}.{sys.version_info.minor}")
    assert set(versions()) >= {"numpy", "torch", "zarr", "segmill"}
    assert git_commit(Path("/")) == "unknown"
