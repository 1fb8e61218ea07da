"""Logs of as many alignments as the beamline's: planned whole, and one of their parts read.

A table names 73 301 alignments of 65 frames: a movie, the goniometer's and the camera's HDF5 log
and the log of settings each, hard links to a few small files. The store of all frames is planned
with every log read and no movie decoded, then one of 150 parts is filled; both in a process of its
own, so that its peak memory is known. The same is done with a tenth of the alignments in a tenth of
the parts. What a part takes must not depend on the number of alignments; what planning takes may
grow by the row.

Usage: python benchmarks/alignment_logs.py [--alignments 73301] [--parts 150] [--folder DIR]
"""

import argparse
import json
import os
import tempfile
from pathlib import Path

import av
import h5py
import numpy as np
import pandas as pd
from _ingestion_cost import TITLES, fill_middle_part, in_a_process, line, measured, plan

SIZE = (48, 64)
FRAMES = 65
# A file system allows only so many links of one file (ext4: 65 000).
FILES = 16
PER_FOLDER = 1000
# Small shards, so that small images have as many of them as large ones.
SHARD_MIB = 8
ENDS = ("_movie.mp4", "_goniometer.h5", "_sample_view_lean.h5", ".log")
SETTINGS = """\
{'beam_position_horizontal': 32.0,
 'beam_position_vertical': 24.0,
 'calibration': array([0.00095009, 0.00095009]),
 'position': {'Kappa': 0.0,
              'Omega': %.5f},
 'zoom': %d}"""


def write_alignment(stem: Path, k: int) -> None:
    """A movie with its logs, as the instrument writes them, of few pixels."""
    rng = np.random.default_rng(k)
    scene = np.kron(rng.integers(0, 256, (6, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    with av.open(f"{stem}_movie.mp4", "w") as container:
        stream = container.add_stream("libx264", rate=15)
        stream.width, stream.height, stream.pix_fmt = SIZE[1], SIZE[0], "yuv420p"
        for i in range(FRAMES):
            picture = av.VideoFrame.from_ndarray(np.roll(scene, i, axis=1), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    times = 1000 + np.linspace(-0.1, FRAMES / 15, 120)
    omega = (20 * k + 100 * (times - 1000)) % 360
    values = np.zeros((len(times), 9))
    values[:, 8] = omega
    with h5py.File(f"{stem}_goniometer.h5", "w") as file:
        file["timestamps"], file["values"] = np.stack([times, times * 1000], axis=1), values
    with h5py.File(f"{stem}_sample_view_lean.h5", "w") as file:
        file["history_timestamps"] = 1000 + np.arange(FRAMES) / 15
    Path(f"{stem}.log").write_text(SETTINGS % (omega[-1], k % 10 + 1))


def generate(folder: Path, alignments: int) -> None:
    """Movies and logs, their links, and ``index.parquet``."""
    (folder / "files").mkdir(parents=True)
    for k in range(FILES):
        write_alignment(folder / "files" / str(k), k)
    stems = []
    for i in range(alignments):
        place = f"{i // PER_FOLDER:04d}"
        if i % PER_FOLDER == 0:
            (folder / place).mkdir()
        stems.append(f"{place}/alignment_{i:06d}")
        for end in ENDS:
            os.link(folder / "files" / f"{i % FILES}{end}", folder / f"{stems[-1]}{end}")
    movies = [f"{stem}_movie.mp4" for stem in stems]
    mounts = [f"mount_{i // 3}" for i in range(alignments)]
    pd.DataFrame({"movie": movies, "group": mounts}).to_parquet(folder / "index.parquet")


def configuration(check: str) -> dict:
    """The dataset."""
    return {
        "name": "alignments",
        "reader": "video",
        "video": {
            "index": "index.parquet",
            "suffix": "_movie",
            "frames": "all",
            "check": check,
        },
        "split": {"fractions": {"train": 0.8, "val": 0.1, "test": 0.1}},
        "shard_mib": SHARD_MIB,
    }


def measure(stage: str, folder: Path, parts: int) -> dict:
    """Time and memory of one stage, which is all that this process does."""
    if stage == "part":
        return measured(lambda: fill_middle_part(configuration("names"), folder, parts))
    return measured(lambda: plan(configuration(stage), folder))


def main() -> None:
    """Generate, measure in processes, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alignments", type=int, default=73_301)
    parser.add_argument("--parts", type=int, default=150)
    parser.add_argument("--folder", type=Path, help="where to generate, a temporary folder if not")
    parser.add_argument("--check", choices=("names", "headers"), default="names")
    parser.add_argument("--stage", choices=("names", "headers", "part"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stage:
        print(json.dumps(measure(options.stage, options.folder, options.parts)))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        report(Path(name), options.alignments, options.parts, options.check)


def report(folder: Path, alignments: int, parts: int, check: str) -> None:
    """Both sizes, and their ratios."""
    found: dict[str, list[dict]] = {stage: [] for stage in (check, "part")}
    print(f"{'stage':<8}{'alignments':>11}{TITLES}")
    for share in (10, 1):
        place = folder / f"logs_{share}"
        generate(place, alignments // share)
        for stage, results in found.items():
            results.append(in_a_process(__file__, stage, place, max(1, parts // share)))
            title = "part" if stage == "part" else "plan"
            print(f"{title:<8}{alignments // share:>11}{line(results[-1])}", flush=True)
    for stage, (small, large) in found.items():
        title = "part" if stage == "part" else "plan"
        grown = large["peak_mib"] - small["peak_mib"]
        ratio = large["seconds"] / small["seconds"]
        print(f"{title}: ten times the alignments, {grown:+.0f} MiB, {ratio:.1f} x the time")


if __name__ == "__main__":
    main()
