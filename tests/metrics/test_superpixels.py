import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.segmentation import find_boundaries

from segmill.metrics import superpixels
from segmill.metrics.superpixels import METRICS, boundaries, explained_variation
from tests.metrics import superpixel_reference as reference


@st.composite
def cases(draw):
    """Superpixels of blocks with noise, annotations of fewer labels, an image."""
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    blocks = np.add.outer(np.arange(height) // 3 * 4, np.arange(width) // 3)
    noisy = rng.random((height, width)) < draw(st.sampled_from([0.0, 0.3, 1.0]))
    labels = np.where(noisy, rng.integers(0, 12, (height, width)), blocks)
    truths = [
        rng.integers(1, 1 + k, (height, width)) if loose else labels // k
        for k, loose in draw(
            st.lists(st.tuples(st.integers(1, 5), st.booleans()), min_size=1, max_size=3)
        )
    ]
    image = rng.integers(0, draw(st.sampled_from([1, 256])), (height, width, 3)).astype(np.uint8)
    offset, factor = draw(st.sampled_from([(0, 1), (1, 1), (-7, 1), (5, 10**12)]))
    return labels * factor + offset, truths, image


@settings(max_examples=50, deadline=None)
@given(cases())
def test_every_metric_against_its_definition(case):
    labels, truths, image = case
    expected = reference.superpixels(labels, truths, image)
    found = superpixels(labels, truths, image)
    assert list(expected.keys() - found.keys()) == list(found.keys() - expected.keys()) == []
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-9, abs=1e-12, nan_ok=True), name


def test_on_a_larger_image():
    rng = np.random.default_rng(3)
    labels = np.kron(rng.integers(0, 30, (6, 8)), np.ones((5, 5), int))
    truths = [np.kron(rng.integers(0, 3, (3, 4)), np.ones((10, 10), int)) for _ in range(4)]
    image = rng.normal(size=(30, 40, 3))
    expected = reference.superpixels(labels, truths, image)
    assert superpixels(labels, np.array(truths), image) == pytest.approx(expected)


def test_perfect_superpixels_and_a_single_one():
    truth = np.repeat(np.repeat([[1, 2], [3, 3]], 8, axis=0), 8, axis=1)
    found = superpixels(truth, truth, truth)
    assert found["boundary_recall_3"] == found["boundary_precision_3"] == 1
    assert found["undersegmentation"] == found["undersegmentation_np"] == 0
    assert found["achievable_accuracy"] == found["explained_variation"] == 1
    one = superpixels(np.zeros((16, 16), int), truth, truth)
    assert one["boundary_recall_5"] == 0
    assert math.isnan(one["boundary_precision_5"])
    assert one["undersegmentation"] == 0.5
    assert one["contour_density"] == one["explained_variation"] == 0
    # Side 16 has 60 pixels on its edge.
    assert one["compactness"] == pytest.approx(4 * math.pi * 256 / 60**2)


def test_the_window_of_tolerance():
    labels, truth = np.zeros((9, 20), int), np.zeros((9, 20), int)
    labels[:, 10:], truth[:, 13:] = 1, 1
    # Boundaries at 9, 10 and 12, 13: 2 and 3 columns apart.
    found = superpixels(labels, truth)
    assert found["boundary_recall_5"] == found["boundary_precision_5"] == 0.5
    assert found["boundary_recall_3"] == found["boundary_precision_3"] == 0


def test_an_annotator_without_boundary_counts_for_the_others():
    labels = np.repeat([[0, 0, 1, 1]], 4, axis=0)
    blank = np.ones((4, 4), int)
    found = superpixels(labels, [blank, labels])
    assert found["boundary_recall_5"] == 1
    assert found["boundary_precision_5"] == 0.5
    assert math.isnan(superpixels(labels, [blank])["boundary_recall_5"])
    assert math.isnan(found["explained_variation"])


def test_boundaries_are_those_of_scikit_image():
    labels = np.random.default_rng(0).integers(0, 3, (17, 23))
    expected = find_boundaries(labels, connectivity=1, mode="thick")
    np.testing.assert_array_equal(boundaries(labels).astype(bool), expected)


def test_explained_variation_of_large_values():
    values = np.full((8, 8), 60000, np.uint16)
    values[:, 4:] = 60001
    labels = np.repeat([[0] * 4 + [1] * 4], 8, axis=0)
    assert explained_variation(labels, values) == pytest.approx(1)


@pytest.mark.parametrize(
    ("labels", "truths", "message"),
    [
        (np.zeros((4, 4)), [np.zeros((4, 4), int)], "the superpixels: expected"),
        (np.zeros((4, 4), int), [], "at least one annotation"),
        (np.zeros((4, 4), int), [np.zeros((4, 5), int)], r"annotation 0 is \(4, 5\)"),
        (np.zeros((4, 4), int), [np.zeros((4, 4))], "annotation 0: expected"),
        (np.zeros((0, 4), int), [np.zeros((0, 4), int)], "no pixel"),
    ],
)
def test_bad_inputs_are_named(labels, truths, message):
    with pytest.raises(ValueError, match=message):
        superpixels(labels, truths)


def test_an_image_of_another_shape():
    labels = np.zeros((4, 4), int)
    with pytest.raises(ValueError, match=r"the image is \(5, 4, 3\)"):
        superpixels(labels, labels, np.zeros((5, 4, 3)))


def test_all_metrics_are_reported():
    labels = np.arange(16).reshape(4, 4)
    assert set(superpixels(labels, labels, labels)) == {*METRICS, "n_superpixels"}
