"""Masks of COCO against pycocotools."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from segmill.datasets.coco_masks import area, encode, examine, paint, runs_of, unpack_runs


def reference(segmentation, shape):
    """What pycocotools' annToMask gives."""
    coco = COCO()
    coco.imgs = {1: {"height": shape[0], "width": shape[1]}}
    return coco.annToMask({"image_id": 1, "segmentation": segmentation})


def random_mask(rng, shape):
    """Blobs, so that runs are long and short."""
    noise = rng.random((-(-shape[0] // 4), -(-shape[1] // 4))) < rng.uniform(0, 1)
    mask = np.kron(noise, np.ones((4, 4)))[: shape[0], : shape[1]]
    return mask.astype(np.uint8) ^ (rng.random(shape) < 0.02)


shapes = st.tuples(st.integers(1, 40), st.integers(1, 40))


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1), shape=shapes, decimals=st.sampled_from([0, 1, 2, 8]))
def test_polygons_are_those_of_pycocotools(seed, shape, decimals):
    rng = np.random.default_rng(seed)
    polygons = []
    for _ in range(rng.integers(1, 4)):
        points = rng.uniform(-3, 1.1, (rng.integers(3, 12), 2)).clip(-0.02) * shape[::-1]
        polygons.append(points.round(decimals).ravel().tolist())
    encoded = encode(polygons, shape)
    expected = reference(polygons, shape)
    np.testing.assert_array_equal(paint([encoded], [1], shape, np.uint8), expected)
    assert area([encoded]).tolist() == [expected.sum()]
    xy = np.concatenate([np.reshape(p, (-1, 2)) for p in polygons])
    found = examine(polygons)
    assert (found.left, found.top) == tuple(xy.min(axis=0))
    assert (found.right, found.bottom) == tuple(xy.max(axis=0))


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1), shape=shapes)
def test_run_lengths_are_those_of_pycocotools(seed, shape):
    rng = np.random.default_rng(seed)
    mask = random_mask(rng, shape)
    packed = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    runs = unpack_runs(packed["counts"])
    for counts in (packed["counts"].decode(), runs.tolist()):
        segmentation = {"size": list(shape), "counts": counts}
        assert examine(segmentation).size == shape
        np.testing.assert_array_equal(runs_of(segmentation, shape), runs)
        encoded = encode(segmentation, shape)
        np.testing.assert_array_equal(paint([encoded], [1], shape, np.uint8), mask)
        np.testing.assert_array_equal(reference(segmentation, shape), mask)
    # Independent of any encoding: runs alternate, from background.
    values = np.repeat(np.arange(runs.size) % 2, runs)
    np.testing.assert_array_equal(values.reshape(shape[::-1]).T, mask)


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1), shape=shapes)
def test_later_masks_lie_on_top(seed, shape):
    rng = np.random.default_rng(seed)
    masks = [random_mask(rng, shape) for _ in range(3)]
    expected = np.zeros(shape, np.int32)
    for value, mask in zip((7, 300, 2), masks, strict=True):
        expected[mask > 0] = value
    encoded = [coco_mask.encode(np.asfortranarray(mask, np.uint8)) for mask in masks]
    found = paint(encoded, [7, 300, 2], shape, np.int32)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, expected)


def test_long_runs():
    shape = (3000, 3000)
    mask = np.zeros(shape, np.uint8)
    mask[:, 1000:2900] = 1
    mask[17, 5] = 1
    encoded = coco_mask.encode(np.asfortranarray(mask))
    np.testing.assert_array_equal(paint([encoded], [1], shape, np.uint8), mask)
    assert unpack_runs(encoded["counts"]).sum() == mask.size


def test_nothing_to_paint():
    assert not paint([], [], (3, 4), np.uint8).any()
    assert area([]).shape == (0,)


@pytest.mark.parametrize(
    ("segmentation", "expected", "found"),
    [
        (None, "polygons or run lengths", "None"),
        ([], "a polygon or run lengths", "an empty list"),
        ([[1, 2, 3, 4]], "a polygon of at least 3 points", "2"),
        ([[]], "a polygon of at least 3 points", "0"),
        ([[1, 2, 3, 4, 5, 6, 7]], "as many y as x in a polygon", "7 coordinates"),
        ([[1, 2, 3, 4, 5, float("nan")]], "finite numbers", "nan"),
        ([[1, 2, 3, 4, 5, float("inf")]], "finite numbers", "inf"),
        ([[1, 2, 3, 4, 5, float("inf"), float("-inf"), 1]], "finite numbers", "inf"),
        ([[1, 2, 3, 4, 5, "6"]], "finite numbers", "'6'"),
        ([1, 2, 3, 4, 5, 6], "a polygon x, y", "1"),
        ({"counts": [1, 3]}, "size [height, width]", "None"),
        ({"counts": [1, 3], "size": [2, 0]}, "size [height, width]", "[2, 0]"),
        ({"counts": [1, 3], "size": [2]}, "size [height, width]", "[2]"),
        ({"size": [2, 2]}, "counts as a list or a text", "None"),
        ({"counts": [1, 2], "size": [2, 2]}, "sum to 2 x 2 = 4", "that sum to 3"),
        ({"counts": [5, -1], "size": [2, 2]}, "from 0 that sum", "runs from -1"),
        ({"counts": [2**62] * 4 + [4], "size": [2, 2]}, "that sum to 2 x 2", "sum to 4"),
        ({"counts": [2**64], "size": [2, 2]}, "run lengths of an image", "184467"),
        ({"counts": [1.5, 2.5], "size": [2, 2]}, "integers", "1.5"),
        ({"counts": [], "size": [2, 2]}, "that sum to 2 x 2", "0 runs"),
        ({"counts": "", "size": [2, 2]}, "that sum to 2 x 2", "0 runs"),
        ({"counts": "13\u00e9", "size": [2, 2]}, "in ASCII", "13"),
        ({"counts": "1 3", "size": [2, 2]}, "compressed run lengths", "1 3"),
        ({"counts": "1R", "size": [2, 2]}, "compressed run lengths", "1R"),
        ({"counts": "R" * 20 + "1", "size": [2, 2]}, "of an image", "RRR"),
        ({"counts": "19", "size": [2, 2]}, "that sum to 2 x 2", "sum to 10"),
    ],
)
def test_malformed_segmentations(segmentation, expected, found):
    with pytest.raises(ValueError, match=r"\(") as caught:
        examine(segmentation)
    assert expected in caught.value.args[0]
    assert found in caught.value.args[1]
