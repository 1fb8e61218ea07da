"""Classical alignment of a sweep from memory, and its pass over the frames, on two threads.

84 frames of 1024 x 1216 pixels, drawn: a plate on a stem turns in front of a lit field with noise;
or the frames of a folder. The pass (mean, variance and sum of every pixel) is compared with numpy's
in float64 and with the bare read of the array, which sums its bytes as 64-bit words on as many
threads. Each round measures all in turn; printed are medians and ratios of those rounds.

Usage: python benchmarks/alignment.py [--rounds 5] [--frames 84] [--height 1024] [--width 1216]
       [--folder DIR --omega CSV]
"""

import argparse
import statistics
import time
from pathlib import Path

import numba
import numpy as np
import pandas as pd

from segmill.classical import align, sweep_statistics

TARGET_S, TARGET_RATIO = 0.7, 10.0


def drawn_sweep(count: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Frames (N, h, w, 3) uint8 of an elliptic plate on a stem, from the left; omega in degrees."""
    rng = np.random.default_rng(0)
    omega = np.linspace(0, 360, count, endpoint=False)
    rows, columns = np.ogrid[:height, :width]
    noise = rng.integers(-2, 3, (4, height, width, 3), dtype=np.int16)
    frames = np.empty((count, height, width, 3), np.uint8)
    for k, angle in enumerate(np.radians(omega)):
        half = height * np.hypot(0.25 * np.cos(angle), 0.08 * np.sin(angle))
        across = rows - height / 2
        plate = ((columns - 0.5 * width) / (0.25 * width)) ** 2
        plate = plate + ((across - 0.03 * height * np.cos(angle - 1)) / half) ** 2 <= 1
        mask = plate | ((columns < 0.4 * width) & (np.abs(across) < 0.03 * height))
        grey = np.where(mask, 30, 110).astype(np.int16)[..., None]
        frames[k] = np.clip(grey + noise[k % 4], 0, 255)
    return frames, omega


def read_sweep(folder: str, table: str) -> tuple[np.ndarray, np.ndarray]:
    """Frames of a folder in the order of their names, RGB, and the column omega_deg of a table."""
    import cv2

    paths = sorted(p for p in Path(folder).iterdir() if p.suffix.lower() in (".jpg", ".png"))
    frames = [cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in paths]
    return np.stack(frames), pd.read_csv(table)["omega_deg"].to_numpy()


def numpy_statistics(frames: np.ndarray) -> tuple[np.ndarray, ...]:
    """Mean, variance and sum as numpy computes them."""
    wide = frames.astype(np.float64)
    return wide.mean(axis=0), wide.var(axis=0), wide.sum(axis=0)


def own_statistics(frames: np.ndarray) -> tuple[np.ndarray, ...]:
    """The same by Segmill's pass."""
    found = sweep_statistics(frames)
    return found.mean, found.variance, found.sum


@numba.njit(parallel=True)
def bare_read(words: np.ndarray) -> int:
    """Sum of 64-bit words: reads every byte once."""
    total = np.uint64(0)
    for k in numba.prange(words.size):
        total += words[k]
    return total


def seconds(work, *arguments) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - start


def main() -> None:
    """Measure all in turn and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=84)
    parser.add_argument("--height", type=int, default=1024)
    parser.add_argument("--width", type=int, default=1216)
    parser.add_argument("--folder", help="of frames to use instead of drawn ones")
    parser.add_argument("--omega", help="CSV with a column omega_deg, a row per frame")
    arguments = parser.parse_args()
    numba.set_num_threads(min(2, numba.config.NUMBA_NUM_THREADS))
    if arguments.folder:
        colour, omega = read_sweep(arguments.folder, arguments.omega)
    else:
        colour, omega = drawn_sweep(arguments.frames, arguments.height, arguments.width)
    grey = np.ascontiguousarray(colour[..., 1])
    words = grey.reshape(-1)[: grey.size // 8 * 8].view(np.uint64)
    for mine, theirs in zip(own_statistics(grey[:9]), numpy_statistics(grey[:9]), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-5)
    found = align(colour, omega, mm_per_px=0.001)  # compiles
    print(f"{colour.shape[0]} frames {colour.shape[2]} x {colour.shape[1]}")
    print("failed: " + found.reason if found.failed else f"slabs fitted: {len(found.models.slab)}")
    bare_read(words)
    work = {
        "align, RGB": lambda: align(colour, omega, mm_per_px=0.001),
        "align, grey": lambda: align(grey, omega, mm_per_px=0.001),
        "pass, segmill": lambda: own_statistics(grey),
        "pass, numpy float64": lambda: numpy_statistics(grey),
        "bare read": lambda: bare_read(words),
    }
    taken = {name: [] for name in work}
    for _ in range(arguments.rounds):
        for name, call in work.items():
            taken[name].append(seconds(call))
    for name, times in taken.items():
        print(f"{name:22s}{statistics.median(times) * 1e3:10.1f} ms")

    def ratio(name: str, other: str) -> float:
        return statistics.median(a / b for a, b in zip(taken[name], taken[other], strict=True))

    print(f"align, RGB: at most {TARGET_S:.1f} s wanted on 2 cores")
    faster = ratio("pass, numpy float64", "pass, segmill")
    print(f"pass: {faster:.1f}x as fast as numpy float64 (wanted {TARGET_RATIO:.0f}x)")
    print(f"pass: {ratio('pass, segmill', 'bare read'):.1f} times the bare read")


if __name__ == "__main__":
    main()
