import numpy as np
import pandas as pd
import pytest

from segmill.classical import AlignmentProducer, align, align_store, classical_producer
from segmill.errors import ConfigError, IntegrityError
from segmill.notions import unpack
from segmill.samples import Sample
from segmill.store import FieldSpec, StorePlan, write_store
from tests.classical.sweeps import sweep

CONFIG = {"title": "Variance and sum", "method": "alignment", "options": {"closing": 1}}
NAMES = ["loop", "stem", "pin", "foreground"]


class Sweeps:
    """Two sweeps of 20 frames, interleaved; the second stands still."""

    def __init__(self, dtype="uint8", **columns):
        frames, self.omega, _ = sweep(frames=20)
        self.dtype, self.columns = dtype, columns
        self.frames = np.stack([frames, np.repeat(frames[:1], 20, axis=0)], axis=1)

    def plan(self):
        names = [f"{group}-{k}" for k in range(20) for group in "ab"]
        table = pd.DataFrame(
            {
                "sample_id": names,
                "group": [name[0] for name in names],
                "split": ["test" if name[0] == "a" else "val" for name in names],
                "source": "drawn",
                "frame": np.repeat(np.arange(20), 2),
                "omega": np.repeat(self.omega, 2),
                "mm_per_px": 0.002,
            }
        )
        table = table.assign(**self.columns).dropna(axis="columns", how="all")
        return StorePlan(
            table, {"image": FieldSpec(self.dtype, 1)}, 160, 200, {"dataset": "plates"}
        )

    def sample(self, i):
        return Sample(self.frames[i // 2, i % 2, :, :, None].astype(self.dtype))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_store(tmp_path_factory.mktemp("sweeps") / "sweeps.zarr", Sweeps())


def test_a_store_of_found_parts(source, tmp_path):
    store = write_store(tmp_path / "found.zarr", classical_producer(source, CONFIG))
    assert store.attributes["notions"] == NAMES
    assert store.table["sample_id"].tolist() == source.table["sample_id"].tolist()
    rows = source.where(group="a")
    frames = np.stack([source.image(i)[..., 0] for i in rows])
    found = align(frames, source.table["omega"].iloc[rows], mm_per_px=0.002, closing=1)
    for k, i in enumerate(rows):
        masks = unpack(store.notions(i), 4)
        for name, expected in found.part_masks(k).items():
            np.testing.assert_array_equal(masks[..., NAMES.index(name)], expected)
        np.testing.assert_array_equal(store.image(i), source.image(i))
    still = store.where(group="b")
    assert all(not store.notions(i).any() for i in still)
    assert store.table["empty_reason"].iloc[still].str.contains("nothing moves").all()
    assert (store.table["empty_reason"].iloc[rows] == "").all()


def test_a_row_per_sweep(source):
    table = align_store(source, {"closing": 1})
    assert table["group"].tolist() == ["a", "b"]
    assert table["failed"].tolist() == [False, True]
    assert table["unit"].tolist() == ["um", "um"]
    assert table["centre_across"].iloc[0] == pytest.approx(12, abs=1.5)
    assert table["circle_centroid_rms"].iloc[0] < 1
    assert np.isnan(table["circle_centroid_rms"].iloc[1])
    assert align_store(source, split="val")["group"].tolist() == ["b"]


def test_what_cannot_be_aligned_is_named(source, tmp_path):
    with pytest.raises(ConfigError, match="no sample of split 'train', only of"):
        AlignmentProducer(source, CONFIG, "train")
    with pytest.raises(ConfigError, match="no sample of split 'train'"):
        align_store(source, split="train")
    with pytest.raises(ConfigError, match="did you mean closing"):
        AlignmentProducer(source, {"method": "alignment", "options": {"closin": 1}})
    deep = write_store(tmp_path / "deep.zarr", Sweeps("uint16", omega=np.nan))
    with pytest.raises(IntegrityError) as error:
        AlignmentProducer(deep, CONFIG)
    assert "expected images of uint8, found uint16" in str(error.value)
    assert "expected a column omega" in str(error.value)
    omega = np.where(np.arange(40) == 3, np.nan, 1.0)
    missing = write_store(tmp_path / "missing.zarr", Sweeps(omega=omega))
    with pytest.raises(IntegrityError, match="b-1: expected an omega, found none"):
        align_store(missing)


def test_sweeps_of_mixed_zoom_are_refused(tmp_path):
    sizes = np.where(np.arange(40) < 9, 0.001, 0.002)
    mixed = write_store(tmp_path / "mixed.zarr", Sweeps(mm_per_px=sizes))
    assert align_store(mixed)["reason"].str.startswith("mm_per_px differs").all()
    resting = np.arange(40) < 24
    store = write_store(tmp_path / "resting.zarr", Sweeps(rotating=resting))
    assert align_store(store)["used"].iloc[0] == 12
