"""The reader of COCO."""

import json
import logging

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from segmill.datasets import IngestProducer
from segmill.datasets.readers import coco as coco_reader
from segmill.errors import ConfigError, IntegrityError, StoreError
from segmill.store import create, fill, finalise, open_store, write_store
from tests.datasets.coco_files import CATEGORIES, annotation, box, config, write_images, write_json
from tests.datasets.conftest import problems_of

SHAPES = {"a.jpg": (20, 30), "b.jpg": (24, 16), "c.jpg": (10, 10)}


def crowd_runs(shape, rows, columns, packed):
    mask = np.zeros(shape, np.uint8)
    mask[rows, columns] = 1
    runs = coco_mask.encode(np.asfortranarray(mask))
    if packed:
        return {"size": list(shape), "counts": runs["counts"].decode()}
    flat = mask.ravel(order="F").astype(int)
    changes = np.flatnonzero(np.diff(flat, prepend=0))
    return {"size": list(shape), "counts": np.diff(changes, prepend=0, append=flat.size).tolist()}


@pytest.fixture
def place(tmp_path):
    """Three images of unequal size, one of them empty, objects that overlap, two crowds."""
    images = write_images(tmp_path / "pictures", SHAPES)
    objects = [
        annotation(5, 1, 17, box(4, 4, 8, 8)),
        annotation(9, 2, 3, box(0, 0, 6, 6)),
        annotation(6, 1, 18, box(2, 2, 20, 18)),
        annotation(7, 1, 17, crowd_runs((20, 30), slice(0, 5), slice(0, 30), packed=True), 1),
        annotation(8, 2, 18, crowd_runs((24, 16), slice(20, 24), slice(3, 9), packed=False), 1),
        annotation(4, 1, 3, [*box(22, 2, 24, 4), *box(26, 2, 28, 4)]),
    ]
    write_json(tmp_path / "instances.json", images, objects)
    return tmp_path


def stored(place, images=None, **coco):
    return write_store(place / "s.zarr", IngestProducer(config(images, **coco), place))


@pytest.mark.parametrize("check", ["full", "headers", "names"])
@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_objects_categories_and_crowds(place, monkeypatch, check, at_once):
    monkeypatch.setattr(coco_reader, "ROWS_AT_ONCE", at_once)
    store = stored(place, check=check)
    assert store.fields == ("image", "semantic", "instances", "ignore")
    assert store.shape("image") == (3, 24, 30, 3)
    assert store.classes == ("background", "car", "cat", "dog")
    table = store.table
    assert table["sample_id"].tolist() == ["pictures/a", "pictures/b", "pictures/c"]
    assert table["source"].tolist() == [f"pictures/{name}" for name in SHAPES]
    assert table["image_id"].tolist() == [1, 2, 3]
    assert table["objects"].tolist() == [3, 1, 0]
    assert table["crowds"].tolist() == [1, 1, 0]
    counts = [json.loads(text) for text in table["class_counts"]]
    assert counts == [{"car": 1, "cat": 1, "dog": 1}, {"car": 1}, {}]
    assert not any(name.startswith("_") for name in table)
    expected = np.zeros((20, 30), np.int32)
    expected[2:18, 2:20] = 2  # the dog, the larger one
    expected[4:8, 4:8] = 1  # the cat on top of it, though it comes first
    expected[2:4, 22:24] = expected[2:4, 26:28] = 3  # one car in two pieces
    np.testing.assert_array_equal(store.instances(0), expected)
    np.testing.assert_array_equal(store.semantic(0), np.array([0, 2, 3, 1])[expected])
    # Objects within a crowd stay annotated.
    np.testing.assert_array_equal(store.ignore(0)[:5], expected[:5] == 0)
    assert not store.ignore(0)[5:].any()
    assert store.ignore(1).sum() == 4 * 6
    assert store.ignore(1)[20:24, 3:9].all()
    assert not store.instances(2).any()
    assert not store.semantic(2).any()
    assert not store.ignore(2).any()
    for k, name in enumerate(SHAPES):
        with Image.open(place / "pictures" / name) as image:
            np.testing.assert_array_equal(store.image(k), np.array(image))


def test_crowds_as_objects_or_background(place):
    store = stored(place, crowd="instances")
    assert store.fields == ("image", "semantic", "instances")
    # Fourth in the file, and as large as 150 pixels: below the cat and the car.
    expected = np.zeros((20, 30), np.int32)
    expected[2:18, 2:20] = 2
    expected[:5] = 3
    expected[4:8, 4:8] = 1
    expected[2:4, 22:24] = expected[2:4, 26:28] = 4
    np.testing.assert_array_equal(store.instances(0), expected)
    store = stored(place, crowd="background")
    assert not store.instances(1)[20:].any()
    assert store.fields == ("image", "semantic", "instances")


def test_chosen_categories(place):
    store = stored(place, categories=["cat", "car"], others="ignore")
    assert store.classes == ("background", "cat", "car")
    assert store.table["objects"].tolist() == [2, 1, 0]
    np.testing.assert_array_equal(np.unique(store.instances(0)), [0, 1, 2])
    assert store.semantic(0)[5, 5] == 1
    assert store.semantic(0)[2, 22] == 2
    assert store.ignore(0)[10, 10]
    assert store.semantic(0)[10, 10] == 0
    # A crowd of dogs.
    assert store.ignore(1)[21, 5]


def test_merged_categories_and_empty_images(place):
    store = stored(place, categories={"animal": ["cat", "dog"]}, empty="drop", labels=["semantic"])
    assert store.classes == ("background", "animal")
    assert store.fields == ("image", "semantic", "ignore")
    # Of the second image only a crowd is wanted: it is not empty.
    assert store.table["sample_id"].tolist() == ["pictures/a", "pictures/b"]
    assert json.loads(store.table["class_counts"][0]) == {"animal": 2}
    assert set(np.unique(store.semantic(0))) == {0, 1}


def test_of_equal_objects_the_later_is_on_top(place):
    images = write_images(place / "pictures", {"a.jpg": (8, 8)})
    same = [annotation(1, 1, 17, box(0, 0, 4, 4)), annotation(2, 1, 18, box(2, 2, 6, 6))]
    write_json(place / "instances.json", images, same)
    store = stored(place)
    assert store.instances(0)[3, 3] == 2


def test_more_objects_than_a_byte_holds(place):
    images = write_images(place / "pictures", {"a.jpg": (30, 40)})
    many = [
        annotation(k, 1, 17 + k % 2, box(k % 40, k // 40, k % 40 + 1, k // 40 + 1))
        for k in range(400)
    ]
    write_json(place / "instances.json", images, many)
    store = stored(place)
    flat = store.instances(0).ravel()
    np.testing.assert_array_equal(flat[:400], np.arange(1, 401))
    np.testing.assert_array_equal(store.semantic(0).ravel()[:400], 2 + np.arange(400) % 2)


def test_grey_images_among_colours(place):
    write_images(place / "pictures", SHAPES, grey=("b.jpg",))
    (problem,) = problems_of(config(), place)
    assert problem.file.endswith("pictures/b.jpg")
    assert "images.channels" in problem.expected
    assert problem.found == "1"
    store = stored(place, images={"channels": "rgb"})
    image = store.image(1)
    assert image.shape == (24, 16, 3)
    np.testing.assert_array_equal(image[..., 0], image[..., 2])


def test_sets_become_splits(place):
    images = write_images(place / "other", {"a.jpg": (20, 30)})
    # Another numbering of the same categories.
    renumbered = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}, {"id": 5, "name": "car"}]
    objects = [annotation(1, 1, 1, box(0, 0, 4, 4))]
    write_json(place / "val.json", images, objects, renumbered)
    settings = config()
    settings["coco"]["sets"]["held_out"] = {"annotations": "val.json", "images": "other"}
    settings["split"] = {"column": "split", "names": {"val": "held_out"}}
    store = write_store(place / "s.zarr", IngestProducer(settings, place))
    assert store.table["split"].tolist() == ["train"] * 3 + ["val"]
    assert store.table["sample_id"].tolist()[-1] == "other/a"
    assert store.classes == ("background", "car", "cat", "dog")
    assert store.semantic(3)[0, 0] == 2


def test_parts_read_only_their_own_annotations(place, monkeypatch):
    settings = {**config(), "shard_mib": 0.001}
    plan = IngestProducer(settings, place).plan()
    create(place / "p.zarr", plan)
    assert plan.hidden == ("_objects", "_annotations", "_height", "_width")
    read = []
    original = coco_reader._OpenFiles.read

    def counted(self, path, offset, length):
        read.append(length)
        return original(self, path, offset, length)

    monkeypatch.setattr(coco_reader._OpenFiles, "read", counted)
    monkeypatch.setattr(coco_reader, "read_index", None)  # no part may read the whole file
    monkeypatch.setattr(coco_reader, "read_headers", None)
    manifests = []
    for part in range(3):
        read.clear()
        producer = IngestProducer(settings, place)
        manifests.append(fill(place / "p.zarr", producer, part, 3, workers=2))
        assert len(read) == [4, 2, 0][part]
    finalise(place / "p.zarr", manifests)
    monkeypatch.undo()
    assert open_store(place / "p.zarr").content_hash == stored(place).content_hash


def test_order_of_the_keys_does_not_matter(place):
    before = stored(place).content_hash
    path = place / "instances.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(dict(sorted(content.items())), indent=1))
    assert stored(place).content_hash == before


def test_everything_wrong_is_named_at_once(place):
    path = place / "instances.json"
    content = json.loads(path.read_text())
    content["images"] += [
        {"id": 4, "file_name": "missing.jpg", "height": 5, "width": 5},
        {"id": 1, "file_name": "c.jpg", "height": 10, "width": 10},
        {"id": 5, "file_name": "../pictures/b.jpg", "height": 24, "width": 16},
        {"id": 6, "file_name": None, "height": "5", "width": 5},
    ]
    content["categories"].append({"id": 3, "name": "lorry"})
    content["annotations"] += [
        annotation(20, 99, 17, box(0, 0, 2, 2)),
        annotation(21, 2, 55, box(0, 0, 2, 2)),
        annotation(22, 2, 17, [[1, 2, 3, 4, 5]]),
        annotation(23, 2, 17, [[1, 2, 3, 4]]),
        annotation(24, 2, 17, [[1, 2, 3, 4, 5, float("nan")]]),
        annotation(25, 2, 17, box(10, 10, 18, 12)),
        annotation(26, 2, 17, {"size": [24, 16], "counts": [1, 2]}),
        annotation(27, 2, 17, {"size": [16, 24], "counts": [384]}),
        annotation(5, 2, 17, box(0, 0, 2, 2)),
        annotation("x", 2, 17, box(0, 0, 2, 2)),
        annotation(28, 2, 17, box(0, 0, 2, 2), crowd=2),
        {"id": 29, "image_id": 2, "category_id": 17, "iscrowd": 0},
        7,
    ]
    path.write_text(json.dumps(content))
    raw = (place / "pictures" / "a.jpg").read_bytes()
    (place / "pictures" / "a.jpg").write_bytes(raw[: len(raw) // 2])
    Image.new("RGB", (11, 10)).save(place / "pictures" / "c.jpg")
    found: dict = {}
    for problem in problems_of(config(check="full"), place):
        found.setdefault(problem.file.removeprefix(f"{place}/"), problem)
    expected = {
        "instances.json, image 1": ("an id of its own", "2 with this id"),
        "instances.json, image 5": ("below the images' folder", "../pictures/b.jpg"),
        "instances.json, image 6": ("file_name as a text", "height '5', file_name None"),
        "instances.json, category 3": ("of its own", "lorry"),
        "instances.json, annotation 20": ("an image of this file", "image_id 99"),
        "instances.json, annotation 21": ("a category of this file", "category_id 55"),
        "instances.json, annotation 22": ("as many y as x", "5 coordinates"),
        "instances.json, annotation 23": ("at least 3 points", "2"),
        "instances.json, annotation 24": ("finite numbers", "nan"),
        "instances.json, annotation 25": ("16 x 24 px (width x height)", "x from 10 to 18"),
        "instances.json, annotation 26": ("24 x 16 = 384", "sum to 3"),
        "instances.json, annotation 27": ("size [24, 16]", "[16, 24]"),
        "instances.json, annotation 5": ("an id of its own", "2 with this id"),
        "instances.json, annotation 15 (from 0)": ("as integers", "id 'x'"),
        "instances.json, annotation 28": ("iscrowd as 0 or 1", "iscrowd 2"),
        "instances.json, annotation 29": ("polygons or run lengths", "None"),
        "instances.json, annotation 18 (from 0)": ("an object with an id", "7"),
        "pictures/missing.jpg": ("an image", "no such file"),
        "pictures/a.jpg": ("a readable image", "truncated"),
        "pictures/c.jpg": ("10 x 10 px", "10 x 11"),
    }
    for name, (wanted, was) in expected.items():
        assert wanted in found[name].expected, name
        assert was in found[name].found, name
    assert set(found) == set(expected)


def test_bad_annotations_may_be_left_out(place, caplog):
    path = place / "instances.json"
    content = json.loads(path.read_text())
    content["annotations"] += [
        annotation(22, 2, 17, [[1, 2, 3, 4, 5]]),
        annotation(25, 2, 17, box(10, 10, 18, 12)),
    ]
    path.write_text(json.dumps(content))
    assert len(problems_of(config(), place)) == 2
    with caplog.at_level(logging.WARNING):
        store = stored(place, invalid="skip")
    assert caplog.text.count("left out") == 2
    assert store.table["objects"].tolist() == [3, 1, 0]
    store = stored(place, invalid="skip", tolerance=2.0)
    assert store.table["objects"].tolist() == [3, 2, 0]
    assert store.instances(1)[11, 10:].all()


def test_unknown_names(place):
    (problem,) = problems_of(config(categories=["cat", "doge"]), place)
    assert problem.file.endswith("instances.json")
    assert "doge (did you mean dog? there are car, cat, dog)" in problem.expected


def test_no_annotations_at_all(place):
    write_json(place / "instances.json", [], [], [])
    found = problems_of(config(), place)
    assert [p.expected for p in found] == [
        "elements of images", "elements of annotations", "elements of categories",
    ]  # fmt: skip
    (place / "instances.json").unlink()
    (problem,) = problems_of(config(), place)
    assert problem.expected == "a JSON file"


def test_an_annotation_file_that_changed_since(place):
    producer = IngestProducer(config(), place)
    producer.plan()
    path = place / "instances.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content, indent=2))
    with pytest.raises(IntegrityError, match="has changed since it was planned"):
        producer.sample(0)


def test_a_crowd_that_changed_its_runs_since(place):
    producer = IngestProducer(config(), place)
    producer.plan()
    path = place / "instances.json"
    text = path.read_text()
    # As many bytes, and the same image, but more pixels than there are.
    (runs,) = [a for a in json.loads(text)["annotations"] if a["id"] == 8]
    counts = json.dumps(runs["segmentation"]["counts"])
    path.write_text(text.replace(counts, counts.replace("4,", "9,")))
    with pytest.raises(IntegrityError, match="has changed since it was planned"):
        producer.sample(1)


def test_an_image_that_does_not_fit_its_annotations(place):
    Image.new("RGB", (31, 20)).save(place / "pictures" / "a.jpg")
    with pytest.raises(StoreError, match=r"expected 20 x 30 px .* found 20 x 31"):
        stored(place, check="names")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"coco": {}}, "coco.sets: expected sets such as"),
        ({"coco": {"sets": {"train": "x.json"}}}, "train: expected annotations and images"),
        ({"coco": {"sets": {"train": {"images": "x"}}}}, "annotations: missing"),
        ({"labels": {"kind": "instances"}}, "labels: expected none, see coco.labels"),
    ],
)
def test_wrong_configurations(tmp_path, change, message):
    with pytest.raises(ConfigError, match=message):
        IngestProducer({**config(), **change}, tmp_path)


@pytest.mark.parametrize(
    ("coco", "message"),
    [
        ({"crowd": "ignored"}, "crowd: expected one of ignore, instances, background"),
        ({"categories": []}, "coco.categories: expected names such as"),
        ({"categories": {"animal": ["cat"], "pet": ["cat"]}}, "expected cat once"),
        ({"labels": []}, "labels: expected each at most once"),
        ({"croud": "ignore"}, "did you mean crowd"),
    ],
)
def test_wrong_options(tmp_path, coco, message):
    with pytest.raises(ConfigError, match=message):
        IngestProducer(config(**coco), tmp_path)


def test_a_category_called_background(place):
    images = write_images(place / "pictures", SHAPES)
    categories = [*CATEGORIES, {"id": 90, "name": "background"}]
    write_json(
        place / "instances.json", images, [annotation(1, 1, 90, box(0, 0, 4, 4))], categories
    )
    (problem,) = problems_of(config(), place)
    assert problem.expected == "a category by another name"


@pytest.mark.real
def test_real_masks_are_those_of_pycocotools(real_data, capsys):
    root = real_data / "coco_tiny"
    settings = config(images={"channels": "rgb"}, crowd="instances")
    sets = {name: {"annotations": f"annotations/instances_{name}2017.json",
                   "images": f"{name}2017"} for name in ("train", "val")}  # fmt: skip
    settings["coco"]["sets"] = sets
    producer = IngestProducer(settings, root)
    table = producer.plan().table
    assert table["objects"].sum() + table["crowds"].sum() == 470 + 382
    assert table["crowds"].sum() == 10
    assert (table["objects"] + table["crowds"] == 0).sum() == 3
    row = 0
    for name in sets:
        coco = COCO(str(root / sets[name]["annotations"]))
        for image_id in coco.imgs:
            sample = producer.sample(row)
            masks = [coco.annToMask(ann) for ann in coco.imgToAnns[image_id]]
            expected = np.zeros(sample.shape, np.int32)
            for k in sorted(range(len(masks)), key=lambda k: -masks[k].sum(dtype=int)):
                expected[masks[k] > 0] = k + 1
            np.testing.assert_array_equal(sample.instances, expected)
            row += 1
