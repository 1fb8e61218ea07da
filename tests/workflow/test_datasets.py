"""A dataset added by one file; shared among jobs; with faults that are named and repaired."""

import re
import shutil

import numpy as np
import pytest

from segmill import open_store
from tests.datasets.conftest import blobs, grey, save

pytestmark = pytest.mark.workflow

CONFIG = """\
reader: folder
path: raw
images: {pattern: images/*.png}
masks: {pattern: masks/*.png}
labels: {kind: instances, border_width: 1}
split:
  fractions: {train: 0.5, val: 0.25, test: 0.25}
"""
TABLE = "results/stores/mine.parquet"


@pytest.fixture
def dataset(clone):
    """A clone with a dataset `mine`: images, masks, and one file of configuration."""
    for k in range(8):
        save(clone.folder / f"raw/images/f{k}.png", grey(seed=k))
        save(clone.folder / f"raw/masks/f{k}.png", blobs())
    (clone.folder / "config/datasets/mine.yaml").write_text(CONFIG)
    return clone


def content(folder, name="mine") -> dict[str, bytes]:
    """Bytes of every file of a store, its table among them, by name."""
    files = [*folder.glob(f"{name}.zarr/**/*"), folder / f"{name}.parquet"]
    return {str(f.relative_to(folder)): f.read_bytes() for f in files if f.is_file()}


def test_one_file_adds_a_dataset_and_parts_and_cores_change_no_byte(dataset):
    stores = dataset.folder / "results/stores"
    assert dataset.plan(TABLE).jobs == {"dataset": 1}
    assert dataset.run("--cores", "1", "--", TABLE)[0] == 0
    store = open_store(stores / "mine.zarr")
    store.verify()
    assert store.table["split"].value_counts().to_dict() == {"train": 4, "val": 2, "test": 2}
    np.testing.assert_array_equal(store.image(3)[..., 0], grey(seed=3))
    np.testing.assert_array_equal(store.instances(3), blobs())
    whole = content(stores)

    for cores, parts in ((2, 1), (2, 3)):
        shutil.rmtree(stores)
        (dataset.folder / "config/datasets/mine.yaml").write_text(f"{CONFIG}parts: {parts}\n")
        status, output = dataset.run("--cores", str(cores), "--", TABLE)
        assert status == 0, output
        assert content(stores) == whole, f"{cores} cores, {parts} parts"
    assert output.count("Filling part") == 3
    assert not list((dataset.folder / "results/parts").rglob("*.json"))


def test_a_failing_job_names_its_log_which_names_every_offender_and_can_be_repaired(dataset):
    (dataset.folder / "raw/images/f1.png").write_bytes(b"\x89PNG\r\n\x1a\n damaged")
    save(dataset.folder / "raw/masks/f5.png", blobs(24, 30))
    (dataset.folder / "raw/masks/f6.png").unlink()
    status, output = dataset.run("--cores", "2", "--", TABLE)
    assert status != 0
    error = output[output.index("Error in rule dataset") :]
    log = re.search(r"log: (\S+)", error)[1]
    assert log == "logs/stores/mine.log"
    for text in (dataset.read(log), error):
        assert "3 problems in dataset raw" in text
        for name in ("images/f1.png", "masks/f5.png", "images/f6.png"):
            assert name in text
    stores = dataset.folder / "results/stores"
    assert not stores.exists() or list(stores.iterdir()) == []

    save(dataset.folder / "raw/images/f1.png", grey(seed=1))
    for k in (5, 6):
        save(dataset.folder / f"raw/masks/f{k}.png", blobs())
    dataset.make("--", TABLE)
    open_store(stores / "mine.zarr").verify()


def test_parts_of_several_shards_make_the_same_store(dataset):
    """Eight images in four shards: some of three parts write two of them."""
    stores = dataset.folder / "results/stores"
    # The largest array holds 24 x 32 int32 values for each image.
    config = f"{CONFIG}shard_mib: {2 * 24 * 32 * 4 / 2**20}\n"
    made = {}
    for parts in (1, 2, 3):
        (dataset.folder / "config/datasets/mine.yaml").write_text(f"{config}parts: {parts}\n")
        dataset.make("--", TABLE)
        assert len(list((stores / "mine.zarr/image/c").iterdir())) == 4
        made[parts] = content(stores)
        shutil.rmtree(stores)
    assert made[1] == made[2] == made[3]


def test_shards_in_parts_are_the_shards_made_at_once(dataset):
    folder = dataset.folder / "results/shards/synthetic_smoke/cells"
    made = {}
    for parts in (1, 3):
        dataset.make(
            "--config",
            f"set=recipes.cells.copies=1 recipes.cells.parts={parts} recipes.cells.shard_mib=0.15",
            "--",
            "results/shards/synthetic_smoke/cells/train.parquet",
        )
        open_store(folder / "train.zarr").verify()
        assert len(list((folder / "train.zarr/image/c").iterdir())) >= 3
        made[parts] = content(folder, "train")
        (folder / "train.parquet").unlink()
    assert made[3] == made[1]
