"""Frames per second of ingesting a movie, against PyAV's bare decoder.

A movie of 1360 x 1024 pixels (H.264 with B-frames and colours at full resolution, as the instrument
encodes it) of a moving scene with a camera's noise, and its logs, are made first. Bare: every frame
is decoded by PyAV and turned into an RGB array, nothing else, in one loop. Reader: the frames by
their rows, decoded ahead by a thread of its own. Store: the same frames from the first to the last
shard, written, read back and checked by checksums (planning and the store's end apart), of full
size with each codec, and at half size. All are measured in the same rounds, one after another;
printed are medians on the clock, their ratio, and the processors' time, which says what more cores
would gain.

Usage: python benchmarks/video_ingestion.py [--frames 240] [--rounds 3] [--workers 2]
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import av
import h5py
import numpy as np

from segmill.datasets import IngestProducer
from segmill.store import create, fill
from segmill.store.staging import discard_partial

HEIGHT, WIDTH, RATE = 1024, 1360, 15


def write_movie(path: Path, frames: int) -> None:
    """A scene that moves, with a camera's noise, as the instrument's encoder makes it."""
    rng = np.random.default_rng(0)
    scene = np.kron(rng.integers(40, 220, (32, 43, 3)), np.ones((32, 32, 1))).astype(np.int16)
    noise = rng.normal(0, 3, (8, HEIGHT, WIDTH, 3)).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "23"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv444p"
        for k in range(frames):
            image = np.roll(scene, 3 * k, axis=1)[:HEIGHT, :WIDTH] + noise[k % len(noise)]
            picture = av.VideoFrame.from_ndarray(image.clip(0, 255).astype(np.uint8), "rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def write_logs(stem: Path, frames: int) -> None:
    """The goniometer's and the camera's log of a steady rotation."""
    times = 1000 + np.arange(frames) / RATE
    values = np.stack([np.zeros(frames), np.arange(frames) * 7.0 % 360], axis=1)
    with h5py.File(f"{stem}_goniometer.h5", "w") as file:
        file["timestamps"], file["values"] = np.stack([times, times * 1000], axis=1), values
    with h5py.File(f"{stem}_sample_view_lean.h5", "w") as file:
        file["history_timestamps"] = times


def decode(path: Path) -> None:
    """All frames by the bare decoder, as RGB."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            frame.to_ndarray(format="rgb24")


def configuration(root: Path, compression: str, rescale: float) -> dict:
    """The dataset."""
    return {
        "name": "video",
        "reader": "video",
        "path": str(root),
        "split": {"rest": "train"},
        "compression": compression,
        "video": {
            "movies": "m.mp4",
            "log": "",
            "value_column": 1,
            "frames": "all",
            "rescale": rescale,
        },
    }


def prepare(root: Path, compression: str, rescale: float) -> IngestProducer:
    """Plan the store and lay it out; the producer has read the logs."""
    producer = IngestProducer(configuration(root, compression, rescale), root)
    create(root / "store.zarr", producer.plan())
    return producer


def read(producer: IngestProducer, frames: int) -> None:
    """All frames by the reader."""
    for i in range(frames):
        producer.sample(i)


def write(root: Path, producer: IngestProducer, workers: int) -> None:
    """All frames into the shards of the store."""
    fill(root / "store.zarr", producer, workers=workers)


def timed(action) -> tuple[float, float]:
    """Seconds on the clock and of the processors that `action` takes."""
    start, cpu = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - start, time.process_time() - cpu


def main() -> None:
    """Make the movie, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    cases = [("none", 1.0), ("lz4", 1.0), ("zstd", 1.0), ("zstd", 0.5)]
    names = ["bare decoder, RGB", "reader", *(f"store, {c}, size x {r:g}" for c, r in cases)]
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write_movie(root / "m.mp4", options.frames)
        write_logs(root / "m", options.frames)
        size = (root / "m.mp4").stat().st_size / 1024 / options.frames
        for _ in range(options.rounds):
            times[names[0]].append(timed(lambda: decode(root / "m.mp4")))
            producer = prepare(root, *cases[0])
            times[names[1]].append(timed(lambda p=producer: read(p, options.frames)))
            for title, case in zip(names[2:], cases, strict=True):
                producer = prepare(root, *case)
                times[title].append(timed(lambda p=producer: write(root, p, options.workers)))
                discard_partial(root / "store.zarr")
    cores = len(os.sched_getaffinity(0))
    print(f"{options.frames} frames of {WIDTH} x {HEIGHT}, {size:.0f} KiB each, {cores} cores")
    print(f"{'':<26}{'frames/s':>10}{'of bare':>9}{'CPU ms':>9}")
    bare = statistics.median(clock for clock, _ in times[names[0]])
    for title, found in times.items():
        clock, cpu = (statistics.median(values) for values in zip(*found, strict=True))
        rate, work = options.frames / clock, cpu / options.frames * 1e3
        print(f"{title:<26}{rate:>10.1f}{bare / clock:>9.0%}{work:>9.1f}")


if __name__ == "__main__":
    main()
