import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch

from segmill.errors import TrainingError
from segmill.random import generator
from segmill.store import FieldSpec, Sample, StorePlan, write_store
from segmill.training.data import BatchMaker, ReadAhead
from segmill.training.settings import WeightMap
from segmill.training.statistics import measure_statistics
from segmill.weights import weight_map
from tests.training.shards import shards


class Mixed:
    """16-bit images of two channels and unequal size, with every kind of label."""

    sizes = ((6, 8), (8, 5), (8, 8))

    def plan(self) -> StorePlan:
        n = len(self.sizes)
        ids = [f"image{i}" for i in range(n)]
        table = pd.DataFrame(
            {"sample_id": ids, "group": ids, "split": "train", "source": "", "frame": range(n)}
        )
        fields = {
            "image": FieldSpec("uint16", 2),
            "semantic": FieldSpec("uint8"),
            "instances": FieldSpec("int32"),
            "notions": FieldSpec("uint16"),
            "target": FieldSpec("float16", 3),
            "ignore": FieldSpec("bool"),
        }
        return StorePlan(table, fields, 8, 8, {"classes": ["a", "b"]})

    def sample(self, i: int) -> Sample:
        rng, size = generator(0, "mixed", i), self.sizes[i]
        return Sample(
            rng.integers(0, 65536, (*size, 2)).astype(np.uint16),
            semantic=rng.integers(0, 2, size).astype(np.uint8),
            instances=rng.integers(0, 3, size).astype(np.int32),
            notions=rng.integers(0, 65536, size).astype(np.uint16),
            target=rng.random((*size, 3)).astype(np.float16),
            ignore=rng.random(size) < 0.2,
        )


@pytest.fixture
def mixed(tmp_path):
    return write_store(tmp_path / "mixed.zarr", Mixed())


def maker(store, needs, w0=3.0):
    channels = store.shape()[-1]
    mean, std = (0.4, 0.6)[:channels], (0.2, 0.3)[:channels]
    return BatchMaker(store, needs, WeightMap(w0, 2.0), mean, std)


def test_images_are_normalised_and_channels_go_first(mixed):
    batch = maker(mixed, ("semantic",))(np.array([2, 0]))
    assert batch.ids == ["image2", "image0"]
    assert batch.image.shape == (2, 2, 8, 8)
    assert batch.image.dtype == torch.float32
    expected = mixed.image(2) / 65535
    for c, (mean, std) in enumerate([(0.4, 0.2), (0.6, 0.3)]):
        np.testing.assert_allclose(
            batch.image[0, c].numpy(), (expected[..., c] - mean) / std, rtol=1e-5, atol=1e-6
        )


def test_padding_and_what_is_not_annotated_are_ignored(mixed):
    batch = maker(mixed, ("semantic",))(np.arange(3))
    for i, (h, w) in enumerate(Mixed.sizes):
        expected = np.ones((8, 8), bool)
        expected[:h, :w] = mixed.ignore(i)
        assert np.array_equal(batch.truth["ignore"][i].numpy(), expected)


def test_weights_are_those_of_each_image_without_its_padding(mixed):
    batch = maker(mixed, ("semantic", "weight"))(np.arange(3))
    assert set(batch.truth) == {"semantic", "weight", "ignore"}
    for i, (h, w) in enumerate(Mixed.sizes):
        expected = weight_map(mixed.semantic(i), mixed.instances(i), 3.0, 2.0, mixed.ignore(i))
        assert np.array_equal(batch.truth["weight"][i, :h, :w].numpy(), expected)
        assert not batch.truth["weight"][i, h:].any()


def test_weights_of_gaps_alone(mixed):
    mean, std = (0.4, 0.6), (0.2, 0.3)
    make = BatchMaker(mixed, ("weight",), WeightMap(3.0, 2.0, "none"), mean, std)
    batch = make(np.arange(3))
    for i, (h, w) in enumerate(Mixed.sizes):
        expected = weight_map(
            mixed.semantic(i), mixed.instances(i), 3.0, 2.0, mixed.ignore(i), balanced=False
        )
        assert np.array_equal(batch.truth["weight"][i, :h, :w].numpy(), expected)


def test_notions_and_targets_have_the_layout_of_the_losses(mixed):
    batch = maker(mixed, ("notions", "target"))(np.array([2]))
    assert np.array_equal(batch.truth["notions"][0].numpy(), mixed.notions(2).astype(np.int32))
    assert batch.truth["target"].dtype == torch.float32
    assert np.array_equal(
        batch.truth["target"][0].numpy(), mixed.target(2).transpose(2, 0, 1).astype(np.float32)
    )


def test_full_samples_have_no_ignore_mask_and_class_weights_need_no_instances(tmp_path):
    store, _ = shards(tmp_path)
    make = maker(store, ("semantic", "weight"), w0=0.0)
    assert make.fields == ("image", "semantic")
    assert set(make(np.array([0])).truth) == {"semantic", "weight"}


def test_statistics_are_those_of_all_pixels_whatever_the_threads(mixed):
    pixels = np.concatenate([mixed.image(i).reshape(-1, 2) for i in range(3)]) / 65535
    found = []
    for count in (1, 3):
        with ThreadPoolExecutor(count) as threads:
            found.append(measure_statistics(mixed, range(3), threads))
    assert found[0] == found[1]
    np.testing.assert_allclose(found[0], [pixels.mean(0), pixels.std(0)], rtol=1e-12)


def test_a_constant_channel_has_a_spread_of_one(tmp_path):
    class Flat(Mixed):
        def sample(self, i):
            sample = super().sample(i)
            sample.image[..., 1] = 65535
            return sample

    store = write_store(tmp_path / "flat.zarr", Flat())
    with ThreadPoolExecutor(1) as threads:
        mean, std = measure_statistics(store, range(3), threads)
    assert (mean[1], std[1]) == (1.0, 1.0)
    assert std[0] < 1


def test_a_damaged_sample_is_named_with_its_stage(tmp_path):
    store, _ = shards(tmp_path)
    for chunk in (store.path / "semantic").rglob("c/**/*"):
        if chunk.is_file():
            chunk.write_bytes(b"x" * 40)
    with pytest.raises(TrainingError, match=r"reading sample train3 of .*train\.zarr"):
        maker(store, ("semantic",))(np.array([3, 4]))


def test_read_ahead_gives_batches_in_order_and_reads_some_before():
    made, enough = [], threading.Event()

    def make(indices):
        made.append(int(indices[0]))
        if len(made) == 3:
            enough.set()
        return int(indices[0])

    with ThreadPoolExecutor(2) as threads:
        reader = ReadAhead(make, threads, ahead=2)
        reader.follow(lambda n: np.array([10 * n]) if n < 6 else None)
        assert reader.take(0) == 0
        assert enough.wait(10)
        assert [reader.take(n) for n in (1, 2, 5)] == [10, 20, 50]
        reader.follow(lambda n: np.array([n]))
        assert reader.take(7) == 7
        reader.close()


def test_what_a_thread_raises_is_raised_when_its_batch_is_taken():
    def make(indices):
        raise MemoryError("no room")

    with ThreadPoolExecutor(1) as threads:
        reader = ReadAhead(make, threads, ahead=1)
        reader.follow(lambda n: np.array([n, n + 1]))
        with pytest.raises(TrainingError, match=r"batch 4 \(rows 4, 5\).*no room"):
            reader.take(4)
        reader.close()
