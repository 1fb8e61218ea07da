"""Particles from a network's maps against its own forward pass on the same image.

A 1000 x 1000 RGB image of about 1000 discs of radius 6 to 12, blurred and noisy. The forward pass
is that of a CAN of 24 channels (preset can24), in float32, on as many threads as are given; the
maps that particles are taken from are the true ones with noise, so that there are as many particles
as in the image whether the network is trained or not. Both are measured in the same rounds, one
after the other; printed are medians, the ratio of those rounds, and how well the particles agree.

Usage: python benchmarks/particle_extraction.py [--rounds 5] [--size 1000] [--particles 1000]
"""

import argparse
import statistics
import time

import cv2
import numpy as np
import torch

from segmill import models
from segmill.inference.particles import find_particles
from segmill.metrics import match_instances
from segmill.particles import particle_targets

RADII = (6.0, 12.0)
NOISE = 0.05
TARGET = 1.0


def discs(size: int, count: int) -> np.ndarray:
    """(size, size) int32 instances: discs placed at random, none over another."""
    rng = np.random.default_rng(0)
    instances = np.zeros((size, size), np.int32)
    placed = 0
    for _ in range(200 * count):
        if placed == count:
            break
        radius, (row, column) = rng.uniform(*RADII), rng.uniform(0, size, 2)
        r0, c0 = (max(0, int(place - radius)) for place in (row, column))
        window = instances[r0 : int(row + radius) + 2, c0 : int(column + radius) + 2]
        rows, columns = np.indices(window.shape)
        inside = (rows + r0 - row) ** 2 + (columns + c0 - column) ** 2 <= radius**2
        if not window[inside].any():
            placed += 1
            window[inside] = placed
    return instances


def main() -> None:
    """Measure both in turn and print medians and ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=1000, help="pixels a side")
    parser.add_argument("--particles", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=1, help="of the network")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(1)
    truth = discs(arguments.size, arguments.particles)
    rng = np.random.default_rng(1)
    maps = particle_targets(truth, 2.0)
    maps += rng.normal(0, NOISE, maps.shape).astype(np.float32)
    mask, centre = (np.ascontiguousarray(maps[:, :, k]) for k in range(2))
    torch.manual_seed(0)
    model = models.build("can", 3, 2, preset="can24").eval()
    image = torch.from_numpy(maps[:, :, 0]).expand(1, 3, -1, -1).contiguous()
    find_particles(mask, centre)  # compiles
    seconds = {"forward pass": [], "extraction": []}
    for _ in range(arguments.rounds):
        start = time.perf_counter()
        with torch.inference_mode():
            model(image)
        between = time.perf_counter()
        found = find_particles(mask, centre)
        seconds["forward pass"].append(between - start)
        seconds["extraction"].append(time.perf_counter() - between)
    count = int(truth.max())
    print(f"{arguments.size} x {arguments.size} pixels, {count} particles")
    for name, taken in seconds.items():
        print(f"{name:16s}{statistics.median(taken) * 1e3:10.1f} ms")
    ratio = statistics.median(e / f for f, e in zip(*seconds.values(), strict=True))
    print(f"extraction takes {ratio:.3f} of the forward pass (target below {TARGET:g})")
    taken = statistics.median(seconds["extraction"])
    print(f"{len(found.table) / taken:.0f} particles extracted per second")
    print(f"F1 at IoU 0.5: {match_instances(found.instances, truth).f1:.4f}")


if __name__ == "__main__":
    main()
