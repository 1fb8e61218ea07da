"""A copy of the repository, or of a workflow made for a test, in which `snakemake` is typed."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Long enough for the slowest test; a hanging run fails instead of blocking the suite.
TIMEOUT_SECONDS = 400


@dataclass(frozen=True)
class Project:
    """A working directory and the environment in which its commands find Python and Slurm."""

    folder: Path
    environment: dict[str, str]

    def start(self, *arguments: str) -> subprocess.Popen:
        """Start ``snakemake ARGUMENTS`` with its whole output in ``output.txt``."""
        with self._output.open("w") as output:
            return subprocess.Popen(
                ["snakemake", *arguments],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def run(self, *arguments: str) -> tuple[int, str]:
        """Return exit status and output of ``snakemake ARGUMENTS``."""
        process = self.start(*arguments)
        try:
            status = process.wait(TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        return status, self.output()

    def output(self) -> str:
        """Return what the last command has written so far."""
        return self._output.read_text()

    def read(self, path: str) -> str:
        """Return the text of a file of the project."""
        return (self.folder / path).read_text()

    @property
    def _output(self) -> Path:
        return self.folder / "output.txt"


def environment(base: dict[str, str]) -> dict[str, str]:
    """Return `base` with the Python that runs the tests first on the path."""
    return base | {"PATH": f"{Path(sys.executable).parent}:{base['PATH']}"}


def copy_repository(folder: Path) -> None:
    """Copy what git tracks, and new files that it does not ignore, as a fresh clone has them."""
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


def copy_mini(folder: Path) -> None:
    """Copy the three-job workflow of this folder together with the shipped profiles."""
    shutil.copytree(ROOT / "tests/slurm/mini", folder)
    shutil.copytree(ROOT / "workflow/profiles", folder / "workflow/profiles")
    for link in ("profiles", "slurm"):
        (folder / link).symlink_to((ROOT / link).readlink())
