"""SegMeasure on one thread: Segmill against py-ctcmetrics and a loop over pixels.

One frame of 1024 x 1024 pixels with about 500 cells, many of them touching; the prediction has them
shifted, some missing, some merged. All work on label images in memory (py-ctcmetrics' reader is
replaced by a copy, so that nobody pays for files) and are measured in the same rounds, one after
another; printed are medians and ratios of those rounds. The values are compared on that frame and
on random small frames.

Usage: python benchmarks/seg_measure.py [--rounds 9] [--size 1024] [--cells 500] [--random 200]
"""

import argparse
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path
from unittest import mock

import numpy as np
from ctc_metrics.metrics import seg
from ctc_metrics.utils import representations

from segmill.metrics import seg_measure

TARGET = 50.0


def cells(size: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Truth and prediction, (size, size) int32: discs on a disturbed grid, touching where close."""
    rng = np.random.default_rng(0)
    columns = round(np.sqrt(count))
    rows = -(-count // columns)
    y, x = np.mgrid[:size, :size]
    nearest, truth = np.full((size, size), np.inf), np.zeros((size, size), np.int32)
    for label in range(1, count + 1):
        row, column = divmod(label - 1, columns)
        cy, cx = np.array([row + 0.5, column + 0.5]) * [size / rows, size / columns]
        radius = rng.uniform(0.35, 0.55) * size / columns
        cy, cx = cy + rng.uniform(-3, 3), cx + rng.uniform(-3, 3)
        box = tuple(slice(max(0, int(c - radius)), int(c + radius) + 2) for c in (cy, cx))
        distance = np.hypot(y[box] - cy, x[box] - cx)
        inside = (distance < radius) & (distance < nearest[box])
        truth[box][inside] = label
        nearest[box][inside] = distance[inside]
    prediction = np.roll(truth, (2, 1), axis=(0, 1))
    prediction[np.isin(prediction, rng.choice(count, count // 20) + 1)] = 0
    merged = prediction % 17 == 0
    prediction[merged] = np.maximum(prediction[merged] - 1, 0)
    return prediction, truth


def by_ctcmetrics(prediction: np.ndarray, truth: np.ndarray) -> float:
    """SEG by py-ctcmetrics, which takes file names and writes into what it has read."""
    frames = {"truth": truth, "prediction": prediction}
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder, name) for name in frames}
        for path in paths.values():
            path.touch()
        read = mock.Mock(side_effect=lambda path: frames[path.name].copy())
        with mock.patch.object(representations.tiff, "imread", read):
            labels, *_, ious = representations.match(paths["truth"], paths["prediction"])
    return seg([labels], [ious])


def by_pixels(prediction: np.ndarray, truth: np.ndarray) -> float:
    """SEG by visiting every pixel."""
    found, reference, both = Counter(), Counter(), Counter()
    for row_p, row_t in zip(prediction.tolist(), truth.tolist(), strict=True):
        for p, t in zip(row_p, row_t, strict=True):
            found[p] += 1
            reference[t] += 1
            both[p, t] += 1
    reference.pop(0, None)
    scores = [
        shared / (found[p] + reference[t] - shared)
        for (p, t), shared in both.items()
        if p and t and shared > 0.5 * reference[t]
    ]
    return sum(scores) / len(reference)


WAYS = {"segmill": seg_measure, "py-ctcmetrics": by_ctcmetrics, "loop over pixels": by_pixels}


def largest_difference(n: int) -> float:
    """Largest difference to py-ctcmetrics on `n` random frames of up to 40 x 40 pixels."""
    rng = np.random.default_rng(1)
    largest = 0.0
    for _ in range(n):
        frames = []
        for _ in range(2):
            frame = np.zeros(rng.integers(12, 41, 2) if not frames else frames[0].shape, np.int32)
            for label in rng.choice(np.arange(1, 300), rng.integers(1, 9), replace=False):
                # Background is left in the corner: without any, py-ctcmetrics drops an object.
                (y, x), (h, w) = rng.integers(1, 10, 2), rng.integers(2, 20, 2)
                frame[y : y + h, x : x + w] = label
            frames.append(frame)
        largest = max(largest, abs(seg_measure(*frames) - by_ctcmetrics(*frames)))
    return largest


def main() -> None:
    """Measure all ways in turn, compare their values and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--size", type=int, default=1024, help="pixels a side")
    parser.add_argument("--cells", type=int, default=500)
    parser.add_argument("--random", type=int, default=200, help="random frames to compare on")
    arguments = parser.parse_args()
    prediction, truth = cells(arguments.size, arguments.cells)
    values = {name: way(prediction, truth) for name, way in WAYS.items()}  # compiles, too
    seconds = {name: [] for name in WAYS}
    for _ in range(arguments.rounds):
        for name, way in WAYS.items():
            start = time.perf_counter()
            way(prediction, truth)
            seconds[name].append(time.perf_counter() - start)
    objects = np.unique(truth).size - 1
    print(f"{arguments.size} x {arguments.size} pixels, {objects} cells")
    print(f"{'way':18s}{'ms':>10s}{'segmill is faster by':>22s}{'target':>8s}{'SEG':>20s}")
    for name, taken in seconds.items():
        ratio = statistics.median(t / s for t, s in zip(taken, seconds["segmill"], strict=True))
        target = f"{TARGET:.0f}x" if name == "py-ctcmetrics" else ""
        milliseconds = statistics.median(taken) * 1e3
        print(f"{name:18s}{milliseconds:10.2f}{ratio:21.1f}x{target:>8s}{values[name]:20.15f}")
    difference = largest_difference(arguments.random)
    print(f"largest difference to py-ctcmetrics on {arguments.random} frames: {difference:.1e}")


if __name__ == "__main__":
    main()
