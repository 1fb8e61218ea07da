"""Samples per second of the training loop on shards against the bare step on data in memory.

Both train the compressed U-Net on 256x256 grey images in batches of 4, in float32, on the same
number of threads. The loop reads shards, makes the weight maps, counts overlaps, checks each loss
and saves checkpoints; the bare loop has ready tensors and does forward, backward and step. They
take turns and the medians of their rounds are compared. On a machine that is busy with other work
compare the seconds of CPU: they include those of the reading threads.

    python benchmarks/training_loop.py [--rounds 5] [--steps 12] [--threads 1]
"""

import argparse
import functools
import logging
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import torch

from segmill import losses
from segmill.labels import cell_border
from segmill.progress import log
from segmill.random import generator
from segmill.store import FieldSpec, Sample, Store, StorePlan, write_store
from segmill.training import TrainingConfig, loop
from segmill.training.data import BatchMaker
from segmill.training.distributed import Processes
from segmill.training.numerics import numerics
from segmill.training.setup import initial_model

SIZE, BATCH, SAMPLES, CELLS = 256, 4, 64, 30
WANTED = 0.95


class Discs:
    """Noisy images of discs, about as many as cells in a microscope's field."""

    def __init__(self, split: str, n: int):
        self.split, self.n = split, n

    def plan(self) -> StorePlan:
        """Layout of the shards."""
        ids = [f"{self.split}{i}" for i in range(self.n)]
        table = pd.DataFrame(
            {"sample_id": ids, "group": ids, "split": self.split, "source": "", "frame": 0}
        )
        fields = {
            "image": FieldSpec("uint8", 1),
            "semantic": FieldSpec("uint8"),
            "instances": FieldSpec("int32"),
        }
        return StorePlan(table, fields, SIZE, SIZE, {"classes": ["background", "cell", "border"]})

    def sample(self, i: int) -> Sample:
        """One image with its labels."""
        rng = generator(0, "discs", f"{self.split}{i}")
        rows, columns = np.mgrid[:SIZE, :SIZE]
        instances = np.zeros((SIZE, SIZE), np.int32)
        for label in range(1, CELLS + 1):
            y, x, radius = *rng.integers(0, SIZE, 2), rng.integers(8, 20)
            instances[(rows - y) ** 2 + (columns - x) ** 2 < radius**2] = label
        image = 60 + 100 * (instances > 0) + rng.normal(0, 20, instances.shape)
        return Sample(
            np.clip(image, 0, 255).astype(np.uint8)[..., None],
            semantic=cell_border(instances),
            instances=instances,
        )


def settings(steps: int, threads: int) -> TrainingConfig:
    """Settings of one round: an epoch of `steps` steps."""
    return TrainingConfig.from_dict(
        {
            "model": {"name": "unet_compressed"},
            "loss": {"name": "weighted_cross_entropy"},
            "batch_size": BATCH,
            "epochs": 1,
            "steps_per_epoch": steps,
            "validation_steps": 1,
            "threads": threads,
            "device": "cpu",
            "tensorboard": False,
            "checkpoint_minutes": 0.1,
        }
    )


class Stopwatch:
    """Wall time and CPU time (all threads of the process) of what it calls, in seconds."""

    def __init__(self):
        self.wall = self.cpu = 0.0

    def __call__(self, work: Callable, *arguments) -> None:
        """Call and measure."""
        wall, cpu = time.perf_counter(), time.process_time()
        work(*arguments)
        self.wall, self.cpu = time.perf_counter() - wall, time.process_time() - cpu


def measure_loop(config: TrainingConfig, stores: tuple[Store, Store], folder: Path) -> Stopwatch:
    """The training phase of an epoch of the real loop."""
    watch, train_epoch = Stopwatch(), loop.train_epoch
    loop.train_epoch = functools.partial(watch, train_epoch)
    try:
        loop.train(config, *stores, folder / "run", folder / "checkpoints", resume=False)
    finally:
        loop.train_epoch = train_epoch
    return watch


def measure_bare(config: TrainingConfig, store: Store) -> Stopwatch:
    """Forward, backward and step on tensors that are ready in memory."""
    with numerics(config, "cpu"):
        maker = BatchMaker(store, config.needs, config.weights, (0.5,), (0.25,))
        model = initial_model(config, store)
        stepper = loop.build_stepper(config, model, maker, torch.device("cpu"), Processes())
        indices = np.arange(config.steps_per_epoch * BATCH) % len(store)
        batches = [maker(part) for part in np.split(indices, config.steps_per_epoch)]
        criterion = losses.build(config.loss.name)
        model.train()

        def steps() -> None:
            for batch in batches:
                stepper.optimizer.zero_grad(set_to_none=True)
                criterion(model(batch.image), batch.truth).backward()
                stepper.optimizer.step()

        watch = Stopwatch()
        watch(steps)
    return watch


def main() -> None:
    """Measure and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    log.setLevel(logging.ERROR)
    config = settings(arguments.steps, arguments.threads)
    rounds = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stores = (
            write_store(folder / "train.zarr", Discs("train", SAMPLES)),
            write_store(folder / "val.zarr", Discs("val", BATCH)),
        )
        for number in range(arguments.rounds + 1):
            pair = measure_bare(config, stores[0]), measure_loop(config, stores, folder)
            if number:  # the first round warms caches and compiled code
                rounds.append(pair)
    samples = arguments.steps * BATCH
    print(f"compressed U-Net, batch {BATCH} of {SIZE}x{SIZE}, {arguments.threads} thread(s)")
    for k, what in enumerate(("bare step, data in memory", "training loop on shards")):
        wall, cpu = (median(getattr(pair[k], t) for pair in rounds) for t in ("wall", "cpu"))
        print(f"{what:26s} {samples / wall:7.2f} samples/s, {samples / cpu:7.2f} per second of CPU")
    wall, cpu = (
        median(getattr(bare, t) / getattr(real, t) for bare, real in rounds)
        for t in ("wall", "cpu")
    )
    print(f"ratio {wall:.3f}, of CPU {cpu:.3f} (wanted: at least {WANTED})")


if __name__ == "__main__":
    main()
