import os
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from segmill.datasets.raster import read_raster
from segmill.errors import ConfigError
from segmill.inference import InstanceOptions, instances_from_scores
from segmill.inference.instances import fill_holes, numbered
from segmill.labels import cell_border
from segmill.metrics import seg_measure
from segmill.options import build_options

# One character per pixel: what the network is sure of.
CLASSES = {".": (0.9, 0.05, 0.05), "c": (0.05, 0.9, 0.05), "b": (0.1, 0.2, 0.7)}


def scores(*rows):
    return np.array([[CLASSES[pixel] for pixel in row] for row in rows], np.float32)


def options(**values):
    return build_options(InstanceOptions, {"min_size": 0} | values, "test")


def shown(instances):
    return ["".join(".123456789"[label] for label in row) for row in instances]


TOUCHING = scores(
    "..........",
    ".bbbbbbbb.",
    ".bccbbccb.",
    ".bccbbccb.",
    ".bbbbbbbb.",
    "..........",
)


def test_a_border_parts_touching_cells():
    found = instances_from_scores(TOUCHING, options())
    assert found.dtype == np.int32
    assert shown(found) == [
        "..........",
        ".11112222.",
        ".11112222.",
        ".11112222.",
        ".11112222.",
        "..........",
    ]


def test_components_merge_them_and_seeds_are_the_cell_class_alone():
    merged = instances_from_scores(TOUCHING, options(method="components"))
    np.testing.assert_array_equal(merged, TOUCHING[:, :, 0] < 0.5)
    seeds = instances_from_scores(TOUCHING, options(method="seeds"))
    np.testing.assert_array_equal(seeds > 0, TOUCHING[:, :, 1] > 0.5)
    assert seeds.max() == 2


def test_two_classes_are_enough():
    two = np.stack([TOUCHING[:, :, 0], 1 - TOUCHING[:, :, 0]], axis=2)
    np.testing.assert_array_equal(instances_from_scores(two, options()), two[:, :, 1] > 0.5)


def test_half_precision_scores():
    found = instances_from_scores(TOUCHING.astype(np.float16), options())
    np.testing.assert_array_equal(found, instances_from_scores(TOUCHING, options()))


def test_objects_are_numbered_by_their_first_pixel():
    found = instances_from_scores(scores("....c", "c...c", "c.c.."), options())
    assert shown(found) == ["....1", "2...1", "2.3.."]


def test_small_objects_and_small_seeds_are_dropped():
    image = scores("ccc.c", "ccc..", ".....", "cc..b")
    assert instances_from_scores(image, options(min_size=2)).max() == 2
    assert instances_from_scores(image, options(min_size=3)).max() == 1
    assert instances_from_scores(image, options(min_seed=3)).max() == 1
    assert instances_from_scores(image, options(min_size=7)).max() == 0


def test_regions_without_seed_are_dropped_or_kept():
    image = scores("cc...", "cb.bb", "...bb")
    assert shown(instances_from_scores(image, options())) == ["11...", "11...", "....."]
    kept = instances_from_scores(image, options(unseeded="keep"))
    assert shown(kept) == ["11...", "11.22", "...22"]


def test_holes_up_to_a_size_are_filled():
    image = scores("bbbbbb.", "bcccbb.", "bc.cbb.", "bcccbb.", "bbbbbb.")
    assert instances_from_scores(image, options())[2, 2] == 0
    filled = instances_from_scores(image, options(max_hole=1))
    np.testing.assert_array_equal(filled[:, :6], np.ones((5, 6)))
    assert (filled[:, 6] == 0).all()


def test_holes_equal_scipy_where_none_is_too_large():
    rng = np.random.default_rng(0)
    for density in (0.4, 0.6, 0.8):
        mask = rng.random((30, 40)) < density
        expected = ndimage.binary_fill_holes(mask, structure=np.ones((3, 3)))
        np.testing.assert_array_equal(fill_holes(mask, 10**6), expected)
    assert not fill_holes(np.zeros((4, 4), bool), 100).any()
    assert fill_holes(np.ones((4, 4), bool), 100).all()


def test_large_holes_and_bays_stay():
    mask = np.ones((7, 9), bool)
    mask[2:5, 2:5] = False
    mask[0:2, 7] = False
    np.testing.assert_array_equal(fill_holes(mask, 8), mask)
    assert fill_holes(mask, 9)[3, 3]
    assert not fill_holes(mask, 9)[0, 7]


def test_thresholds_of_foreground_and_seeds():
    image = np.array([[(0.55, 0.4, 0.05), (0.3, 0.6, 0.1), (0.3, 0.3, 0.4)]], np.float32)
    assert shown(instances_from_scores(image, options())) == [".11"]
    assert shown(instances_from_scores(image, options(foreground_threshold=0.4))) == ["111"]
    assert shown(instances_from_scores(image, options(foreground_threshold=0.7))) == ["..."]
    assert shown(instances_from_scores(image, options(seed_threshold=0.65))) == ["..."]


def test_smoothing_merges_what_noise_has_torn():
    image = scores(*["c" * 9] * 4 + ["b" * 9] + ["c" * 9] * 4)
    assert instances_from_scores(image, options()).max() == 2
    assert instances_from_scores(image, options(seed_smoothing=2.0)).max() == 1


def test_an_empty_image():
    assert instances_from_scores(scores("....", "...."), options()).max() == 0


def test_numbering_equals_a_dictionary():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 12, (9, 9)).astype(np.int32)
    area = np.bincount(labels.ravel(), minlength=12)
    seen = {}
    expected = np.zeros_like(labels)
    for index, label in np.ndenumerate(labels):
        if label and area[label] >= 8:
            expected[index] = seen.setdefault(label, len(seen) + 1)
    np.testing.assert_array_equal(numbered(labels, 8), expected)


@pytest.mark.real
def test_classes_of_real_cells_give_the_cells_back():
    root = os.environ.get("SEGMILL_REAL_DATA")
    if not root:
        pytest.skip("SEGMILL_REAL_DATA is unset: it names the folder of real samples")
    files = sorted(Path(root, "cells_ctc/PhC-C2DH-U373").glob("*_GT/SEG/man_seg*.tif"))
    assert files
    truths = [read_raster(path).values.astype(np.int32) for path in files]
    certain = [np.eye(3, dtype=np.float32)[cell_border(truth, width=2)] for truth in truths]
    found = [instances_from_scores(scores) for scores in certain]
    assert seg_measure(found, truths) > 0.99


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((4, 4)), r"found float64 \(4, 4\)"),
        (np.zeros((4, 4, 1)), "at least 2 classes"),
        (np.zeros((4, 4, 3), np.uint8), "found uint8"),
        (np.full((4, 4, 3), np.nan), "not finite"),
    ],
)
def test_wrong_scores_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        instances_from_scores(wrong)


def test_wrong_options_are_refused_all_at_once():
    with pytest.raises(ConfigError, match=r"(?s)min_size: expected .*method: expected"):
        options(min_size=-1, method="magic")
    with pytest.raises(ConfigError, match="background and cell are both class 0"):
        options(cell=0)
