"""Small image files on disk, and the real samples where they are."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segmill.datasets import IngestProducer
from segmill.errors import IntegrityError


def save(path: Path, array: np.ndarray, **options) -> Path:
    """Write an array as an image file, by Pillow."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)
    return path


def blobs(h: int = 24, w: int = 32, n: int = 3) -> np.ndarray:
    """Instances 1 .. n: squares of 5 pixels apart from each other."""
    instances = np.zeros((h, w), np.uint16)
    for k in range(n):
        instances[4:9, 2 + 8 * k : 7 + 8 * k] = k + 1
    return instances


def grey(h: int = 24, w: int = 32, seed: int = 0) -> np.ndarray:
    """A noisy 8-bit image."""
    return np.random.default_rng(seed).integers(0, 256, (h, w), dtype=np.uint8)


def problems_of(config: dict, root: Path) -> list:
    """The problems that the check of a dataset finds, which must be some."""
    with pytest.raises(IntegrityError) as caught:
        IngestProducer(config, root).plan()
    return caught.value.problems


def by_file(problems: list, root: Path) -> dict:
    """Problems by the path of their file below `root`; each file is named once."""
    found = {problem.file.removeprefix(f"{root}/"): problem for problem in problems}
    assert len(found) == len(problems)
    return found


@pytest.fixture
def real_data() -> Path:
    """Folder of the real samples."""
    root = os.environ.get("SEGMILL_REAL_DATA")
    if not root:
        pytest.skip("SEGMILL_REAL_DATA is unset: it names the folder of real samples")
    return Path(root)


@pytest.fixture
def pairs(tmp_path: Path) -> tuple[Path, dict]:
    """A folder dataset of four 8-bit images with instance masks, and its configuration."""
    for k in range(4):
        save(tmp_path / "images" / f"img_{k}.png", grey(seed=k))
        save(tmp_path / "masks" / f"img_{k}.png", blobs(n=1 + k % 3))
    config = {
        "name": "pairs",
        "reader": "folder",
        "images": {"pattern": "images/*.png"},
        "masks": {"pattern": "masks/*.png"},
        "labels": {"kind": "instances", "border_width": 2},
        "split": {"fractions": {"train": 0.5, "val": 0.25, "test": 0.25}},
    }
    return tmp_path, config
