import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from scipy import ndimage

from segmill.datasets.masks import label_rules, read_labels
from segmill.errors import ConfigError, IntegrityError
from tests.datasets.conftest import blobs, save

SEMANTIC = {"classes": ["background", "cell", "border"], "labels": {"kind": "semantic"}}


def read(path, config):
    return read_labels([path], label_rules(config))


def problem(path, config):
    with pytest.raises(IntegrityError) as caught:
        read(path, config)
    (only,) = caught.value.problems
    assert only.file == str(path)
    return only


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "int32"])
def test_instance_ids_are_kept(tmp_path, dtype):
    ids = blobs().astype(dtype)
    ids[ids == 3] = 200 if dtype == "uint8" else 40000
    tifffile.imwrite(tmp_path / "a.tif", ids)
    found = read(tmp_path / "a.tif", {"labels": {"kind": "instances"}}).instances
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, ids.astype(np.int64))


def test_ids_beyond_the_store(tmp_path):
    ids = blobs().astype(np.uint32)
    ids[0, 0] = 2**31
    tifffile.imwrite(tmp_path / "a.tif", ids)
    assert problem(tmp_path / "a.tif", {}).found == str(2**31)


def test_negative_ids(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.full((4, 4), -3, np.int16))
    assert problem(tmp_path / "a.tif", {}).found == "the value -3"


def test_float_mask(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 4), np.float32))
    assert problem(tmp_path / "a.tif", {}).found == "float32 values"


def test_class_ids(tmp_path):
    ids = np.arange(12, dtype=np.uint8).reshape(3, 4) % 3
    found = read(save(tmp_path / "a.png", ids), SEMANTIC).semantic
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, ids)


def test_values_map_to_classes(tmp_path):
    mask = np.array([[0, 255, 128, 7]], np.uint8)
    config = {
        "classes": ["background", "cell", "border"],
        "labels": {
            "kind": "semantic",
            "values": {"background": 0, "border": [128, 7], "cell": 255},
        },
    }
    found = read(save(tmp_path / "a.png", mask), config).semantic
    np.testing.assert_array_equal(found, [[0, 1, 2, 2]])


def test_ignored_value(tmp_path):
    mask = np.array([[0, 255, 2, 1]], np.uint8)
    config = {"classes": SEMANTIC["classes"], "labels": {"kind": "semantic", "ignore": 255}}
    labels = read(save(tmp_path / "a.png", mask), config)
    np.testing.assert_array_equal(labels.semantic, [[0, 0, 2, 1]])
    np.testing.assert_array_equal(labels.ignore, [[False, True, False, False]])


def test_binary_mask_where_class_ids_are_expected(tmp_path):
    path = save(tmp_path / "a.png", np.array([[0, 255]], np.uint8))
    only = problem(path, {"classes": ["background", "cell"], "labels": {"kind": "semantic"}})
    assert only.found == "a mask 0/255"
    assert "labels.values: {background: 0, cell: 255}" in only.expected


def test_labels_outside_the_classes(tmp_path):
    path = save(tmp_path / "a.png", np.array([[0, 7, 7, 9]], np.uint8))
    only = problem(path, SEMANTIC)
    assert only.found == "labels outside the classes: 7 (2 pixels), 9 (1 pixels)"
    assert only.expected == "labels 0 (background), 1 (cell), 2 (border)"


def test_many_alien_labels_are_counted(tmp_path):
    path = save(tmp_path / "a.png", np.arange(40, dtype=np.uint8).reshape(5, 8))
    assert problem(path, SEMANTIC).found.endswith("and 32 more")


def test_rgb_mask(tmp_path):
    path = save(tmp_path / "a.png", np.zeros((4, 4, 3), np.uint8))
    only = problem(path, {})
    assert only.found == "an RGB mask"
    assert "labels.channel: 0" in only.expected


def test_channel_of_an_rgb_mask(tmp_path):
    mask = np.zeros((24, 32, 3), np.uint8)
    mask[..., 1] = blobs()
    path = save(tmp_path / "a.png", mask)
    config = {"labels": {"kind": "instances", "channel": 1}}
    np.testing.assert_array_equal(read(path, config).instances, blobs())
    config["labels"]["channel"] = 3
    assert problem(path, config).found == "3 channels"


@pytest.mark.parametrize("name", ["a.png", "p.png"])
def test_colours(tmp_path, name):
    ids = np.array([[0, 1, 2, 1]], np.uint8)
    palette = np.array([[0, 0, 0], [255, 0, 0], [0, 0, 255]], np.uint8)
    path = tmp_path / name
    if name == "a.png":
        save(path, palette[ids])
    else:
        image = Image.new("P", (4, 1))
        image.putdata(ids.ravel())
        image.putpalette(palette.ravel().tolist())
        image.save(path)
    config = {
        "classes": ["background", "cell", "border"],
        "labels": {
            "kind": "colours",
            "colours": {"background": "#000000", "cell": "#FF0000", "border": ["#0000ff"]},
        },
    }
    np.testing.assert_array_equal(read(path, config).semantic, ids)


def test_unknown_colour(tmp_path):
    mask = np.zeros((2, 2, 3), np.uint8)
    mask[0, 0] = (1, 2, 3)
    config = {
        "classes": ["background"],
        "labels": {"kind": "colours", "colours": {"background": "#000000"}},
    }
    only = problem(save(tmp_path / "a.png", mask), config)
    assert only.found == "colours of no class: #010203 (1 pixels)"
    assert only.expected == "the colours #000000 (background)"


def test_lossy_mask(tmp_path):
    only = problem(save(tmp_path / "a.jpg", blobs().astype(np.uint8)), {})
    assert "lossless" in only.expected
    assert "JPEG" in only.found


def test_binary_mask_where_instances_are_expected(tmp_path):
    path = save(tmp_path / "a.png", (blobs() > 0).astype(np.uint8) * 255)
    only = problem(path, {"labels": {"kind": "instances"}})
    assert only.found == "a binary mask 0/255 of 3 regions"
    assert "labels.kind: regions" in only.expected
    fragments = read(path, {"labels": {"kind": "instances", "fragments": True}}).instances
    assert np.unique(fragments).tolist() == [0, 255]


def test_id_255_among_others_is_an_id(tmp_path):
    ids = blobs().astype(np.uint8)
    ids[ids == 3] = 255
    found = read(save(tmp_path / "a.png", ids), {}).instances
    np.testing.assert_array_equal(found, ids)


def regions_by_value(values: np.ndarray, connectivity: int) -> np.ndarray:
    """Independent reference: connected components of each value, by scipy."""
    structure = np.ones((3, 3)) if connectivity == 8 else None
    regions, count = np.zeros(values.shape, int), 0
    for value in np.unique(values[values > 0]):
        found, n = ndimage.label(values == value, structure)
        regions[found > 0] = found[found > 0] + count
        count += n
    return regions


@settings(max_examples=30, deadline=None)
@given(arrays(np.uint8, (6, 7), elements=st.integers(0, 3)), st.sampled_from([4, 8]))
def test_regions_are_connected_components_of_each_value(tmp_path_factory, values, connectivity):
    path = save(tmp_path_factory.mktemp("regions") / "a.png", values)
    found = read(path, {"labels": {"kind": "regions", "connectivity": connectivity}}).instances
    expected = regions_by_value(values, connectivity)
    pairs = set(zip(found.ravel().tolist(), expected.ravel().tolist(), strict=True))
    # The same partition: each id of one meets one id of the other, background only background.
    assert len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs)
    assert (0, 0) in pairs or (values > 0).all()


def test_one_file_per_object(tmp_path):
    paths = [save(tmp_path / f"{k}.png", (blobs() == k).astype(np.uint8) * 255) for k in (1, 2, 3)]
    rules = label_rules({"labels": {"kind": "object_files"}})
    np.testing.assert_array_equal(read_labels(paths, rules).instances, blobs())
    save(paths[2], np.ones((24, 32), np.uint8))
    with pytest.raises(IntegrityError, match=r"do not overlap, found 50 pixels of 1\.png"):
        read_labels(paths, rules)
    save(paths[1], np.ones((5, 5), np.uint8))
    with pytest.raises(IntegrityError, match=r"24 x 32 pixels as 1\.png, found 5 x 5"):
        read_labels(paths, rules)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"labels": {"kind": "instance"}}, "kind: expected one of instances"),
        ({"labels": {"kinds": "semantic"}}, "unknown keys .'kinds'."),
        ({"labels": {"kind": "semantic"}}, "classes: expected class names"),
        ({"labels": {"border_width": 2}, "classes": ["a"]}, "classes: expected three names"),
        ({**SEMANTIC, "labels": {"kind": "semantic", "border_width": 2}}, "border_width: expected"),
        ({"labels": {"values": {"cell": 1}}}, "values, colours: expected none"),
        (
            {**SEMANTIC, "labels": {"kind": "semantic", "values": {"cells": 1}}},
            "cells: expected one of the classes",
        ),
        (
            {**SEMANTIC, "labels": {"kind": "semantic", "values": {"cell": 1, "border": [1]}}},
            "values: expected one class for each, found .'1'. in two classes",
        ),
        (
            {"classes": ["a"], "labels": {"kind": "colours", "colours": {"a": "red"}}},
            "colours: expected \"#rrggbb\", found 'red'",
        ),
        (
            {"classes": ["a", "b"], "labels": {"kind": "colours", "colours": {"a": "#000000"}}},
            "colours: expected a colour for each",
        ),
    ],
)
def test_contradictory_rules(config, message):
    with pytest.raises(ConfigError, match=message):
        label_rules(config)
