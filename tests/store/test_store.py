"""The sample store: round trips, parts, atomicity, verification."""

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segmill.errors import StoreError
from segmill.store import (
    FieldSpec,
    Sample,
    StorePlan,
    create,
    fill,
    finalise,
    open_store,
    store_paths,
    write_store,
)
from segmill.store.hashing import content_hash


class RandomProducer:
    """Samples of unequal size with every kind of array."""

    def __init__(
        self, n=7, height=12, width=10, shard_samples=2, dtype="uint8", compression="zstd"
    ):
        self.n, self.height, self.width, self.dtype = n, height, width, dtype
        self.compression = compression
        self.fields = {
            "image": FieldSpec(dtype, 3),
            "semantic": FieldSpec("uint8"),
            "instances": FieldSpec("int32"),
            "notions": FieldSpec("uint16"),
            "target": FieldSpec("float32", 2),
            "scores": FieldSpec("float16", 2),
            "ignore": FieldSpec("bool"),
        }
        largest = height * width * 8  # target: two float32
        self.shard_mib = shard_samples * largest / 2**20 * 1.001

    def plan(self):
        table = pd.DataFrame(
            {
                "sample_id": [f"s{i}" for i in range(self.n)],
                "group": "g",
                "split": [("train", "val", "test")[i % 3] for i in range(self.n)],
                "source": "made",
                "frame": range(self.n),
            }
        )
        return StorePlan(
            table,
            self.fields,
            self.height,
            self.width,
            {"classes": ["background", "cell"], "dataset": "random"},
            shard_mib=self.shard_mib,
            compression=self.compression,
        )

    def sample(self, i):
        rng = np.random.default_rng(i)
        h, w = self.height - i % 3, self.width - i % 4
        top = np.iinfo(self.dtype).max
        return Sample(
            image=rng.integers(0, top, (h, w, 3), dtype=self.dtype, endpoint=True),
            semantic=rng.integers(0, 2, (h, w), dtype=np.uint8),
            instances=rng.integers(0, 2**31, (h, w)).astype(np.int32),
            notions=rng.integers(0, 2**16, (h, w)).astype(np.uint16),
            target=rng.normal(size=(h, w, 2)).astype(np.float32),
            scores=rng.normal(size=(h, w, 2)).astype(np.float16),
            ignore=rng.random((h, w)) < 0.5,
            notes={"mean": float(i)},
        )


def files(folder):
    """Content of every file below a folder."""
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    n=st.integers(1, 6),
    height=st.integers(3, 9),
    width=st.integers(4, 9),
    shard_samples=st.integers(1, 4),
    dtype=st.sampled_from(["uint8", "uint16"]),
    compression=st.sampled_from(["zstd", "lz4", "none"]),
)
def test_every_array_comes_back(tmp_path, n, height, width, shard_samples, dtype, compression):
    producer = RandomProducer(n, height, width, shard_samples, dtype, compression)
    store = write_store(tmp_path / "a.zarr", producer)
    assert len(store) == n
    for i in range(n):
        expected = producer.sample(i).arrays()
        found = store.sample(i).arrays()
        assert set(found) == set(expected)
        for name, array in expected.items():
            assert found[name].dtype == array.dtype
            np.testing.assert_array_equal(found[name], array)
    assert store.table["mean"].tolist() == list(range(n))
    store.verify()


def test_batch_pads_with_zeros_and_keeps_the_order(tmp_path):
    producer = RandomProducer()
    store = write_store(tmp_path / "a.zarr", producer)
    order = [5, 0, 5, 3]
    batch = store.batch(order, ("image", "instances"))
    assert set(batch) == {"image", "instances"}
    assert batch["image"].shape == (4, 12, 10, 3)
    for k, i in enumerate(order):
        h, w = producer.sample(i).shape
        np.testing.assert_array_equal(batch["image"][k, :h, :w], producer.sample(i).image)
        assert not batch["image"][k, h:].any()
        assert not batch["instances"][k, :, w:].any()


def test_parts_and_workers_change_no_bit(tmp_path):
    whole = write_store(tmp_path / "whole.zarr", RandomProducer())
    for parts, workers in ((2, 1), (3, 2), (9, 1)):
        name = tmp_path / f"p{parts}w{workers}.zarr"
        other = write_store(name, RandomProducer(), parts=parts, workers=workers)
        assert other.content_hash == whole.content_hash
        assert files(other.path) == files(whole.path)
        assert store_paths(name).table.read_bytes() == store_paths(whole.path).table.read_bytes()


def test_shard_size_and_codec_change_files_but_not_the_content(tmp_path):
    hashes = {
        write_store(
            tmp_path / f"{size}{codec}", RandomProducer(shard_samples=size, compression=codec)
        ).content_hash
        for size in (1, 4)
        for codec in ("zstd", "none")
    }
    assert len(hashes) == 1


def test_content_hash_sees_every_change(tmp_path):
    class Changed(RandomProducer):
        def __init__(self, change):
            super().__init__(n=3)
            self.change = change

        def plan(self):
            plan = super().plan()
            if self.change == "table":
                plan.table.loc[1, "split"] = (
                    "test" if plan.table.loc[1, "split"] != "test" else "val"
                )
            if self.change == "classes":
                plan.attributes["classes"] = ["cell", "background"]
            return plan

        def sample(self, i):
            sample = super().sample(i)
            if self.change == "pixel" and i == 2:
                sample.instances[0, 0] += 1
            return sample

    changes = ("nothing", "table", "classes", "pixel")
    hashes = [write_store(tmp_path / change, Changed(change)).content_hash for change in changes]
    assert len(set(hashes)) == len(changes)


def test_parts_are_filled_in_any_order_and_again(tmp_path):
    path = tmp_path / "a.zarr"
    producer = RandomProducer()
    create(path, producer.plan())
    manifests = [fill(path, producer, part, 3) for part in (2, 0, 1)]
    manifests[1] = fill(path, producer, 0, 3)  # a killed part that ran again
    store = finalise(path, manifests)
    assert store.content_hash == write_store(tmp_path / "b.zarr", producer).content_hash
    assert {p.name for p in tmp_path.iterdir()} == {"a.zarr", "a.parquet", "b.zarr", "b.parquet"}


def test_a_missing_part_is_named_and_nothing_is_moved(tmp_path):
    path = tmp_path / "a.zarr"
    producer = RandomProducer()
    create(path, producer.plan())
    manifests = [fill(path, producer, 0, 2)]
    with pytest.raises(StoreError, match=r"expected 7 samples.*found 4.*missing rows: \[4, 5, 6\]"):
        finalise(path, manifests)
    with pytest.raises(StoreError, match="unfinished store"):
        open_store(path)
    manifests.append(fill(path, producer, 1, 2))
    assert len(finalise(path, manifests)) == 7


def test_a_lost_shard_is_named(tmp_path):
    path = tmp_path / "a.zarr"
    producer = RandomProducer()
    create(path, producer.plan())
    manifest = fill(path, producer)
    victim = next(f for f in manifest["files"] if f.startswith("instances"))
    (store_paths(path).partial / victim).unlink()
    with pytest.raises(StoreError, match=victim):
        finalise(path, [manifest])


def test_a_failing_sample_is_named_and_leaves_nothing(tmp_path):
    class Failing(RandomProducer):
        def sample(self, i):
            if i == 4:
                raise OSError("truncated file")
            return super().sample(i)

    with pytest.raises(StoreError, match=r"Failing: sample s4 \(row 4\): OSError: truncated file"):
        write_store(tmp_path / "a.zarr", Failing())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"semantic": np.zeros((12, 10), np.int64)}, "semantic has dtype int64"),
        (
            {"instances": np.zeros((11, 10), np.int32)},
            r"instances is \(11, 10\), its image \(12, 10\)",
        ),
        ({"image": np.zeros((12, 10), np.uint8)}, r"image has shape \(12, 10\)"),
        ({"target": None}, "planned"),
        ({"image": np.zeros((12, 10, 4), np.uint8)}, "with 4 channels"),
    ],
)
def test_a_sample_that_breaks_the_plan_is_named(tmp_path, change, message):
    class Broken(RandomProducer):
        def sample(self, i):
            sample = super().sample(i)
            for name, value in change.items():
                setattr(sample, name, value)
            return sample

    with pytest.raises(StoreError, match=message) as caught:
        write_store(tmp_path / "a.zarr", Broken(n=1))
    assert "s0" in str(caught.value)


def test_a_wrong_plan_names_all_offences(tmp_path):
    plan = RandomProducer(n=3).plan()
    plan.table.loc[2, "sample_id"] = "s0"
    plan.table.loc[0, "split"] = "training"
    plan.fields["image"] = FieldSpec("float64", None)
    plan.fields["colour"] = FieldSpec("uint8")
    with pytest.raises(StoreError) as caught:
        create(tmp_path / "a.zarr", plan)
    for part in (
        "['s0']",
        "['training']",
        "image as float64",
        "channels=None",
        "unknown field colour",
    ):
        assert part in str(caught.value)


def test_verify_names_damaged_samples_and_changed_tables(tmp_path):
    store = write_store(tmp_path / "a.zarr", RandomProducer())
    array = zarr.open_array(store.path / "semantic", mode="r+")
    value = array[3, 0, 0]
    array[3, 0, 0] = 1 - value
    with pytest.raises(StoreError, match=r"1 damaged samples: \['s3'\]"):
        open_store(store.path).verify()
    array[3, 0, 0] = value
    open_store(store.path).verify()
    reopened = open_store(store.path)
    reopened.table.loc[0, "split"] = "val"
    with pytest.raises(StoreError, match="table or attributes were changed"):
        reopened.verify()


def test_verify_names_a_shard_that_does_not_decode(tmp_path):
    store = write_store(tmp_path / "a.zarr", RandomProducer(n=2, shard_samples=1))
    shard = next(p for p in (store.path / "image" / "c" / "1").rglob("*") if p.is_file())
    shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])
    with pytest.raises(StoreError, match="s1"):
        open_store(store.path).verify()


def test_verify_asks_for_a_store_of_known_digests(tmp_path):
    store = write_store(tmp_path / "a.zarr", RandomProducer(n=2))
    zarr.open_group(store.path, mode="r+").attrs["format"] = "segmill-store-1"
    older = open_store(store.path)
    assert older.image(0).shape == store.image(0).shape
    with pytest.raises(StoreError, match=r"segmill-store-2.*found segmill-store-1: make it again"):
        older.verify()


def test_group_and_table_of_two_stores_are_refused(tmp_path):
    write_store(tmp_path / "a.zarr", RandomProducer(n=2))
    write_store(tmp_path / "b.zarr", RandomProducer(n=3))
    shutil.copy(tmp_path / "b.parquet", tmp_path / "a.parquet")
    with pytest.raises(StoreError, match="not of one store"):
        open_store(tmp_path / "a.zarr")


def test_a_store_opens_by_any_of_its_names(tmp_path):
    write_store(tmp_path / "a.zarr", RandomProducer(n=2))
    for name in ("a", "a.zarr", "a.parquet"):
        assert len(open_store(tmp_path / name)) == 2
    with pytest.raises(StoreError, match="found no"):
        open_store(tmp_path / "absent.zarr")


def test_where_selects_rows_and_knows_its_columns(tmp_path):
    store = write_store(tmp_path / "a.zarr", RandomProducer())
    assert store.where(split="val").tolist() == [1, 4]
    assert store.where(split=["val", "test"], frame=[1, 2, 3]).tolist() == [1, 2]
    with pytest.raises(StoreError, match="no column level"):
        store.where(level=0)


def test_unknown_fields_and_samples_are_refused(tmp_path):
    class ImagesOnly(RandomProducer):
        def __init__(self):
            super().__init__(n=2)
            self.fields = {"image": self.fields["image"]}

        def sample(self, i):
            return Sample(super().sample(i).image)

    store = write_store(tmp_path / "a.zarr", ImagesOnly())
    with pytest.raises(StoreError, match="has no instances"):
        store.instances(0)
    with pytest.raises(IndexError, match="samples 0 to 1"):
        store.batch([0, 2])
    with pytest.raises(IndexError, match="samples 0 to 1"):
        store.image(-1)


def test_zarr_python_reads_what_tensorstore_wrote(tmp_path):
    store = write_store(tmp_path / "a.zarr", RandomProducer())
    group = zarr.open_group(store.path, mode="r")
    for name in store.fields:
        np.testing.assert_array_equal(group[name][:], store.batch(range(7), [name])[name])
    assert group["image"].shards == (2, 12, 10, 3)
    assert group["image"].chunks == (1, 12, 10, 3)


def test_a_killed_writer_leaves_no_store(tmp_path):
    code = textwrap.dedent(
        """
        import os, signal, sys
        from segmill.store import write_store
        from tests.store.test_store import RandomProducer

        class Killed(RandomProducer):
            def sample(self, i):
                if i == 5:
                    os.kill(os.getpid(), signal.SIGKILL)
                return super().sample(i)

        write_store(sys.argv[1], Killed())
        """
    )
    path = tmp_path / "a.zarr"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=root, check=False)
    assert done.returncode == -9
    assert not path.exists()
    with pytest.raises(StoreError, match="unfinished store"):
        open_store(path)
    store = write_store(path, RandomProducer())
    assert store.content_hash == write_store(tmp_path / "b", RandomProducer()).content_hash


def test_a_finaliser_killed_between_group_and_table_finishes_when_called_again(
    tmp_path, monkeypatch
):
    path = tmp_path / "a.zarr"
    producer = RandomProducer()
    create(path, producer.plan())
    manifests = [fill(path, producer)]

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("segmill.store.staging._replace_table", killed)
        with pytest.raises(KeyboardInterrupt):
            finalise(path, manifests)
    with pytest.raises(StoreError, match="found no"):
        open_store(path)
    finalise(path, manifests).verify()


def test_a_part_reads_the_rows_of_its_shards_alone(tmp_path, monkeypatch):
    class Taking(RandomProducer):
        def take_rows(self, rows):
            self.rows = rows

    monkeypatch.setattr("segmill.store.plan_file.ROW_GROUP", 3)
    plan = Taking().plan()
    create(tmp_path / "a.zarr", plan)
    for part, expected in enumerate(([0, 1], [2, 3], [4, 5, 6])):
        producer = Taking()
        fill(tmp_path / "a.zarr", producer, part, 3)
        assert producer.rows.index.tolist() == expected
        pd.testing.assert_frame_equal(
            producer.rows, plan.table.iloc[expected], check_index_type=False
        )


def test_hidden_columns_reach_the_producer_and_not_the_store(tmp_path):
    class Hiding(RandomProducer):
        def plan(self):
            plan = super().plan()
            plan.table["_secret"] = [7 * i for i in range(self.n)]
            plan.hidden = ("_secret",)
            return plan

        def take_rows(self, rows):
            self.rows = rows

    producer = Hiding()
    store = write_store(tmp_path / "a.zarr", producer)
    assert producer.rows["_secret"].tolist() == [7 * i for i in range(7)]
    plain = write_store(tmp_path / "b.zarr", RandomProducer())
    assert "_secret" not in store.table
    assert store.content_hash == plain.content_hash


def test_the_digest_of_a_store_is_that_of_its_table_at_once(monkeypatch):
    table = RandomProducer().plan().table.assign(x=np.linspace(0, 1, 7), y=[None, "a"] * 3 + ["b"])
    extents = np.ones((7, 2), np.int32)
    whole = content_hash(table, extents, {})
    monkeypatch.setattr("segmill.store.hashing.ROWS_AT_ONCE", 2)
    assert content_hash(table, extents, {}) == whole
    assert content_hash(table.iloc[:6], extents, {}) != whole
