"""Border term of the weight map on one thread: Segmill against one distance transform per cell.

The reference is the definition: a Euclidean distance transform per cell, the two smallest distances
at each pixel by sorting, as public implementations do it. 512 x 512 pixels, about 100 cells. Both
are measured in the same rounds, one after the other; printed are medians, the ratio of those rounds
and the largest difference.

Usage: python benchmarks/border_weights.py [--rounds 5] [--size 512] [--cells 100]
"""

import argparse
import statistics
import time

import numpy as np
from scipy import ndimage

from segmill.weights import border_term

W0, SIGMA = 10.0, 5.0
TARGET, TOLERANCE = 40.0, 1e-5


def round_cells(size: int, count: int) -> np.ndarray:
    """(size, size) int32 instances: ellipses on a disturbed grid, close or touching."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:size, :size]
    per_side = max(1, round(np.sqrt(count)))
    pitch = size / per_side
    instances = np.zeros((size, size), np.int32)
    for i in range(per_side**2):
        row, column = (np.array(divmod(i, per_side)) + 0.5) * pitch + rng.uniform(
            -0.15, 0.15, 2
        ) * pitch
        height, width = rng.uniform(0.25, 0.5, 2) * pitch
        inside = ((rows - row) / height) ** 2 + ((columns - column) / width) ** 2 < 1
        instances[inside & (instances == 0)] = i + 1
    return instances


def one_transform_per_cell(instances: np.ndarray) -> np.ndarray:
    """The definition of the term."""
    ids = np.unique(instances[instances > 0])
    distances = np.stack([ndimage.distance_transform_edt(instances != i) for i in ids])
    nearest, second = np.sort(distances, axis=0)[:2]
    return W0 * np.exp(-((nearest + second) ** 2) / (2 * SIGMA**2))


def main() -> None:
    """Measure both in turn and print medians, ratio and largest difference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=512, help="pixels a side")
    parser.add_argument("--cells", type=int, default=100)
    arguments = parser.parse_args()
    instances = round_cells(arguments.size, arguments.cells)
    border_term(instances, W0, SIGMA)  # compiles
    seconds = {"segmill": [], "one transform per cell": []}
    for _ in range(arguments.rounds):
        start = time.perf_counter()
        term = border_term(instances, W0, SIGMA)
        between = time.perf_counter()
        reference = one_transform_per_cell(instances)
        seconds["segmill"].append(between - start)
        seconds["one transform per cell"].append(time.perf_counter() - between)
    cells = len(np.unique(instances)) - 1
    print(f"{arguments.size} x {arguments.size} pixels, {cells} cells")
    for name, taken in seconds.items():
        print(f"{name:24s}{statistics.median(taken) * 1e3:10.1f} ms")
    ratio = statistics.median(r / s for s, r in zip(*seconds.values(), strict=True))
    print(f"segmill is faster by {ratio:.0f}x (target {TARGET:.0f}x)")
    print(f"largest difference {np.abs(term - reference).max():.1e} (allowed {TOLERANCE:.0e})")


if __name__ == "__main__":
    main()
