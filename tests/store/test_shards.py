"""Shard files: what is read back wrongly does not count, what a kill leaves is replaced."""

import numpy as np
import pytest
import tensorstore as ts

from segmill.errors import StoreError
from segmill.store import create, fill, finalise, shards, store_paths
from segmill.store.reader import array_spec
from segmill.store.shards import ShardFile, encode, shard_path
from tests.store.test_store import RandomProducer, files


def written(path, values, compression="none"):
    """A shard file of three places whose first two samples are `values`."""
    shard = ShardFile(path, 6, 3)
    for place, sample in enumerate(values):
        shard.append(place, encode(sample, compression))
    return shard


def damage_at_sync(monkeypatch, path, damage):
    """Change the unfinished file once it has been handed to the disk."""

    def sync(_):
        partial = path.with_name(path.name + ".partial")
        partial.write_bytes(damage(partial.read_bytes()))

    monkeypatch.setattr(shards.os, "fsync", sync)


def overwritten(content, start):
    """The same bytes but for four."""
    return content[:start] + b"????" + content[start + 4 :]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content, _: overwritten(content, 0), "sample 6 reads back differently"),
        (lambda content, second: overwritten(content, second), "sample 7 reads back differently"),
        (lambda content, _: content[:-30], r"expected \d+ bytes on disk, found \d+"),
        (lambda content, _: content[:-10] + bytes(10), "its index reads back differently"),
    ],
)
@pytest.mark.parametrize("compression", ["none", "zstd", "lz4"])
def test_a_shard_that_reads_back_differently_does_not_count(
    tmp_path, monkeypatch, damage, message, compression
):
    path = tmp_path / "c" / "0"
    values = np.random.default_rng(0).integers(1, 255, (2, 2, 5), dtype=np.uint8)
    second = encode(values[0], compression).content.nbytes
    shard = written(path, values, compression)
    damage_at_sync(monkeypatch, path, lambda content: damage(content, second))
    with pytest.raises(StoreError, match=message):
        shard.finish()
    assert not path.exists()
    shard.discard()
    assert not list(path.parent.iterdir())


def test_samples_of_zeros_need_no_bytes_but_negative_zeros_do(tmp_path):
    zeros = np.zeros((2, 5), np.float32)
    assert encode(zeros, "zstd") is None
    assert encode(-zeros, "zstd") is not None
    late = np.zeros(10_000, np.uint8)
    late[-1] = 1
    assert encode(late, "none") is not None
    path = tmp_path / "0"
    path.write_bytes(b"of an earlier filling")
    written(path, [zeros, zeros]).finish()
    assert not path.exists()


def test_what_a_killed_part_left_is_replaced_and_never_enters_the_store(tmp_path):
    path, producer = tmp_path / "a.zarr", RandomProducer()
    create(path, producer.plan())
    manifest = fill(path, producer)
    whole = files(store_paths(path).partial)
    shard = shard_path(store_paths(path).partial / "image", 1, 4)
    shard.with_name(shard.name + ".partial").write_bytes(b"half")
    assert fill(path, producer) == manifest
    assert files(store_paths(path).partial) == whole
    shard.with_name(shard.name + ".partial").write_bytes(b"half")
    assert not list(finalise(path, [manifest]).path.rglob("*.partial"))


def test_a_sample_that_fails_leaves_no_unfinished_shard(tmp_path):
    class Failing(RandomProducer):
        def sample(self, i):
            if i == 3:
                raise OSError("truncated file")
            return super().sample(i)

    path = tmp_path / "a.zarr"
    create(path, Failing().plan())
    with pytest.raises(StoreError, match="sample s3"):
        fill(path, Failing())
    names = {p.name for p in store_paths(path).partial.rglob("*") if p.is_file()}
    assert not [name for name in names if name.endswith(".partial")]


@pytest.mark.parametrize("compression", ["none", "lz4", "zstd"])
def test_bytes_are_those_that_tensorstore_decodes(tmp_path, compression):
    """Also where a sample is missing in the middle of a shard, and the last shard is not full."""

    class Sparse(RandomProducer):
        def sample(self, i):
            sample = super().sample(i)
            if i in (1, 4):
                sample.instances[:] = 0
            return sample

    path, producer = tmp_path / "a.zarr", Sparse(n=5, shard_samples=3, compression=compression)
    create(path, producer.plan())
    fill(path, producer)
    array = ts.open(array_spec(store_paths(path).partial / "instances"), read=True).result()
    for i in range(5):
        expected = producer.sample(i).instances
        found = array[i].read().result()
        np.testing.assert_array_equal(found[: expected.shape[0], : expected.shape[1]], expected)
