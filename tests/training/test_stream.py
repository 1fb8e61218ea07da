from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmill.training.settings import Curriculum
from segmill.training.stream import Stream, active_levels, validation_batches


@settings(max_examples=50, deadline=None)
@given(n=st.integers(1, 30), batch=st.integers(1, 9), seed=st.integers(0, 5))
def test_every_sample_is_seen_before_any_is_seen_again(n, batch, seed):
    samples = np.arange(100, 100 + n)
    stream = Stream(samples, batch, seed, "0")
    steps = 3 * stream.steps_per_pass
    seen = np.concatenate([stream.batch(k) for k in range(steps)])
    for start in range(0, len(seen) - n + 1, n):
        assert sorted(seen[start : start + n]) == samples.tolist()


def test_eleven_images_in_epochs_of_five_steps_are_all_seen():
    stream = Stream(np.arange(11), 1, 0, "0")
    seen = [int(stream.batch(5 * epoch + k)[0]) for epoch in range(11) for k in range(5)]
    assert set(Counter(seen).values()) == {5}


def test_a_batch_depends_on_its_number_alone():
    forwards = Stream(np.arange(7), 3, 4, "0")
    backwards = Stream(np.arange(7), 3, 4, "0")
    one = [forwards.batch(k).tolist() for k in range(20)]
    other = [backwards.batch(k).tolist() for k in reversed(range(20))]
    assert one == other[::-1]


def test_passes_seeds_and_keys_differ():
    def order(seed, key, number):
        return tuple(Stream(np.arange(20), 20, seed, key).batch(number))

    orders = {order(*a) for a in [(0, "0", 0), (0, "0", 1), (1, "0", 0), (0, "0,1", 0)]}
    assert len(orders) == 4


def test_validation_shows_all_samples_or_a_fixed_draw():
    everything = validation_batches(np.arange(7), 3, None, 0)
    assert [b.tolist() for b in everything] == [[0, 1, 2], [3, 4, 5], [6]]
    assert np.concatenate(validation_batches(np.arange(7), 3, 9, 0)).tolist() == list(range(7))
    some = np.concatenate(validation_batches(np.arange(50), 3, 4, 0))
    assert len(set(some)) == 12
    assert some.tolist() == np.concatenate(validation_batches(np.arange(50), 3, 4, 0)).tolist()
    assert some.tolist() != np.concatenate(validation_batches(np.arange(50), 3, 4, 1)).tolist()


@pytest.mark.parametrize(
    ("curriculum", "unlocked", "expected"),
    [
        (None, False, [0, 1, 2]),
        (Curriculum(mode="join"), False, [0]),
        (Curriculum(mode="join"), True, [0, 1, 2]),
        (Curriculum(mode="replace"), True, [1, 2]),
    ],
)
def test_levels_follow_the_curriculum(curriculum, unlocked, expected):
    assert active_levels(np.array([2, 0, 1, 0]), curriculum, unlocked) == expected


def test_without_harder_levels_nothing_is_taken_away():
    assert active_levels(np.array([0, 0]), Curriculum(mode="replace"), True) == [0]
