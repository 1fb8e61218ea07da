"""Readers of rows: planning without objects, parts that get their own rows alone."""

import numpy as np
import pandas as pd
import pytest

from segmill.datasets import producer as producer_module
from segmill.datasets.bulk import BulkReader, Layout, Rows
from segmill.datasets.producer import IngestProducer
from segmill.errors import ConfigError, IntegrityError, Problem, raise_problems
from segmill.samples import Sample
from segmill.store import create, fill, finalise, open_store, write_store

H, W = 6, 5
CONFIG = {"name": "rows", "reader": "rows", "split": {"fractions": {"train": 0.5, "val": 0.5}}}


class CountingReader(BulkReader):
    """Samples whose pixels are their row's hidden value; tells how often it listed its source."""

    chunks = ((0, 4), (4, 11), (11, 23))

    def __init__(self, config, root):
        super().__init__(config, root)
        self.listed = 0
        self.columns: dict = {}
        self.problems: list[Problem] = []

    def tables(self):
        self.listed += 1
        for first, stop in self.chunks:
            k = np.arange(first, stop)
            yield pd.DataFrame(
                {
                    "sample_id": [f"s{i:02d}" for i in k],
                    "group": pd.Categorical([f"g{i // 3}" for i in k]),
                    "source": pd.Categorical([f"f{i // 5}.mp4" for i in k]),
                    "frame": k % 5,
                    "omega": k * 1.5,
                    "_value": (k * 7 % 251).astype(np.uint8),
                    **self.columns,
                }
            )
        raise_problems(self.problems)

    def layout(self):
        return Layout(H, W, 3)

    def read_row(self, row):
        image = np.full((H, W, 3), row["_value"], np.uint8)
        image[0, 0] = row["frame"]
        assert row["source"] == f"f{int(row['sample_id'][1:]) // 5}.mp4"
        return Sample(image)


@pytest.fixture
def make(monkeypatch, tmp_path):
    """Make a producer with such a reader, of `shard_samples` samples per shard."""
    monkeypatch.setattr(producer_module, "build_reader", CountingReader)

    def build(shard_samples=3, **config):
        mib = shard_samples * H * W * 3 / 2**20 * 1.001
        settings = {**CONFIG, "path": str(tmp_path), "shard_mib": mib, **config}
        return IngestProducer(settings, tmp_path)

    return build


def test_the_store_holds_every_row_in_order_and_no_hidden_column(make, tmp_path):
    store = write_store(tmp_path / "a.zarr", make())
    assert store.shape("image") == (23, H, W, 3)
    contract = ["sample_id", "group", "split", "source", "frame", "omega", "digest"]
    assert list(store.table) == contract
    assert store.table["sample_id"].tolist() == [f"s{i:02d}" for i in range(23)]
    assert store.table["group"].tolist() == [f"g{i // 3}" for i in range(23)]
    assert store.table["omega"].tolist() == [i * 1.5 for i in range(23)]
    assert store.table.groupby("group")["split"].nunique().eq(1).all()
    text = store.table["sample_id"].dtype
    assert all(store.table[name].dtype == text for name in ("group", "split", "source"))
    for i in range(23):
        assert (store.image(i)[1:] == i * 7 % 251).all()
        assert (store.image(i)[0, 0] == i % 5).all()
    store.verify()


@pytest.mark.parametrize(("parts", "shard_samples"), [(2, 3), (3, 3), (11, 3), (3, 8), (5, 1)])
def test_parts_list_nothing_and_change_no_bit(make, tmp_path, parts, shard_samples):
    whole = write_store(tmp_path / "whole.zarr", make(shard_samples))
    path = tmp_path / "parts.zarr"
    create(path, make(shard_samples).plan())
    manifests = []
    for part in range(parts):
        producer = make(shard_samples)
        manifests.append(fill(path, producer, part, parts, workers=2))
        assert producer.reader.listed == 0
    store = finalise(path, manifests)
    assert store.content_hash == whole.content_hash
    assert store.path.with_suffix(".parquet").read_bytes() == (
        whole.path.with_suffix(".parquet").read_bytes()
    )
    for name in whole.path.rglob("*"):
        if name.is_file():
            other = store.path / name.relative_to(whole.path)
            assert name.read_bytes() == other.read_bytes()


def test_a_part_is_given_its_own_rows_alone(make, tmp_path, monkeypatch):
    monkeypatch.setattr("segmill.store.plan_file.ROW_GROUP", 4)
    path = tmp_path / "a.zarr"
    create(path, make().plan())
    given = []
    for part in range(4):
        producer = make()
        take = producer.take_rows
        producer.take_rows = lambda rows, take=take: (given.append(rows), take(rows))
        fill(path, producer, part, 4)
    assert [(rows.index[0], rows.index[-1]) for rows in given] == [
        (0, 5),
        (6, 11),
        (12, 17),
        (18, 22),
    ]
    assert pd.concat(given)["_value"].tolist() == [i * 7 % 251 for i in range(23)]


def test_all_problems_and_repeated_names_are_raised_together(make):
    producer = make()
    producer.reader.problems = [Problem("f1.mp4", "a movie", "nothing"), Problem("f2", "a", "b")]
    producer.reader.chunks = ((0, 4), (2, 5))
    with pytest.raises(IntegrityError) as caught:
        producer.plan()
    assert [p.file for p in caught.value.problems] == ["f1.mp4", "f2", "f0.mp4", "f0.mp4"]
    assert "'s02' is taken" in caught.value.problems[2].expected


def test_a_source_without_rows_is_refused(make):
    producer = make()
    producer.reader.chunks = ()
    with pytest.raises(IntegrityError, match="at least one sample"):
        producer.plan()


def test_reserved_columns_are_refused(make):
    producer = make()
    producer.reader.columns = {"digest": "x"}
    with pytest.raises(ConfigError, match=r"found \['digest'\]"):
        producer.plan()


def test_the_split_of_the_source_is_used(make, tmp_path):
    producer = make(split={"column": "kind", "names": {"test": "b"}, "rest": "train"})
    producer.reader.columns = {"kind": "b"}
    assert set(producer.plan().table["split"]) == {"test"}


def test_sample_without_plan_lists_the_source_once(make):
    producer = make()
    assert (producer.sample(22).image[1:] == 22 * 7 % 251).all()
    assert (producer.sample(3).image[1:] == 21).all()
    assert producer.reader.listed == 1


def test_rows_refuse_numbers_of_other_parts():
    rows = Rows(pd.DataFrame({"a": [1, 2]}, index=[5, 6]))
    assert rows[6] == {"a": 2}
    for i in (4, 7):
        with pytest.raises(IndexError, match=f"from 5 to 6, found {i}"):
            rows[i]


def test_an_empty_part_reads_nothing(make, tmp_path):
    path = tmp_path / "a.zarr"
    create(path, make(100).plan())  # one shard, three parts
    manifests = [fill(path, make(100), part, 3) for part in range(3)]
    assert sorted(len(m["rows"]) for m in manifests) == [0, 0, 23]
    assert len(open_store(finalise(path, manifests).path)) == 23
