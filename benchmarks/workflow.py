"""What Snakemake costs: planning, its own share of a run, and a run with nothing to do.

Everything happens in a copy of the checkout. Planned is a study of 1000 experiments, by
``snakemake --dry-run``; its peer is a bare Snakefile with as many jobs of the same shape and no
configuration, planned in the same rounds. Then the preset is run: Snakemake's own share is that
part of the wall time during which none of its jobs was running, by the times that it keeps for each
of them. A second run, which must do nothing, is set against the first.

Usage: python benchmarks/workflow.py [--rounds 3] [--experiments 1000] [--preset smoke] [--cores 2]
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
PLANNING_TARGET = 20.0
SHARE_TARGET = 0.15
NOTHING_TARGET = 10.0
# As many rules between the data and the table of an experiment as Segmill has.
BARE = """\
N = {n}
rule all:
    input: "table.csv"
rule shards:
    output: "shards.txt"
    shell: "touch {{output}}"
rule train:
    input: "shards.txt"
    output: "runs/{{name}}.txt"
    shell: "touch {{output}}"
rule predict:
    input: "runs/{{name}}.txt"
    output: "predictions/{{name}}.txt"
    shell: "touch {{output}}"
rule evaluate:
    input: "predictions/{{name}}.txt"
    output: "metrics/{{name}}.txt"
    shell: "touch {{output}}"
rule table:
    input: expand("metrics/{{name}}.txt", name=range(N))
    output: "table.csv"
    shell: "touch {{output}}"
"""


def copy_checkout(folder: Path) -> Path:
    """Copy what git tracks, and new files that it does not ignore."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        source, target = ROOT / name, folder / name
        if source.exists() or source.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    return folder


def snakemake(folder: Path, *arguments: str) -> tuple[float, str]:
    """Wall time in seconds and output of ``snakemake ARGUMENTS``, which must succeed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    start = time.perf_counter()
    done = subprocess.run(
        ["snakemake", *arguments],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"snakemake {' '.join(arguments)} failed:\n{done.stdout}")
    return seconds, done.stdout


def write_study(checkout: Path, n: int) -> None:
    """Give the study `cells` `n` experiments and a table of all of them."""
    path = checkout / "config" / "studies" / "cells.yaml"
    study = yaml.safe_load(path.read_text())
    names = [f"experiment{k:04d}" for k in range(n)]
    table = next(iter(study["tables"].values()))
    column = {"column": "seg", "label": "SEG", "metric": "seg"}
    study["experiments"] = {
        name: {"training": {"batch_size": 1 + k % 8}} for k, name in enumerate(names)
    }
    rows = [{"row": name, "label": name, "experiment": name} for name in names]
    study["tables"] = {"main": {"title": table["title"], "columns": [column], "rows": rows}}
    study["figures"] = {}
    study["run"] = {"seeds": [1]}
    study["presets"] = {}
    path.write_text(yaml.safe_dump(study, sort_keys=False))


def planning(folder: Path, rounds: int, n: int) -> None:
    """Print the time to plan `n` experiments, and that of as many jobs of a bare Snakefile."""
    checkout = copy_checkout(folder / "planning")
    write_study(checkout, n)
    bare = folder / "bare"
    bare.mkdir()
    (bare / "Snakefile").write_text(BARE.format(n=n))
    seconds = {checkout: [], bare: []}
    for _ in range(rounds):
        for place, taken in seconds.items():
            took, output = snakemake(place, "--dry-run", "--quiet", "rules", "--cores", "1")
            assert f"train {n}" in " ".join(output.split()), output
            taken.append(took)
    own, peer = (statistics.median(taken) for taken in seconds.values())
    ratio = statistics.median(a / b for a, b in zip(*seconds.values(), strict=True))
    print(
        f"plan {n} experiments: {own:.1f} s (target {PLANNING_TARGET:.0f} s), "
        f"{ratio:.2f} times the {peer:.1f} s of a bare Snakefile with as many"
    )


def busy(checkout: Path) -> tuple[int, float]:
    """Number of jobs, and seconds during which at least one of them was running."""
    jobs: dict[str, list[dict]] = {}
    for path in (checkout / ".snakemake" / "metadata").rglob("*"):
        if path.is_file():  # one for each output; a job has one log
            record = json.loads(path.read_text())
            jobs.setdefault(record["log"][0], []).append(record)
    spans = [
        (min(r["starttime"] for r in records), max(r["endtime"] for r in records))
        for records in jobs.values()
    ]
    total, reached = 0.0, 0.0
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return len(jobs), total


def running(folder: Path, preset: str, cores: int) -> None:
    """Print Snakemake's own share of a run of a preset, and the time of a second run."""
    checkout = copy_checkout(folder / "running")
    arguments = ("--config", f"preset={preset}", "--cores", str(cores))
    wall, _ = snakemake(checkout, *arguments)
    jobs, inside = busy(checkout)
    idle = wall - inside
    print(
        f"preset {preset} on {cores} cores: {wall:.1f} s for {jobs} jobs; "
        f"none is running in {idle:.1f} s, {idle / wall:.1%} (target {SHARE_TARGET:.0%})"
    )
    again, output = snakemake(checkout, *arguments)
    assert "Nothing to be done" in output, output
    share = again / wall
    print(f"second run: {again:.1f} s (target {NOTHING_TARGET:.0f} s), {share:.1%} of the first")


def main() -> None:
    """Measure planning, a run and a second run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="of planning")
    parser.add_argument("--experiments", type=int, default=1000)
    parser.add_argument("--preset", default="smoke", help="smoke, demo or full")
    parser.add_argument("--cores", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        planning(Path(folder), arguments.rounds, arguments.experiments)
        running(Path(folder), arguments.preset, arguments.cores)


if __name__ == "__main__":
    main()
