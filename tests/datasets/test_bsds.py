"""The reader of BSDS500."""

import numpy as np
import pytest
import yaml
from PIL import Image
from scipy.io import loadmat, savemat

from segmill.datasets import IngestProducer
from segmill.datasets.bsds_files import read_annotations
from segmill.errors import ConfigError, IntegrityError
from segmill.store import create, fill, finalise, write_store
from tests.datasets.conftest import problems_of, save
from tests.datasets.test_real import ROOT

SHAPES = {"train/10": (20, 30), "train/9": (30, 20), "val/7": (20, 30)}
ANNOTATORS = {"train/10": 3, "train/9": 2, "val/7": 4}


def regions(shape, seed):
    """Stripes of random widths, labels from 1."""
    rng = np.random.default_rng(seed)
    steps = rng.random(shape[1]) < 0.2
    steps[0] = True
    return np.broadcast_to(np.cumsum(steps), shape).astype(np.uint16)


def edges(labels):
    found = np.zeros(labels.shape, bool)
    found[:, 1:] = labels[:, 1:] != labels[:, :-1]
    return found


def cell(members):
    """A MATLAB cell array of structs."""
    array = np.empty((1, len(members)), object)
    for k, member in enumerate(members):
        array[0, k] = member
    return array


def truth_of(name):
    n = ANNOTATORS[name]
    labels = [regions(SHAPES[name], 100 * k + len(name)) for k in range(n)]
    return [{"Segmentation": part, "Boundaries": edges(part)} for part in labels]


def write_truth(place, name, members):
    path = place / "groundTruth" / f"{name}.mat"
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"groundTruth": cell(members)})
    return path


@pytest.fixture
def place(tmp_path):
    for k, (name, shape) in enumerate(SHAPES.items()):
        image = np.random.default_rng(k).integers(0, 256, (*shape, 3), dtype=np.uint8)
        save(tmp_path / "images" / f"{name}.jpg", image)
        write_truth(tmp_path, name, truth_of(name))
    return tmp_path


def config(**bsds):
    return {"name": "b", "reader": "bsds", "bsds": bsds, "split": {"column": "split"}}


@pytest.mark.parametrize("check", ["full", "headers"])
def test_every_annotator_is_a_sample(place, check):
    store = write_store(place / "s.zarr", IngestProducer(config(borders=True, check=check), place))
    assert store.fields == ("image", "semantic", "instances")
    assert store.shape("image") == (9, 30, 30, 3)
    assert store.classes == ("region", "border")
    order = ["train/9", "train/10", "val/7"]
    expected = [f"{name}/a{k + 1}" for name in order for k in range(ANNOTATORS[name])]
    table = store.table
    assert table["sample_id"].tolist() == expected
    assert table["group"].tolist() == [name.rsplit("/", 1)[0] for name in expected]
    assert table["split"].tolist() == ["train"] * 5 + ["val"] * 4
    assert table["annotators"].tolist() == [2] * 2 + [3] * 3 + [4] * 4
    for i, name in enumerate(expected):
        image, k = name.rsplit("/a", 1)
        truth = truth_of(image)[int(k) - 1]
        assert table["annotator"][i] == int(k)
        assert table["regions"][i] == np.unique(truth["Segmentation"]).size
        np.testing.assert_array_equal(store.instances(i), truth["Segmentation"])
        np.testing.assert_array_equal(store.semantic(i), truth["Boundaries"])
        with Image.open(place / "images" / f"{image}.jpg") as opened:
            np.testing.assert_array_equal(store.image(i), np.array(opened))


def test_one_annotator_per_image(place):
    first = IngestProducer(config(annotators="first"), place).plan().table
    assert first["sample_id"].tolist() == ["train/9/a1", "train/10/a1", "val/7/a1"]
    draws = [
        IngestProducer(config(annotators="random", seed=seed), place).plan().table["annotator"]
        for seed in range(40)
    ]
    assert all((draw <= first["annotators"]).all() for draw in draws)
    for row, n in enumerate(first["annotators"]):
        assert len({int(draw[row]) for draw in draws}) == n
    again = IngestProducer(config(annotators="random", seed=3), place).plan().table["annotator"]
    assert again.tolist() == draws[3].tolist()
    # A draw depends on the image alone, not on what else is there.
    (place / "images" / "train" / "9.jpg").unlink()
    (place / "groundTruth" / "train" / "9.mat").unlink()
    fewer = IngestProducer(config(annotators="random", seed=3), place).plan().table["annotator"]
    assert fewer.tolist() == draws[3].tolist()[1:]


def test_parts_make_the_same_store(place):
    whole = write_store(place / "a.zarr", IngestProducer(config(), place))
    settings = {**config(), "shard_mib": 0.006}
    plan = IngestProducer(settings, place).plan()
    assert plan.n_shards > 3
    create(place / "b.zarr", plan)
    manifests = [
        fill(place / "b.zarr", IngestProducer(settings, place), part, 3, workers=2)
        for part in range(3)
    ]
    assert finalise(place / "b.zarr", manifests).content_hash == whole.content_hash


def test_everything_wrong_is_named_at_once(place):
    good = truth_of("train/9")
    wrong_size = {**good[0], "Segmentation": regions((20, 30), 1)}
    from_zero = {**good[0], "Segmentation": good[0]["Segmentation"] - 1}
    halves = {**good[0], "Segmentation": good[0]["Segmentation"] + 0.5}
    write_truth(place, "train/9", [wrong_size, good[1], from_zero, halves, {"other": 1}])
    savemat(place / "groundTruth" / "train" / "10.mat", {"truth": 3})
    (place / "groundTruth" / "val" / "7.mat").write_bytes(b"no MATLAB at all" * 20)
    stray = write_truth(place, "val/8", good)
    image = save(place / "images" / "val" / "11.jpg", np.zeros((20, 30, 3), np.uint8))
    image.write_bytes(image.read_bytes()[:300])
    save(place / "images" / "val" / "12.jpg", np.zeros((20, 30), np.uint8))
    write_truth(place, "val/12", [{"Segmentation": regions((20, 30), 1)}])
    found = [
        (p.file.removeprefix(f"{place}/"), p.expected, p.found)
        for p in problems_of(config(borders=True), place)
    ]
    named = [
        ("groundTruth/val/8.mat", "its image among", "none"),
        ("images/val/11.jpg", "a readable image", ""),
        ("images/val/12.jpg", "3 channels as 9.jpg", "1"),
        ("train/9.mat, annotator 1", "Segmentation of 30 x 20 px", "20 x 30"),
        ("train/9.mat, annotator 3", "whole numbers from 1", "from 0"),
        ("train/9.mat, annotator 4", "whole numbers from 1", "float64"),
        ("train/9.mat, annotator 5", "a Segmentation", "none"),
        ("groundTruth/train/10.mat", "a cell array groundTruth", "none"),
        ("groundTruth/val/7.mat", "a MATLAB file", "Error"),
        ("groundTruth/val/11.mat", "a MATLAB file", "no such file"),
        ("val/12.mat, annotator 1", "Boundaries", "none"),
    ]
    for file, expected, was in named:
        hits = [p for p in found if file in p[0] and expected in p[1] and was in p[2]]
        assert len(hits) == 1, (file, found)
    assert len(found) == len(named)
    assert stray.is_file()


def test_no_images(tmp_path):
    (problem,) = problems_of(config(), tmp_path)
    assert (problem.expected, problem.found) == ("images", "none")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (np.zeros((1, 0)), "float64 (1, 0)"),
        (np.ones((2, 2)), "float64 (2, 2)"),
        ("text", "<U4 (1,)"),
    ],
)
def test_ground_truth_of_another_kind(tmp_path, value, found):
    savemat(tmp_path / "x.mat", {"groundTruth": value})
    with pytest.raises(IntegrityError) as caught:
        read_annotations(tmp_path / "x.mat")
    assert caught.value.problems[0].found == found


def test_matlab_7_3_is_named(tmp_path):
    head = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM"
    (tmp_path / "x.mat").write_bytes(head + b"\x89HDF\r\n\x1a\n" + bytes(600))
    with pytest.raises(IntegrityError, match="expected a MATLAB file, found NotImplementedError"):
        read_annotations(tmp_path / "x.mat")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bsds": {"annotators": "one"}}, "annotators: expected one of all, first, random"),
        ({"bsds": {"truth": "x/{id}.mat"}}, "truth: expected {folder} and {name} only"),
        ({"labels": {}}, "labels: expected none"),
        ({"images": {"pages": True}}, "images.pages: expected none"),
    ],
)
def test_wrong_configurations(tmp_path, change, message):
    with pytest.raises(ConfigError, match=message):
        IngestProducer({**config(), **change}, tmp_path)


@pytest.mark.real
def test_real_annotators(real_data):
    settings = yaml.safe_load((ROOT / "config" / "datasets" / "bsds500.yaml").read_text())
    producer = IngestProducer(settings, real_data)
    table = producer.plan().table
    images = sorted((real_data / "bsds500" / "images").glob("*/*.jpg"))
    assert table["group"].nunique() == len(images) == 50
    assert table["split"].astype(str).value_counts().to_dict() == {"train": 160, "test": 107}
    groups = table.groupby("group")
    assert (groups.size() == groups["annotators"].first()).all()
    shapes = set()
    for i in range(0, len(table), 11):
        row = table.iloc[i]
        path = real_data / "bsds500" / "groundTruth" / f"{row['group']}.mat"
        cells = loadmat(path, squeeze_me=True, struct_as_record=False)["groundTruth"]
        expected = cells[row["annotator"] - 1]
        sample = producer.sample(i)
        np.testing.assert_array_equal(sample.instances, expected.Segmentation)
        np.testing.assert_array_equal(sample.semantic, expected.Boundaries)
        assert row["regions"] == len(np.unique(expected.Segmentation))
        shapes.add(sample.shape)
    assert shapes == {(321, 481), (481, 321)}
