import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmill.metrics import exclude_ignored, overlap, overlaps
from tests.metrics.reference import label_images, objects


def as_sets(table):
    """{(predicted id, reference id): shared pixels} of a table of overlaps."""
    p, t = table.prediction_ids[table.prediction], table.truth_ids[table.truth]
    return dict(zip(zip(p.tolist(), t.tolist(), strict=True), table.areas.tolist(), strict=True))


def brute_force(prediction, truth):
    pairs = {}
    for p, predicted in objects(prediction).items():
        for t, reference in objects(truth).items():
            if predicted & reference:
                pairs[p, t] = len(predicted & reference)
    return pairs


def check(prediction, truth):
    table = overlaps(prediction, truth)
    assert as_sets(table) == brute_force(prediction, truth)
    for ids, areas, labels in (
        (table.prediction_ids, table.prediction_areas, prediction),
        (table.truth_ids, table.truth_areas, truth),
    ):
        expected = {label: len(pixels) for label, pixels in objects(labels).items()}
        assert dict(zip(ids.tolist(), areas.tolist(), strict=True)) == expected
        assert (np.diff(ids) > 0).all()
    for iou, (p, t) in zip(table.iou, as_sets(table), strict=True):
        a, b = objects(prediction)[p], objects(truth)[t]
        assert iou == len(a & b) / len(a | b)


@settings(max_examples=60, deadline=None)
@given(label_images())
def test_equals_a_loop_over_pixels(images):
    check(*images)


@settings(max_examples=25, deadline=None)
@given(label_images())
def test_small_tables_and_sorted_keys_agree(images):
    prediction, truth = (np.searchsorted(np.unique([0, *np.unique(i)]), i) for i in images)
    dense = overlaps(prediction, truth)
    previous, overlap.DENSE_CELLS = overlap.DENSE_CELLS, 0
    try:
        sparse = overlaps(prediction, truth)
    finally:
        overlap.DENSE_CELLS = previous
    for name in vars(dense):
        np.testing.assert_array_equal(getattr(dense, name), getattr(sparse, name))


@pytest.mark.parametrize(
    "dtype", [bool, np.uint8, np.int8, np.uint16, np.int32, np.uint32, np.int64]
)
def test_every_integer_dtype(dtype):
    truth = np.array([[0, 1, 1], [0, 0, 1]], dtype)
    check(truth, truth[::-1])
    check(truth, truth.astype(np.int32))


@pytest.mark.parametrize("with_background", [True, False])
def test_ids_beyond_32_bits(with_background):
    truth = np.full((2, 3), 2**40, np.int64)
    truth[0, 1:] = 5
    truth[1, 2] = 0 if with_background else 5
    check(truth, truth)
    check(np.where(truth == 5, 2**33, 0), truth)
    assert overlaps(truth, truth).truth_ids.tolist() == [5, 2**40]


def test_an_image_without_pixels_or_objects():
    assert overlaps(np.zeros((0, 4), np.int32), np.zeros((0, 4), np.int32)).areas.size == 0
    empty = overlaps(np.zeros((3, 4), np.int32), np.zeros((3, 4), np.int32))
    assert empty.truth_ids.size == empty.prediction_ids.size == empty.areas.size == 0


def test_rows_do_not_run_into_each_other():
    # The last pixel of a row and the first of the next have one label but are two runs in space.
    check(np.array([[0, 2], [2, 0]]), np.array([[1, 1], [1, 1]]))


@pytest.mark.parametrize(
    ("prediction", "message"),
    [
        (np.zeros((2, 3), np.int32), r"prediction is \(2, 3\), the truth \(2, 2\)"),
        (np.zeros((2, 2), np.float32), "prediction has dtype float32"),
        (np.array([[0, -1], [0, 0]], np.int32), "prediction has the negative label -1"),
        (np.array([[0, -1], [0, 0]], np.int64), "prediction has the negative label -1"),
        (np.array([[-3, 2**40], [0, 0]], np.int64), "prediction has the negative label -3"),
        (np.array([[2**64 - 1, 0], [0, 0]], np.uint64), "label 18446744073709551615"),
    ],
)
def test_wrong_images_are_refused(prediction, message):
    with pytest.raises(ValueError, match=message):
        overlaps(prediction, np.zeros((2, 2), np.int32))


@settings(max_examples=40, deadline=None)
@given(label_images(), st.data())
def test_objects_mostly_ignored_are_taken_out_and_others_cut(images, data):
    shape = images[0].shape
    bits = data.draw(st.lists(st.booleans(), min_size=images[0].size, max_size=images[0].size))
    ignore = np.array(bits).reshape(shape)
    before = [image.copy() for image in images]
    for image, left in zip(images, exclude_ignored(*images, ignore), strict=True):
        expected = np.zeros_like(image)
        for label, pixels in objects(image).items():
            hidden = sum(bool(ignore[p]) for p in pixels)
            if hidden <= len(pixels) / 2:
                for p in pixels:
                    expected[p] = 0 if ignore[p] else label
        np.testing.assert_array_equal(left, expected)
        assert left.dtype == image.dtype
    for image, copy in zip(images, before, strict=True):
        np.testing.assert_array_equal(image, copy)


def test_nothing_ignored_changes_nothing():
    image = np.array([[1, 2]])
    for ignore in (None, np.zeros((1, 2), bool)):
        np.testing.assert_array_equal(exclude_ignored(image, image, ignore), [image, image])
