import cv2
import numpy as np
import pytest
import tifffile
from scipy import ndimage

from segmill.datasets import IngestProducer, build_reader
from segmill.errors import ConfigError
from segmill.store import write_store
from tests.datasets.conftest import blobs, by_file, grey, problems_of, save


def ids(config, root):
    return [record.sample_id for record in build_reader(config, root).records()]


def test_pairs_become_a_store(pairs):
    root, config = pairs
    store = write_store(root / "out" / "pairs.zarr", IngestProducer(config, root))
    store.verify()
    assert store.fields == ("image", "semantic", "instances")
    assert store.classes == ("background", "cell", "border")
    assert store.attributes["derived"] == {"semantic": {"kind": "cell_border", "width": 2}}
    assert sorted(store.table["split"]) == ["test", "train", "train", "val"]
    assert store.table["source"].tolist() == [f"images/img_{k}.png" for k in range(4)]
    for k in range(4):
        np.testing.assert_array_equal(store.image(k)[..., 0], grey(seed=k))
        truth = blobs(n=1 + k % 3)
        np.testing.assert_array_equal(store.instances(k), truth)
        # Blobs lie apart, so the distance to the background gives the border.
        depth = ndimage.distance_transform_edt(truth)
        expected = np.where(truth == 0, 0, np.where(depth <= 2, 2, 1))
        np.testing.assert_array_equal(store.semantic(k), expected)


def test_images_of_unequal_size(pairs):
    root, config = pairs
    save(root / "images" / "img_9.png", grey(30, 20))
    save(root / "masks" / "img_9.png", blobs(30, 20, 2))
    store = write_store(root / "out.zarr", IngestProducer(config, root))
    assert store.shape("image") == (5, 30, 32, 1)
    assert store.image(4).shape == (30, 20, 1)
    np.testing.assert_array_equal(store.instances(4), blobs(30, 20, 2))


def test_names_are_in_natural_order_and_hidden_files_are_no_data(pairs):
    root, config = pairs
    save(root / "images" / "img_10.png", grey())
    save(root / "masks" / "img_10.png", blobs())
    (root / "images" / "._img_1.png").write_bytes(b"resource fork")
    assert ids(config, root) == ["img_0", "img_1", "img_2", "img_3", "img_10"]


def test_prefix_and_suffix(tmp_path):
    save(tmp_path / "images" / "crop_2_2.png", grey())
    save(tmp_path / "truth" / "img_2_2_mask.png", blobs())
    config = {
        "reader": "folder",
        "images": {"pattern": "images/*.png", "prefix": "crop_"},
        "masks": {"pattern": "truth/*", "prefix": "img_", "suffix": "_mask"},
        "split": {"rest": "test"},
    }
    assert ids(config, tmp_path) == ["2_2"]
    save(tmp_path / "images" / "photo.png", grey())
    (problem,) = problems_of(config, tmp_path)
    assert problem.file.endswith("photo.png")
    assert problem.expected == "a name with prefix 'crop_' and suffix '' (images)"


def test_regex_gives_key_group_split_frame_and_columns(tmp_path):
    for split, plate, frame in (("training", "A", 3), ("held_out", "B", 12)):
        save(tmp_path / split / plate / "images" / f"f{frame}.png", grey())
        save(tmp_path / split / plate / "masks" / f"f{frame}.png", blobs())
    config = {
        "reader": "folder",
        "images": {
            "pattern": "*/*/images/*.png",
            "regex": "(?P<split>[^/]+)/(?P<group>(?P<plate>.))/images/(?P<key>f(?P<frame>[0-9]+))",
        },
        "masks": {"pattern": "*/*/masks/*.png", "regex": ".*/(?P<key>f[0-9]+)"},
        "labels": {"kind": "instances"},
        "split": {"column": "split", "names": {"train": "training", "test": ["held_out"]}},
    }
    table = IngestProducer(config, tmp_path).plan().table
    assert table["sample_id"].tolist() == ["f3", "f12"]
    assert table["group"].tolist() == table["plate"].tolist() == ["A", "B"]
    assert table["frame"].tolist() == [3, 12]
    assert table["split"].tolist() == ["train", "test"]


def test_pages_of_stacks(tmp_path):
    images = np.stack([grey(seed=k) for k in range(3)])
    masks = np.stack([blobs(n=k + 1) for k in range(3)])
    tifffile.imwrite(tmp_path / "a.tif", images, photometric="minisblack")
    tifffile.imwrite(tmp_path / "a_mask.tif", masks, photometric="minisblack")
    config = {
        "reader": "folder",
        "images": {"pattern": "[a-z].tif", "pages": True},
        "masks": {"pattern": "*_mask.tif", "suffix": "_mask"},
        "labels": {"kind": "instances"},
        "split": {"rest": "train"},
    }
    producer = IngestProducer(config, tmp_path)
    table = producer.plan().table
    assert table["sample_id"].tolist() == ["a/p0000", "a/p0001", "a/p0002"]
    assert set(table["group"]) == {"a"}
    assert table["frame"].tolist() == [0, 1, 2]
    for k in range(3):
        np.testing.assert_array_equal(producer.sample(k).image[..., 0], images[k])
        np.testing.assert_array_equal(producer.sample(k).instances, masks[k])
    tifffile.imwrite(tmp_path / "a_mask.tif", masks[:2], photometric="minisblack")
    (problem,) = problems_of(config, tmp_path)
    assert (problem.expected, problem.found) == ("3 pages as its image a.tif", "2 pages")


def test_one_mask_file_per_object(tmp_path):
    save(tmp_path / "x1" / "images" / "x1.png", grey())
    for k in (1, 2, 3):
        mask = (blobs() == k).astype(np.uint8) * 255
        save(tmp_path / "x1" / "masks" / f"{k}.png", mask)
    config = {
        "reader": "folder",
        "images": {"pattern": "*/images/*.png", "regex": "(?P<key>[^/]+)/images/.+"},
        "masks": {"pattern": "*/masks/*.png", "regex": "(?P<key>[^/]+)/masks/.+"},
        "labels": {"kind": "object_files", "border_width": 1},
        "split": {"rest": "train"},
    }
    producer = IngestProducer(config, tmp_path)
    assert len(producer.plan()) == 1
    np.testing.assert_array_equal(producer.sample(0).instances, blobs())


def test_every_offender_is_named_at_once(pairs):
    root, config = pairs
    (root / "images" / "img_0.png").write_bytes(b"\x89PNG\r\n\x1a\n damaged beyond repair")
    save(root / "masks" / "img_1.png", blobs(24, 30))
    save(root / "masks" / "img_2.png", np.zeros((24, 32, 3), np.uint8))
    (root / "masks" / "img_3.png").unlink()
    save(root / "masks" / "img_7.png", blobs())
    found = by_file(problems_of(config, root), root)
    assert set(found) == {
        "images/img_0.png",
        "masks/img_1.png",
        "masks/img_2.png",
        "images/img_3.png",
        "masks/img_7.png",
    }
    assert "readable image" in found["images/img_0.png"].expected
    size = found["masks/img_1.png"]
    assert size.expected == "24 x 32 pixels (rows x columns) as its image img_1.png"
    assert size.found == "24 x 30"
    assert found["masks/img_2.png"].found == "an RGB mask"
    assert found["images/img_3.png"].found == "an image without mask"
    assert found["masks/img_7.png"].found == "a mask without image"


def test_image_and_mask_of_one_sample_are_both_named(pairs):
    root, config = pairs
    for role in ("images", "masks"):
        (root / role / "img_2.png").write_bytes(b"")
    assert [problem.file for problem in problems_of(config, root)] == [
        str(root / "images" / "img_2.png"),
        str(root / "masks" / "img_2.png"),
    ]


def test_nothing_is_left_of_a_store_of_bad_files(pairs):
    root, config = pairs
    save(root / "masks" / "img_1.png", blobs(24, 30))
    producer = IngestProducer(config, root)
    with pytest.raises(Exception, match="1 problem in dataset"):
        write_store(root / "out" / "pairs.zarr", producer)
    assert not (root / "out").exists()


def test_duplicate_names(pairs):
    root, config = pairs
    save(root / "images" / "img_1.tif", grey())
    save(root / "masks" / "img_3.tif", blobs())
    config["images"]["pattern"] = "images/*"
    config["masks"]["pattern"] = "masks/*"
    found = by_file(problems_of(config, root), root)
    assert set(found) == {"images/img_1.tif", "masks/img_3.tif"}
    assert "taken by images/img_1.png" in found["images/img_1.tif"].expected
    assert found["images/img_1.tif"].found == "a duplicate name"
    assert "img_3.png is there" in found["masks/img_3.tif"].expected


def test_mixed_channels_and_the_way_out(pairs):
    root, config = pairs
    save(root / "images" / "img_2.png", np.repeat(grey()[..., None], 3, axis=2))
    (problem,) = problems_of(config, root)
    assert problem.file.endswith("images/img_2.png")
    assert problem.expected.startswith("channel 1 as in 3 other images")
    assert problem.found == "channel 3"
    config["images"]["channels"] = "rgb"
    assert IngestProducer(config, root).plan().fields["image"].channels == 3


def test_mixed_bit_depth(pairs):
    root, config = pairs
    cv2.imwrite(str(root / "images" / "img_2.png"), grey().astype(np.uint16))
    (problem,) = problems_of(config, root)
    assert problem.found == "bit depth uint16"


def test_binary_masks_where_instances_are_expected(pairs):
    root, config = pairs
    for k in range(4):
        save(root / "masks" / f"img_{k}.png", (blobs() > 0).astype(np.uint8))
    found = problems_of(config, root)
    assert [problem.found for problem in found] == ["a binary mask of 3 regions"] * 4
    assert "labels.kind: regions" in found[0].expected
    config["labels"]["kind"] = "regions"
    producer = IngestProducer(config, root)
    producer.plan()
    np.testing.assert_array_equal(producer.sample(0).instances, blobs())


def test_one_object_in_pieces_among_many_objects_is_accepted(pairs):
    root, config = pairs
    save(root / "masks" / "img_0.png", (blobs() > 0).astype(np.uint8))
    assert len(IngestProducer(config, root).plan()) == 4


def test_empty_folder(pairs):
    root, config = pairs
    config["images"]["pattern"] = "image/*.png"
    (problem,) = problems_of(config, root)
    assert problem.file == f"{root}/image/*.png"
    assert problem.found == f"no file; the folder {root} holds images/, masks/"


def test_image_without_mask_may_be_unannotated(pairs):
    root, config = pairs
    (root / "masks" / "img_1.png").unlink()
    config["masks"]["missing"] = "ignore"
    store = write_store(root / "out.zarr", IngestProducer(config, root))
    assert store.fields == ("image", "semantic", "instances", "ignore")
    assert store.ignore(1).all()
    assert not store.instances(1).any()
    assert not store.ignore(0).any()


def test_semantic_masks(pairs):
    root, config = pairs
    for k in range(4):
        save(root / "masks" / f"img_{k}.png", (blobs() > 0).astype(np.uint8) * 255)
    config["labels"] = {"kind": "semantic", "values": {"background": 0, "cell": 255}}
    config["classes"] = ["background", "cell"]
    store = write_store(root / "out.zarr", IngestProducer(config, root))
    assert store.fields == ("image", "semantic")
    assert store.attributes["derived"] == {}
    np.testing.assert_array_equal(store.semantic(0), blobs() > 0)


@pytest.mark.parametrize(
    ("section", "values", "message"),
    [
        ("images", {"pattern": "/abs/*.png"}, "below the dataset's root"),
        ("images", {"patern": "*.png"}, "images.pattern: missing"),
        ("images", {"pattern": "*.png", "chanels": "rgb"}, "did you mean channels|unknown option"),
        ("images", {"pattern": "*.png", "regex": "(.*)"}, r"named group \(\?P<key>"),
        ("images", {"pattern": "*.png", "regex": "("}, "no regular expression"),
        ("masks", {"pattern": "*.png", "missing": "skip"}, "masks.missing: expected one of"),
        ("masks", {"pattern": "*.png", "regex": "(?P<key>.)", "prefix": "a"}, "no prefix"),
    ],
)
def test_wrong_configuration(pairs, section, values, message):
    root, config = pairs
    config[section] = values
    with pytest.raises(ConfigError, match=message):
        IngestProducer(config, root)


def test_parts_and_workers_change_nothing(pairs):
    root, config = pairs
    one = write_store(root / "one.zarr", IngestProducer(config, root))
    two = write_store(root / "two.zarr", IngestProducer(config, root), parts=2, workers=2)
    assert one.content_hash == two.content_hash
