"""Superpixels of a colour image on one thread: Segmill's eikonal ones against other methods.

A photograph shipped with scikit-image, 481 x 321 pixels, 400 superpixels. All are measured in the
same rounds, one after the other; printed are medians, what each gives, and the ratio of Segmill's
time to SLIC's. Of scikit-fmm, where it is installed, only the travel times are measured, from the
same seeds: it carries no labels.

Usage: OMP_NUM_THREADS=1 python benchmarks/superpixels.py [--rounds 15] [--segments 400]
"""

import argparse
import statistics
import time

import cv2
import numpy as np
from skimage import data
from skimage.segmentation import slic

from segmill.superpixels import (
    CompactWatershedOptions,
    EikonalOptions,
    FelzenszwalbOptions,
    SlicOptions,
    divide,
)
from segmill.superpixels.colours import gradient_magnitude, normalised_lab
from segmill.superpixels.options import SuperpixelOptions
from segmill.superpixels.seeds import grid_seeds

SIZE = (321, 481)
TARGET = 0.5
SEGMILL, SLIC, TIMES = "eikonal", "SLIC (scikit-image)", "scikit-fmm, times only"


def photograph() -> np.ndarray:
    """(321, 481, 3) uint8 RGB."""
    return cv2.resize(data.astronaut(), SIZE[::-1], interpolation=cv2.INTER_AREA)


def methods(image: np.ndarray, n: int) -> dict:
    """What is measured: name -> function that gives labels, or None."""

    def by(options: SuperpixelOptions):
        return lambda: divide(image, options)

    found = {
        SEGMILL: by(EikonalOptions(n_segments=n)),
        "eikonal, marching alone": by(
            EikonalOptions(n_segments=n, spacing=1, excess=1, sweeps=0, smoothing=0)
        ),
        # As its users call it, without what `divide` adds.
        SLIC: lambda: slic(image, n_segments=n, compactness=SlicOptions().compactness),
        "compact watershed (scikit-image)": by(CompactWatershedOptions(n_segments=n)),
        "Felzenszwalb (scikit-image)": by(FelzenszwalbOptions()),
    }
    try:
        import skfmm
    except ImportError:
        return found
    colours = normalised_lab(image)
    gradient = gradient_magnitude(colours)
    away = np.ones(SIZE)
    seeds = grid_seeds(gradient, np.sqrt(image.shape[0] * image.shape[1] / n), n)
    away[tuple(seeds.T)] = -1
    speed = 1 / (1 + gradient)
    found[TIMES] = lambda: skfmm.travel_time(away, speed, order=1)
    return found


def main() -> None:
    """Measure all in turn and print medians, numbers of superpixels and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--segments", type=int, default=400)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    image = photograph()
    candidates = methods(image, arguments.segments)
    counts = {name: np.unique(run()).size for name, run in candidates.items()}  # compiles
    seconds = {name: [] for name in candidates}
    for _ in range(arguments.rounds):
        for name, run in candidates.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    print(f"{SIZE[1]} x {SIZE[0]} RGB, {arguments.segments} superpixels wanted")
    for name, taken in seconds.items():
        labels = "" if name == TIMES else f"{counts[name]:8d} labels"
        print(f"{name:34s}{statistics.median(taken) * 1e3:10.1f} ms{labels}")
    ratios = [ours / slic for ours, slic in zip(seconds[SEGMILL], seconds[SLIC], strict=True)]
    ratio = statistics.median(ratios)
    print(f"eikonal takes {ratio:.2f} of SLIC's time (target {TARGET} at most)")


if __name__ == "__main__":
    main()
