"""Tiny shards of overlapping notions and clicks for the tests of training."""

from pathlib import Path

import numpy as np
import pandas as pd

from segmill.clicks import CLICK, heat_map, unknown
from segmill.notions import pack_named
from segmill.random import generator
from segmill.samples import Sample
from segmill.store import FieldSpec, Store, StorePlan, open_store, write_store
from segmill.training import TrainingConfig, train

NAMES = ("crystal", "loop", "ice", "foreground")
SIZE = 16


class Scenes:
    """Two images of each of `groups` loops with a crystal; of every third image no click is known.

    Of the four notions ice never occurs.
    """

    def __init__(self, groups: list[str], split: str):
        self.groups = [name for name in groups for _ in range(2)]
        self.split = split

    def plan(self) -> StorePlan:
        ids = [f"{name}_{i % 2}" for i, name in enumerate(self.groups)]
        table = pd.DataFrame(
            {
                "sample_id": ids,
                "group": self.groups,
                "split": self.split,
                "source": "drawn",
                "frame": range(len(ids)),
            }
        )
        fields = {
            "image": FieldSpec("uint8", 3),
            "notions": FieldSpec("uint16"),
            "target": FieldSpec("float16", 1),
            "ignore": FieldSpec("bool"),
        }
        attributes = {"dataset": "scenes", "notions": list(NAMES), "targets": [CLICK]}
        return StorePlan(table, fields, SIZE, SIZE, attributes)

    def sample(self, i: int) -> Sample:
        rng = generator(3, "scenes", f"{self.split}{i}")
        shape = (SIZE, SIZE)
        y, x = rng.integers(4, SIZE - 4, 2)
        rows, columns = np.mgrid[:SIZE, :SIZE]
        squared = (rows - y) ** 2 + (columns - x) ** 2
        masks = {"crystal": squared < 4, "loop": squared < 16}
        image = 40 + 60.0 * masks["loop"] + 100 * masks["crystal"] + rng.integers(0, 30, shape)
        heat = unknown(shape) if i % 3 == 2 else heat_map(shape, (y, x), 1.5)
        ignore = np.zeros(shape, bool)
        ignore[:, 0] = True
        return Sample(
            np.repeat(image.astype(np.uint8)[..., None], 3, axis=2),
            notions=pack_named(masks, NAMES, shape),
            target=heat[..., None].astype(np.float16),
            ignore=ignore,
        )


def shards(folder: Path, groups: int = 5) -> tuple[Store, Store]:
    """Training and validation shards below a folder: two samples of each group."""
    stores = []
    for split, count in (("train", groups), ("val", 2)):
        path = Path(folder) / f"{split}.zarr"
        names = [f"{split}{k}" for k in range(count)]
        stores.append(
            open_store(path) if path.exists() else write_store(path, Scenes(names, split))
        )
    return tuple(stores)


def block(**changes) -> dict:
    """Settings of a training of a few seconds."""
    network = {"blocks": [1], "bottleneck": 1, "growth": 4, "first_channels": 6}
    settings = {
        "model": {"name": "fc_densenet56", "options": network},
        "loss": {"name": "focal", "options": {"weights": "auto", "click": True}},
        "batch_size": 2,
        "epochs": 3,
        "optimizer": {"name": "rmsprop", "options": {"weight_decay": 1e-4}},
        "schedule": {"kind": "plateau", "rate": 3e-3, "patience": 1},
        "seed": 5,
        "tensorboard": False,
        "checkpoint_minutes": 0,
        "device": "cpu",
    }
    return {**settings, **changes}


def run(folder: Path, name: str, **changes) -> dict:
    """Train on the shards below `folder` into ``folder/name``."""
    return train(
        TrainingConfig.from_dict(block(**changes)),
        *shards(folder),
        Path(folder) / name / "run",
        Path(folder) / name / "checkpoints",
    )
