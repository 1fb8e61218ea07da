import threading
from pathlib import Path

import numpy as np
import pytest

from segmill.datasets import (
    BaseReader,
    IngestProducer,
    Record,
    build_reader,
    reader_names,
    readers,
)
from segmill.datasets import check as check_module
from segmill.datasets.check import check_records
from segmill.errors import ConfigError, SegmillError
from segmill.samples import Sample
from tests.datasets.conftest import blobs, grey


class Made(BaseReader):
    """A reader of samples that exist only in memory."""

    semantic = None
    error = None

    def listing(self):
        paths = [Path(f"{k}.raw") for k in range(6)]
        return [Record(p.stem, p.stem, p.name, p) for p in paths], []

    def load(self, record):
        if self.error and record.sample_id == "3":
            raise self.error
        instances = None if self.semantic is not None else blobs().astype(np.int32)
        return Sample(grey()[..., None], self.semantic, instances)


def test_readers_are_the_modules_of_a_package():
    folder = Path(readers.__file__).parent
    modules = sorted(path.stem for path in folder.glob("[a-z]*.py"))
    assert reader_names() == tuple(modules)
    assert {"csv", "ctc", "folder"} < set(modules)


@pytest.mark.parametrize("name", ["foldr", "synthetic", None])
def test_unknown_reader(tmp_path, name):
    with pytest.raises(ConfigError, match=f"expected one of .*csv, ctc, folder.*found {name!r}"):
        build_reader({"reader": name}, tmp_path)


def test_split_is_required(pairs):
    root, config = pairs
    del config["split"]
    with pytest.raises(ConfigError, match="split: missing"):
        IngestProducer(config, root)


def test_pixel_size_becomes_a_column_and_words_become_attributes(pairs):
    root, config = pairs
    config |= {"pixel_size_um": 0.65, "licence": "CC0-1.0", "source": "here", "units": "counts"}
    plan = IngestProducer(config, root).plan()
    assert plan.table["mm_per_px"].tolist() == [0.00065] * 4
    assert plan.attributes["licence"] == "CC0-1.0"
    assert plan.attributes["source"] == "here"
    assert plan.attributes["units"] == "counts"
    assert plan.attributes["dataset"] == "pairs"
    assert plan.attributes["config"] == config


def test_class_ids_beyond_the_classes_are_found_in_any_format(tmp_path):
    reader = Made({"classes": ["a", "b"], "labels": {"kind": "semantic"}}, tmp_path)
    reader.semantic = np.full((24, 32), 2, np.uint8)
    records, _ = reader.listing()
    _, problems = check_records(reader, records)
    assert {(p.expected, p.found) for p in problems} == {("class ids below 2", "id 2")}
    assert len(problems) == 6


def test_an_unforeseen_error_names_its_sample(tmp_path):
    reader = Made({"labels": {"kind": "regions"}}, tmp_path)
    reader.error = ZeroDivisionError("by chance")
    with pytest.raises(SegmillError, match=r"3\.raw: sample 3: ZeroDivisionError: by chance"):
        reader.scan()


def test_the_check_gives_the_same_for_any_number_of_threads(pairs, monkeypatch):
    root, config = pairs
    reader = IngestProducer(config, root).reader
    scans = []
    for threads in (1, 4):
        monkeypatch.setattr(check_module, "MAX_THREADS", threads)
        scans.append(reader.scan())
    assert scans[0] == scans[1]
    assert scans[0][0].shape == (24, 32, 1)
    assert scans[0][0].dtype == "uint8"


def test_the_check_holds_few_samples_at_a_time(tmp_path):
    alive, most = set(), []
    lock = threading.Lock()

    class Tracked(np.ndarray):
        def __del__(self):
            with lock:
                alive.discard(id(self))

    class Many(Made):
        def listing(self):
            paths = [Path(f"{k}.raw") for k in range(200)]
            return [Record(p.stem, p.stem, p.name, p) for p in paths], []

        def load(self, record):
            image = np.zeros((8, 8, 1), np.uint8).view(Tracked)
            with lock:
                alive.add(id(image))
                most.append(len(alive))
            return Sample(image)

    Many({"labels": {"kind": "regions"}}, tmp_path).scan()
    assert max(most) <= 2 * check_module.MAX_THREADS
