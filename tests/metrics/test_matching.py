import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmill.metrics import match_instances
from tests.metrics import reference

THRESHOLDS = [0.1, 0.25, 1 / 3, 0.5, 0.6, 0.75, 1.0]


@settings(max_examples=100, deadline=None)
@given(reference.label_images(), st.sampled_from(THRESHOLDS))
def test_equals_the_best_of_all_assignments(images, threshold):
    prediction, truth = images
    found = match_instances(prediction, truth, threshold)
    tp, total = reference.best_matching(prediction, truth, threshold)
    assert found.tp == tp
    assert found.scores.sum() == pytest.approx(total, abs=1e-12)
    assert found.tp + found.fp == len(reference.objects(prediction))
    assert found.tp + found.fn == len(reference.objects(truth))


@settings(max_examples=60, deadline=None)
@given(reference.label_images(), st.sampled_from(THRESHOLDS))
def test_pairs_are_one_to_one_and_good_enough(images, threshold):
    prediction, truth = images
    found = match_instances(prediction, truth, threshold)
    assert found.pairs.shape == (found.tp, 2)
    assert len(set(found.pairs[:, 0])) == len(set(found.pairs[:, 1])) == found.tp
    for (p, t), score in zip(found.pairs, found.scores, strict=True):
        a, b = prediction == p, truth == t
        assert score == (a & b).sum() / (a | b).sum() >= threshold


def test_greedy_choice_would_lose_a_pair():
    # The best single pair (7, 1) would leave object 2 without partner.
    truth = np.array([[1, 1, 1, 1, 2, 2]])
    prediction = np.array([[8, 7, 7, 7, 7, 7]])
    found = match_instances(prediction, truth, threshold=0.2)
    assert found.pairs.tolist() == [[7, 2], [8, 1]]


def test_more_pairs_come_before_a_larger_sum():
    n = 30  # a chain in which the heavy diagonal has one pair less than the light one
    truth, prediction = np.zeros((1, 10 * n + 10), int), np.zeros((1, 10 * n + 10), int)
    for k in range(n):
        truth[0, 10 * k : 10 * k + 10] = k + 1
        prediction[0, 10 * k + 4 : 10 * k + 14] = k + 1
    truth[0, 10 * n :] = n + 1
    prediction[0, :4] = n + 1
    assert match_instances(prediction, truth, threshold=0.2).tp == n + 1


def test_a_pair_on_the_threshold_matches():
    truth = np.array([[1, 1, 1, 1]])
    assert match_instances(np.array([[1, 1, 0, 0]]), truth, 0.5).tp == 1
    halves = match_instances(np.array([[1, 1, 2, 2]]), truth, 0.5)
    assert (halves.tp, halves.fp, halves.fn) == (1, 1, 0)


def test_figures_of_a_worked_example():
    truth = np.array([[1, 1, 0, 2, 2, 0, 3, 3]])
    prediction = np.array([[1, 1, 0, 2, 0, 0, 0, 0]])
    found = match_instances(prediction, truth, 0.5)
    assert (found.tp, found.fp, found.fn) == (2, 0, 1)
    assert found.precision == 1
    assert found.recall == 2 / 3
    assert found.f1 == 0.8
    assert found.mean_matched_score == 0.75
    assert found.panoptic_quality == pytest.approx(0.6)


def test_figures_without_objects():
    nothing, one = np.zeros((1, 3), int), np.array([[0, 1, 1]])
    empty = match_instances(nothing, nothing)
    assert np.isnan([empty.precision, empty.recall, empty.f1, empty.mean_matched_score]).all()
    missed = match_instances(nothing, one)
    assert (missed.recall, missed.f1) == (0, 0)
    assert np.isnan(missed.precision)
    invented = match_instances(one, nothing)
    assert (invented.precision, invented.f1) == (0, 0)
    assert np.isnan(invented.recall)


def test_criteria_divide_by_their_own_area():
    truth, prediction = np.array([[1, 1, 1, 1]]), np.array([[2, 0, 0, 0]])
    assert match_instances(prediction, truth, 1.0, "over_prediction").scores.tolist() == [1.0]
    assert match_instances(prediction, truth, 0.1, "over_truth").scores.tolist() == [0.25]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 0}, "threshold above 0"),
        ({"threshold": 1.5}, "threshold above 0"),
        ({"criterion": "dice"}, "unknown criterion 'dice', known are iou"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        match_instances(np.eye(2, dtype=int), np.eye(2, dtype=int), **options)
