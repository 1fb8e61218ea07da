import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmill.metrics import seg_measure, seg_scores
from tests.metrics import reference


@settings(max_examples=80, deadline=None)
@given(reference.label_images())
def test_scores_equal_the_definition(images):
    assert seg_scores(*images).tolist() == reference.seg_scores(*images)


@settings(max_examples=25, deadline=None)
@given(st.lists(reference.label_images(), min_size=1, max_size=4))
def test_objects_are_pooled_over_frames(frames):
    predictions, truths = zip(*frames, strict=True)
    pooled = [s for p, t in frames for s in reference.seg_scores(p, t)]
    found = seg_measure(predictions, truths)
    if pooled:
        assert found == pytest.approx(sum(pooled) / len(pooled), abs=1e-12)
    else:
        assert np.isnan(found)


def test_pooling_is_not_the_mean_of_frames():
    one, three = np.array([[1, 0, 0]]), np.array([[1, 2, 3]])
    assert seg_measure([one, one * 0], [one, three]) == 0.25


@pytest.mark.parametrize("n", [1, 2, 3, 10, 49])
def test_a_perfect_frame_of_n_objects_scores_exactly_one(n):
    truth = np.zeros((7, 28), np.int32)
    truth.reshape(49, 4)[:n, :3] = np.arange(1, n + 1)[:, None]
    assert seg_measure(truth, truth) == 1.0
    assert seg_measure(truth + 1000 * (truth > 0), truth) == 1.0


def test_touching_objects_stay_two():
    truth = np.array([[1, 1, 2, 2]])
    merged = np.array([[5, 5, 5, 5]])
    assert seg_scores(merged, truth).tolist() == [0.5, 0.5]
    assert seg_measure(truth, merged) == 0.0  # each half covers no more than half


def test_exactly_half_is_no_match():
    truth = np.array([[4, 4, 4, 4]])
    assert seg_measure(np.array([[9, 9, 0, 0]]), truth) == 0.0
    assert seg_measure(np.array([[9, 9, 9, 0]]), truth) == 0.75


def test_false_positives_are_not_punished():
    truth = np.array([[1, 1, 0, 0, 0]])
    assert seg_measure(np.array([[1, 1, 0, 7, 8]]), truth) == 1.0


def test_ids_above_16_bits():
    truth = np.array([[65537, 65537, 1, 1]], np.int32)
    assert seg_measure(truth, truth) == 1.0
    assert seg_scores(truth, truth).tolist() == [1.0, 1.0]  # wrapped at 16 bits they would be one


def test_frames_nobody_annotated_are_left_out():
    truth = np.array([[1, 0, 2]])
    found = seg_measure([truth * 0, truth, truth], [None, truth, None])
    assert found == 1.0
    assert np.isnan(seg_measure([truth], [None]))
    assert np.isnan(seg_measure(truth, truth * 0))
    assert seg_measure(truth * 0, truth) == 0.0


def test_stacks_of_frames():
    stack = np.array([[[1, 1]], [[0, 3]]])
    assert seg_measure(stack, stack) == 1.0


@pytest.mark.parametrize(
    ("predictions", "truths", "message"),
    [
        ([np.eye(2, dtype=int)], [], "1 predictions for 0 truths"),
        (np.eye(2, dtype=int), [np.eye(2, dtype=int)], "one image and one truth"),
        ([np.eye(2, dtype=int)], [np.eye(3, dtype=int)], r"\(2, 2\), the truth \(3, 3\)"),
    ],
)
def test_frames_that_do_not_pair_are_refused(predictions, truths, message):
    with pytest.raises(ValueError, match=message):
        seg_measure(predictions, truths)
