"""A log of as many clicks as the beamline's: planned whole, and one of its parts read.

A table names 525 312 images with a click each, hard links to a few small JPEG files, in folders of
1000. The store is planned with the header of every image read, then one of 150 parts is filled;
both in a process of its own, so that its peak memory is known. The same is done with a tenth of the
clicks in a tenth of the parts. What a part takes must not depend on the length of the log; what
planning takes may grow by the row, and is compared with pandas, which only reads the table. Filling
is compared with OpenCV, which only decodes the same images.

Usage: python benchmarks/click_logs.py [--clicks 525312] [--parts 150] [--folder DIR]
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from _ingestion_cost import TITLES, fill_middle_part, in_a_process, line, measured, plan
from skimage import data

SIZE = (64, 80)
FILES = 64
PER_FOLDER = 1000
# Small shards, so that small images have as many of them as large ones.
SHARD_MIB = 8
# Threads of the writer make the peak of a part differ by a tenth from run to run.
ROUNDS = 3


def generate(folder: Path, clicks: int) -> None:
    """Images, their links, and ``log.csv``."""
    rng = np.random.default_rng(0)
    photograph = data.astronaut()
    (folder / "files").mkdir(parents=True)
    for k in range(FILES):
        y, x = (rng.integers(0, side - edge) for side, edge in zip((512, 512), SIZE, strict=True))
        crop = photograph[y : y + SIZE[0], x : x + SIZE[1], ::-1]
        cv2.imwrite(str(folder / "files" / f"{k}.jpg"), crop)
    names = []
    for i in range(clicks):
        if i % PER_FOLDER == 0:
            (folder / "images" / f"{i // PER_FOLDER:04d}").mkdir(parents=True)
        name = f"{i:06d}_Fri_Jul_12_21:33:25_2019_double_click_zoom_{i % 10 + 1}.jpg"
        names.append(f"images/{i // PER_FOLDER:04d}/{name}")
        os.link(folder / "files" / f"{i % FILES}.jpg", folder / names[-1])
    table = {
        "image": names,
        "y": rng.integers(0, SIZE[0], clicks),
        "x": rng.integers(0, SIZE[1], clicks),
        "omega": rng.uniform(0, 360, clicks).round(2),
        "group": [f"mount_{i // 40}" for i in range(clicks)],
    }
    pd.DataFrame(table).to_csv(folder / "log.csv", index=False)


def configuration() -> dict:
    """The dataset."""
    calibration = {zoom: 0.0016 / zoom for zoom in range(1, 11)}
    return {
        "name": "clicks",
        "reader": "clicks",
        "clicks": {"tables": "log.csv", "calibration": calibration, "click_sigma_mm": 0.01},
        "split": {"fractions": {"train": 0.8, "val": 0.1, "test": 0.1}},
        "shard_mib": SHARD_MIB,
    }


def measure(stage: str, folder: Path, parts: int) -> dict:
    """Time and memory of one stage, which is all that this process does."""
    stages = {
        "pandas": lambda: len(pd.read_csv(folder / "log.csv")),
        "plan": lambda: plan(configuration(), folder),
        "part": lambda: fill_middle_part(configuration(), folder, parts),
    }
    return measured(stages[stage])


def decoding_rate(folder: Path, n: int) -> float:
    """Images per second that OpenCV decodes from files."""
    paths = [str(path) for path in sorted((folder / "images").glob("*/*.jpg"))[:n]]
    start = time.perf_counter()
    for path in paths:
        cv2.imread(path)
    return len(paths) / (time.perf_counter() - start)


def main() -> None:
    """Generate, measure in processes, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clicks", type=int, default=525_312)
    parser.add_argument("--parts", type=int, default=150)
    parser.add_argument("--folder", type=Path, help="where to generate, a temporary folder if not")
    parser.add_argument("--stage", choices=("pandas", "plan", "part"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stage:
        print(json.dumps(measure(options.stage, options.folder, options.parts)))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        report(Path(name), options.clicks, options.parts)


def report(folder: Path, clicks: int, parts: int) -> None:
    """Both sizes, and their ratios."""
    found: dict[str, list[dict]] = {stage: [] for stage in ("pandas", "plan", "part")}
    print(f"{'stage':<8}{'clicks':>9}{TITLES}")
    for share in (10, 1):
        place = folder / f"log_{share}"
        generate(place, clicks // share)
        for stage, results in found.items():
            rounds = ROUNDS if stage == "part" else 1
            few = max(1, parts // share)
            runs = [in_a_process(__file__, stage, place, few) for _ in range(rounds)]
            results.append(sorted(runs, key=lambda run: run["peak_mib"])[rounds // 2])
            print(f"{stage:<8}{clicks // share:>9}{line(results[-1])}", flush=True)
    for stage, (small, large) in found.items():
        ratio = large["peak_mib"] / small["peak_mib"]
        grown = (large["peak_mib"] - small["peak_mib"]) * 2**20 / (clicks - clicks // 10)
        print(f"{stage}: {ratio:.2f} x the peak memory for 10 x the log, {grown:.0f} bytes a click")
    part = found["part"][1]
    rate = part["rows"] / part["seconds"]
    bare = decoding_rate(folder / "log_1", part["rows"])
    print(f"part: {rate:.0f} images/s made, compressed and checked; OpenCV decodes {bare:.0f}/s")


if __name__ == "__main__":
    main()
