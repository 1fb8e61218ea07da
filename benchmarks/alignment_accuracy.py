"""How far the classical alignment of synthetic images lies from the true middle of the loop.

Scenes with the default shares of ice, crystals, bubbles and noise are drawn, aligned from their
images alone, and compared at the height found along the axis with the line from neck to tip of the
loop as it was built (`segmill.synthetic.beamline.beamline_loop`). Printed are the distance across
and in depth, and how often each of the two lies within two standard uncertainties.

Usage: python benchmarks/alignment_accuracy.py [--sweeps 34] [--seed 77] [--frames 60]
       [--height 512] [--width 608] [--zooms 2 3]
"""

import argparse

import numpy as np

from segmill.classical import align
from segmill.synthetic.beamline import beamline_loop, beamline_sweep

LOOPS = {"blank": 0, "no_loop": 0, "capillary": 0}
UM_PER_MM = 1000.0


def deviation(seed: int, index: int, **options) -> tuple[np.ndarray, np.ndarray] | str:
    """Found minus true place across and in depth, um, and its uncertainty; or why it is refused."""
    samples = beamline_sweep(seed, index, **LOOPS, **options)
    notes = samples[0].notes
    found = align(
        [sample.image for sample in samples],
        np.array([sample.notes["omega"] for sample in samples]),
        mm_per_px=notes["mm_per_px"],
    )
    if found.failed:
        return found.reason
    neck, tip = beamline_loop(seed, index, **LOOPS, **options)
    along = found.centre.point[1] - notes["along_origin_px"] * notes["mm_per_px"]
    truth = neck + (tip - neck) * (along - neck[0]) / (tip[0] - neck[0])
    away = (found.centre.point[[0, 2]] - truth[1:]) * UM_PER_MM
    return away, found.centre.uncertainty[[0, 2]] * UM_PER_MM


def main() -> None:
    """Measure every sweep, print percentiles."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sweeps", type=int, default=34)
    parser.add_argument("--seed", type=int, default=77)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--height", type=int, default=512)
    parser.add_argument("--width", type=int, default=608)
    parser.add_argument("--zooms", type=int, nargs="+", default=[2, 3])
    chosen = vars(parser.parse_args())
    sweeps, seed = chosen.pop("sweeps"), chosen.pop("seed")
    chosen["zooms"] = tuple(chosen["zooms"])
    found = []
    for index in range(sweeps):
        result = deviation(seed, index, **chosen)
        if isinstance(result, str):
            print(f"{index}: refused: {result}", flush=True)
            continue
        found.append(result)
        print(f"{index}: {np.linalg.norm(result[0]):.2f} um", flush=True)
    away, sigma = np.array(found).transpose(1, 0, 2)
    distance = np.linalg.norm(away, axis=1)
    median, high = np.percentile(distance, [50, 95])
    inside = np.mean(np.abs(away) < 2 * sigma)
    print(f"{len(found)} of {sweeps} sweeps: median {median:.2f} um, 95th percentile {high:.2f} um")
    print(f"within two standard uncertainties: {inside:.0%}")


if __name__ == "__main__":
    main()
