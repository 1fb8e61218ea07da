"""All superpixel metrics of one image and one annotator, on one thread, against loops over pixels.

The loops are the definitions, one pixel after the other, as public code of superpixel studies has
them, with boundaries and windows by scikit-image and numpy. 481 x 321 pixels, 400 superpixels, an
annotation of about 25 segments. Printed are medians, the ratio of the same rounds and the largest
difference.

Usage: OMP_NUM_THREADS=1 python benchmarks/superpixel_metrics.py [--rounds 7] [--segments 400]
"""

import argparse
import statistics
import time

import cv2
import numpy as np
from skimage import data
from skimage.morphology import dilation
from skimage.segmentation import find_boundaries

from segmill.metrics import superpixels
from segmill.superpixels import eikonal_superpixels

SIZE = (321, 481)
SEGMENTS = 25
TARGET_MS, TARGET_RATIO = 5.0, 60.0


def by_loops(labels: np.ndarray, truth: np.ndarray, image: np.ndarray) -> dict[str, float]:
    """The metrics, counted pixel by pixel."""
    found = {}
    boundary = find_boundaries(labels, connectivity=1, mode="thick")
    annotated = find_boundaries(truth, connectivity=1, mode="thick")
    for side in (5, 3):
        window = np.ones((side, side), bool)
        near, near_annotated = dilation(boundary, window), dilation(annotated, window)
        found[f"boundary_recall_{side}"] = np.sum(near & annotated) / np.sum(annotated)
        found[f"boundary_precision_{side}"] = np.sum(near_annotated & boundary) / np.sum(boundary)
    height, width = labels.shape
    n, m = labels.max() + 1, truth.max() + 1
    table = np.zeros((n, m))
    perimeters, areas = np.zeros(n), np.zeros(n)
    sums = np.zeros((n, image.shape[2]))
    for r in range(height):
        for c in range(width):
            k = labels[r, c]
            table[k, truth[r, c]] += 1
            areas[k] += 1
            sums[k] += image[r, c]
            if (
                r in (0, height - 1)
                or c in (0, width - 1)
                or labels[r - 1, c] != k
                or labels[r + 1, c] != k
                or labels[r, c - 1] != k
                or labels[r, c + 1] != k
            ):
                perimeters[k] += 1
    lost = sum(areas[k] - table[k].max() for k in range(n))
    crossing = sum(min(table[k, g], areas[k] - table[k, g]) for k in range(n) for g in range(m))
    used = areas > 0
    found["undersegmentation"] = lost / labels.size
    found["undersegmentation_np"] = crossing / labels.size
    found["achievable_accuracy"] = 1 - lost / labels.size
    shape = 4 * np.pi * areas[used] ** 2 / perimeters[used] ** 2
    found["compactness"] = np.sum(shape) / labels.size
    found["contour_density"] = np.sum(boundary) / labels.size
    mean = image.mean(axis=(0, 1))
    between = areas[used, None] * (sums[used] / areas[used, None] - mean) ** 2
    found["explained_variation"] = np.sum(between) / np.sum((image - mean) ** 2)
    return found


def annotation() -> np.ndarray:
    """(321, 481) int64 cells around random points, from 1."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    points = rng.uniform(0, 1, (SEGMENTS, 2)) * SIZE
    squares = (rows[..., None] - points[:, 0]) ** 2 + (columns[..., None] - points[:, 1]) ** 2
    return squares.argmin(axis=2) + 1


def main() -> None:
    """Measure both in turn and print medians, ratio and largest difference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--segments", type=int, default=400)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    image = cv2.resize(data.astronaut(), SIZE[::-1], interpolation=cv2.INTER_AREA)
    labels, truth = eikonal_superpixels(image, arguments.segments), annotation()
    superpixels(labels, [truth], image)  # compiles
    seconds = {"segmill": [], "loops": []}
    for _ in range(arguments.rounds):
        start = time.perf_counter()
        found = superpixels(labels, [truth], image)
        between = time.perf_counter()
        expected = by_loops(labels, truth, image)
        seconds["segmill"].append(between - start)
        seconds["loops"].append(time.perf_counter() - between)
    print(f"{SIZE[1]} x {SIZE[0]} pixels, {labels.max()} superpixels, one annotation")
    for name, taken in seconds.items():
        print(f"{name:24s}{statistics.median(taken) * 1e3:10.2f} ms")
    ratio = statistics.median(r / s for s, r in zip(*seconds.values(), strict=True))
    targets = f"target {TARGET_MS:.0f} ms, or {TARGET_RATIO:.0f}x"
    print(f"segmill is faster by {ratio:.0f}x ({targets})")
    print(f"largest difference {max(abs(found[k] - expected[k]) for k in expected):.1e}")


if __name__ == "__main__":
    main()
