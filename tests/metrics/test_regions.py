import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmill.metrics import binary_iou, class_iou, iou
from segmill.metrics.regions import class_counts
from tests.metrics.reference import label_images


def pixel_iou(prediction, truth, keep):
    """IoU of two bool maps over the pixels to keep, pixel by pixel; nan where both are empty."""
    both = either = 0
    for p, t, k in zip(prediction.ravel(), truth.ravel(), keep.ravel(), strict=True):
        both += bool(p and t and k)
        either += bool((p or t) and k)
    return both / either if either else np.nan


@st.composite
def class_maps(draw):
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    size = shape[0] * shape[1]
    ids = st.lists(st.integers(0, 3), min_size=size, max_size=size)
    maps = [np.array(draw(ids), np.uint8).reshape(shape) for _ in range(2)]
    hidden = np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size))).reshape(shape)
    return *maps, draw(st.sampled_from([None, hidden]))


@settings(max_examples=60, deadline=None)
@given(label_images(), st.booleans())
def test_foreground_equals_a_loop_over_pixels(images, with_ignore):
    prediction, truth = images
    ignore = (np.indices(truth.shape).sum(0) % 3 == 0) if with_ignore else None
    keep = np.ones(truth.shape, bool) if ignore is None else ~ignore
    expected = pixel_iou(prediction > 0, truth > 0, keep)
    np.testing.assert_equal(iou(prediction, truth, ignore), expected)


@settings(max_examples=60, deadline=None)
@given(class_maps())
def test_classes_equal_a_loop_over_pixels(maps):
    prediction, truth, ignore = maps
    keep = np.ones(truth.shape, bool) if ignore is None else ~ignore
    expected = [pixel_iou(prediction == k, truth == k, keep) for k in range(4)]
    np.testing.assert_array_equal(class_iou(prediction, truth, 4, ignore), expected)


def test_a_class_in_neither_is_undefined_not_perfect():
    found = class_iou(np.array([[0, 0]]), np.array([[0, 0]]), n_classes=2)
    assert found[0] == 1
    assert np.isnan(found[1])
    assert np.isnan(iou(np.zeros((2, 2), int), np.zeros((2, 2), int)))
    assert iou(np.zeros((2, 2), int), np.ones((2, 2), int)) == 0


def test_counts_add_up_over_images():
    rng = np.random.default_rng(3)
    prediction, truth = rng.integers(0, 3, (2, 8, 8))
    whole = class_counts(prediction, truth, 3)
    halves = [class_counts(prediction[s], truth[s], 3) for s in (slice(0, 4), slice(4, 8))]
    np.testing.assert_array_equal(np.sum(halves, axis=0), whole)


@settings(max_examples=40, deadline=None)
@given(class_maps(), st.sampled_from([0.25, 0.5, 0.8]))
def test_binary_iou_equals_a_loop_over_pixels(maps, threshold):
    prediction, truth, ignore = maps
    probability = prediction / 4
    keep = np.ones(truth.shape, bool) if ignore is None else ~ignore
    found = binary_iou(probability, truth, threshold, ignore)
    inside, outside = probability > threshold, truth > 0
    expected_1 = pixel_iou(inside, outside, keep)
    expected_0 = pixel_iou(~inside, ~outside, keep)
    np.testing.assert_equal((found.biou_1, found.biou_0), (expected_1, expected_0))
    defined = [v for v in (expected_1, expected_0) if not np.isnan(v)]
    np.testing.assert_equal(found.biou_both, np.mean(defined) if defined else np.nan)


def test_the_threshold_itself_is_outside():
    assert binary_iou(np.array([0.5]), np.array([0])) == (pytest.approx(np.nan, nan_ok=True), 1, 1)


def test_bool_maps_are_taken_as_decided():
    assert binary_iou(np.array([True, False]), np.array([1, 0]), threshold=1.0) == (1, 1, 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: iou(np.zeros((2, 2), int), np.zeros((2, 3), int)),
            r"\(2, 2\), the truth \(2, 3\)",
        ),
        (lambda: iou(np.zeros(2, int), np.zeros(2, int), np.zeros(3)), r"ignore mask is \(3,\)"),
        (
            lambda: class_iou(np.array([0, 255]), np.array([0, 1]), 2),
            r"prediction has the ids \[255\]",
        ),
        (lambda: class_iou(np.array([0, 1]), np.array([0, -1]), 2), r"truth has the ids \[-1\]"),
        (lambda: class_iou(np.array([0.5]), np.array([0]), 2), "prediction has dtype float64"),
        (lambda: binary_iou(np.array([np.nan]), np.array([0])), "not finite"),
    ],
)
def test_wrong_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
