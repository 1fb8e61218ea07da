"""A copy of the repository in which `snakemake` is typed, and what it says it would do."""

import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.slurm.project import TIMEOUT_SECONDS, copy_repository

# One study is enough to watch the workflow; test_studies.py runs the others.
PRESET = ("--config", "preset=smoke", "studies=cells")


@dataclass(frozen=True)
class Plan:
    """A dry run: how many jobs of each rule (targets left out), and the message of each job."""

    jobs: dict[str, int]
    messages: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, output: str) -> "Plan":
        """Read what ``snakemake --dry-run`` prints; without jobs it must say so."""
        table = re.search(r"^Job stats:\njob +count\n[- ]+\n(.*?)\n\n", output, re.M | re.S)
        if table is None:
            assert "Nothing to be done" in output, output
            return cls({})
        rows = (line.rsplit(maxsplit=1) for line in table[1].splitlines())
        counted = {rule.strip(): int(count) for rule, count in rows}
        left_out = ("default", "all", "total", "data", "models", "tables", "figures")
        jobs = {rule: count for rule, count in counted.items() if rule not in left_out}
        return cls(jobs, re.findall(r"^Job \d+: (.*)$", output, re.M))

    def named(self, words: str) -> list[str]:
        """Messages that begin with some words, without these, sorted."""
        return sorted(m.removeprefix(words) for m in self.messages if m.startswith(words))


@dataclass(frozen=True)
class Project:
    """A copy of the repository whose jobs import its own library."""

    folder: Path

    @classmethod
    def clone(cls, folder: Path) -> "Project":
        """A fresh copy, without results."""
        copy_repository(folder)
        return cls(folder)

    def copy(self, folder: Path) -> "Project":
        """A copy with results, times of change and Snakemake's own notes."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Project(folder)

    def start(self, *arguments: str) -> subprocess.Popen:
        """Start ``snakemake ARGUMENTS`` in a process group of its own; its output is a pipe."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        own = {"PATH": path, "PYTHONPATH": str(self.folder), "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            ["snakemake", *arguments],
            cwd=self.folder,
            env={**os.environ, **own},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        """Exit status and output of ``snakemake ARGUMENTS``."""
        return finish(self.start(*arguments))

    def make(self, *arguments: str) -> str:
        """Output of ``snakemake ARGUMENTS`` with 2 cores, which must succeed."""
        status, output = self.run("--cores", "2", *arguments)
        assert status == 0, output
        return output

    def plan(self, *targets: str, changes: str = "") -> Plan:
        """What the smoke preset would do, with `changes` (``key=value ...``) of the settings."""
        given = (f"set={changes}",) if changes else ()
        status, output = self.run("--dry-run", *PRESET, *given, "--", *targets)
        assert status == 0, output
        return Plan.read(output)

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace text of a file, which must hold it once."""
        file = self.folder / path
        text = file.read_text()
        assert text.count(old) == 1, f"{path} holds {old!r} {text.count(old)} times"
        file.write_text(text.replace(old, new))

    def read(self, path: str) -> str:
        """Text of a file, empty where there is none (yet)."""
        file = self.folder / path
        return file.read_text() if file.exists() else ""


def finish(process: subprocess.Popen) -> tuple[int, str]:
    """Wait for a started command; its exit status and output. A hanging one is killed."""
    try:
        output, _ = process.communicate(timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    return process.returncode, output
