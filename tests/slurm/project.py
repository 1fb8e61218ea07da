"""A copy of the repository, as a clone has it, in which `snakemake` is typed."""

import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Long enough for the slowest test on a busy machine; a hanging run fails instead of blocking all.
TIMEOUT_SECONDS = 900


@dataclass(frozen=True)
class Project:
    """A working directory and the environment in which its commands find Python and Slurm."""

    folder: Path
    environment: dict[str, str]

    def start(self, *arguments: str) -> subprocess.Popen:
        """Start ``snakemake ARGUMENTS``; what it prints goes to a file."""
        with self._output.open("w") as output:
            return subprocess.Popen(
                ["snakemake", *arguments],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # A shell starts its background jobs deaf to SIGINT, and children inherit that.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )

    def run(self, *arguments: str) -> tuple[int, str]:
        """Return exit status and output of ``snakemake ARGUMENTS``."""
        return self.finish(self.start(*arguments))

    def finish(self, process: subprocess.Popen) -> tuple[int, str]:
        """Wait for a started command; return its exit status and output."""
        try:
            status = process.wait(TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        return status, self.output()

    def output(self) -> str:
        """Return what the last command has printed so far."""
        return self._output.read_text()

    def read(self, path: str) -> str:
        """Return the text of a file of the project, empty where there is none (yet)."""
        file = self.folder / path
        return file.read_text() if file.exists() else ""

    @property
    def _output(self) -> Path:
        return self.folder.with_suffix(".output")


def environment(base: dict[str, str], folder: Path) -> dict[str, str]:
    """Return `base` with the Python that runs the tests, and the library of the clone, first."""
    path = f"{Path(sys.executable).parent}:{base['PATH']}"
    return base | {"PATH": path, "PYTHONPATH": str(folder)}


def copy_repository(folder: Path) -> None:
    """Copy what git tracks, and new files that it does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        source, target = ROOT / name, folder / name
        if source.exists() or source.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
