"""Tiny shards and settings for the tests of training; also run as a program by them."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from segmill.labels import cell_border
from segmill.random import generator
from segmill.store import FieldSpec, Sample, Store, StorePlan, open_store, write_store
from segmill.training import TrainingConfig, train

SIZE = 16


class Squares:
    """Bright squares on a dark ground: images that a few steps can learn."""

    def __init__(self, levels: list[int], split: str, nan_target: bool = False):
        self.levels = levels
        self.split = split

    def plan(self) -> StorePlan:
        ids = [f"{self.split}{i}" for i in range(len(self.levels))]
        table = pd.DataFrame(
            {
                "sample_id": ids,
                "group": ids,
                "split": self.split,
                "source": "drawn",
                "frame": range(len(ids)),
                "level": self.levels,
            }
        )
        fields = {
            "image": FieldSpec("uint8", 1),
            "semantic": FieldSpec("uint8"),
            "instances": FieldSpec("int32"),
        }
        attributes = {
            "dataset": "squares",
            "classes": ["background", "cell", "border"],
            "preprocessing": {"normalise": {"mode": "dtype"}, "rescale": 1.0, "channels": "as_is"},
        }
        return StorePlan(table, fields, SIZE, SIZE, attributes)

    def sample(self, i: int) -> Sample:
        rng = generator(3, "squares", f"{self.split}{i}")
        instances = np.zeros((SIZE, SIZE), np.int32)
        for label in (1, 2):
            y, x = rng.integers(0, SIZE - 6, 2)
            instances[y : y + 6, x : x + 6] = label
        image = np.where(instances > 0, 180, 40) + rng.integers(0, 40, instances.shape)
        return Sample(
            image.astype(np.uint8)[..., None],
            semantic=cell_border(instances, width=1),
            instances=instances,
        )


def shards(folder: Path, levels: list[int] | None = None) -> tuple[Store, Store]:
    """Training and validation shards below a folder; 7 and 5 samples by default."""
    levels = [0, 0, 0, 0, 1, 1, 1] if levels is None else levels
    stores = []
    for split, numbers in (("train", levels), ("val", [0] * 5)):
        path = Path(folder) / f"{split}.zarr"
        stores.append(
            open_store(path) if path.exists() else write_store(path, Squares(numbers, split))
        )
    return tuple(stores)


def block(**changes) -> dict:
    """Settings of a training of a few seconds."""
    settings = {
        "model": {
            "name": "unet_compressed",
            "options": {"widths": [4, 4], "dropout": "standard", "rate": 0.2},
        },
        "loss": {"name": "weighted_cross_entropy", "options": {"w0": 2.0, "sigma": 2.0}},
        "batch_size": 2,
        "epochs": 4,
        "steps_per_epoch": 3,
        "schedule": {"kind": "table", "table": [[1, 1e-2], [3, 5e-3]]},
        "snapshots": [2],
        "seed": 5,
        "tensorboard": False,
        "checkpoint_minutes": 0,
        "device": "cpu",
    }
    return {**settings, **changes}


def run(folder: Path, name: str, resume: bool = True, **changes) -> dict:
    """Train on the shards below `folder` into ``folder/name``."""
    config = TrainingConfig.from_dict(block(**changes))
    train_store, validation_store = shards(folder)
    return train(
        config,
        train_store,
        validation_store,
        Path(folder) / name / "run",
        Path(folder) / name / "checkpoints",
        resume,
    )


if __name__ == "__main__":
    import yaml

    from segmill.progress import configure_logging

    configure_logging()
    print(run(Path(sys.argv[1]), sys.argv[2], **yaml.safe_load(sys.argv[3])))
