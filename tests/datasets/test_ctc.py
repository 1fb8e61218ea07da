import numpy as np
import pytest

from segmill.datasets import IngestProducer
from segmill.errors import ConfigError
from segmill.store import write_store
from tests.datasets.conftest import blobs, by_file, grey, problems_of, save


@pytest.fixture
def sequences(tmp_path):
    """Two sequences of six frames; truth for frames 1, 2 and 5; markers for all."""
    for sequence in ("01", "02"):
        for t in range(6):
            save(tmp_path / sequence / f"t{t:03d}.tif", grey(48, 64, seed=t))
            markers = np.zeros((48, 64), np.uint16)
            markers[6, 4] = 1
            markers[40, 50] = 2
            save(tmp_path / f"{sequence}_GT" / "TRA" / f"man_track{t:03d}.tif", markers)
        for t in (1, 2, 5):
            save(tmp_path / f"{sequence}_GT" / "SEG" / f"man_seg{t:03d}.tif", blobs(48, 64, 3))
    config = {
        "reader": "ctc",
        "labels": {"kind": "instances"},
        "split": {"lists": {"train": ["01"], "test": ["02"]}},
    }
    return tmp_path, config


def test_annotated_frames_become_samples(sequences):
    root, config = sequences
    store = write_store(root / "out.zarr", IngestProducer(config, root))
    assert store.fields == ("image", "instances")
    assert store.table["sample_id"].tolist() == [
        f"{s}/t00{t}" for s in ("01", "02") for t in (1, 2, 5)
    ]
    assert store.table["group"].tolist() == ["01"] * 3 + ["02"] * 3
    assert store.table["split"].tolist() == ["train"] * 3 + ["test"] * 3
    assert store.table["frame"].tolist() == [1, 2, 5] * 2
    np.testing.assert_array_equal(store.image(4)[..., 0], grey(48, 64, seed=2))
    np.testing.assert_array_equal(store.instances(4), blobs(48, 64, 3))


def test_all_frames_with_the_others_ignored(sequences):
    root, config = sequences
    config["ctc"] = {"sequences": ["02"], "frames": "all"}
    config["split"] = {"rest": "test"}
    store = write_store(root / "out.zarr", IngestProducer(config, root))
    assert len(store) == 6
    assert store.table["annotated"].tolist() == [False, True, True, False, False, True]
    for k in range(6):
        assert store.ignore(k).all() == (k not in (1, 2, 5))
        assert store.ignore(k).any() == (k not in (1, 2, 5))


@pytest.mark.parametrize(
    ("blocks", "groups"),
    [
        (3, ["02/b0", "02/b0", "02/b1"]),
        (2, ["02/b0", "02/b1", "02/b2"]),
        ([0, 2, 5], ["02/b0", "02/b1", "02/b2"]),
        ([0, 5], ["02/b0", "02/b0", "02/b1"]),
    ],
)
def test_blocks_of_frames_are_groups(sequences, blocks, groups):
    root, config = sequences
    config["ctc"] = {"sequences": ["02"], "blocks": blocks}
    assert [record.group for record in IngestProducer(config, root).records] == groups


def test_cells_that_nobody_segmented_are_ignored(sequences):
    root, config = sequences
    config["ctc"] = {"unsegmented_radius": 4}
    ignore = IngestProducer(config, root).sample(0).ignore
    rows, columns = np.mgrid[:48, :64]
    # Marker 1 lies in an object; marker 2 lies in none.
    expected = (rows - 40) ** 2 + (columns - 50) ** 2 <= 16
    np.testing.assert_array_equal(ignore, expected)


def test_outside_of_the_field_of_interest_only_objects_count(sequences):
    root, config = sequences
    config["ctc"] = {"field_of_interest": 6}
    sample = IngestProducer(config, root).sample(0)
    edge = np.ones((48, 64), bool)
    edge[6:-6, 6:-6] = False
    assert (edge & (sample.instances > 0)).any()
    np.testing.assert_array_equal(sample.ignore, edge & (sample.instances == 0))


def test_bad_sequences_are_all_named(sequences):
    root, config = sequences
    save(root / "01_GT" / "SEG" / "man_seg099.tif", blobs(48, 64))
    save(root / "02_GT" / "SEG" / "man_seg002.tif", blobs(10, 10, 1))
    config["ctc"] = {"sequences": ["01", "02", "03"]}
    found = by_file(problems_of(config, root), root)
    assert found["01_GT/SEG/man_seg099.tif"].expected == "a frame 01/t099.tif"
    assert found["01_GT/SEG/man_seg099.tif"].found == "a mask without image"
    assert found["02_GT/SEG/man_seg002.tif"].found == "10 x 10"
    assert found["03/tNNN.tif"].found == "no such folder"
    assert len(found) == 3


def test_missing_markers(sequences):
    root, config = sequences
    (root / "01_GT" / "TRA" / "man_track002.tif").unlink()
    config["ctc"] = {"unsegmented_radius": 4}
    (problem,) = problems_of(config, root)
    assert problem.file.endswith("01_GT/TRA/man_track002.tif")


def test_truth_of_volumes_is_refused(tmp_path):
    save(tmp_path / "01" / "t000.tif", grey())
    save(tmp_path / "01_GT" / "SEG" / "man_seg_000_005.tif", blobs())
    config = {"reader": "ctc", "split": {"rest": "test"}}
    (problem,) = problems_of(config, tmp_path)
    assert problem.found == "truth of single slices of 3-D frames, 1"


def test_no_sequence(tmp_path):
    (problem,) = problems_of({"reader": "ctc", "split": {"rest": "test"}}, tmp_path)
    assert problem.expected == "folders of sequences named 01, 02 ..."


@pytest.mark.parametrize("blocks", [0, [1, 5], [0, 5, 5], [], "a"])
def test_wrong_blocks(sequences, blocks):
    root, config = sequences
    config["ctc"] = {"blocks": blocks}
    with pytest.raises(ConfigError, match=r"ctc\.blocks: expected"):
        IngestProducer(config, root)


def test_semantic_labels_are_refused(sequences):
    root, config = sequences
    config |= {"labels": {"kind": "semantic"}, "classes": ["background", "cell"]}
    with pytest.raises(ConfigError, match="expected instances, found semantic"):
        IngestProducer(config, root)
