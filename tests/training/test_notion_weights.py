from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmill.training import notion_weights as module
from segmill.training.notion_weights import balanced_weights, count_notions
from tests.training.scenes import NAMES, shards


def test_counts_are_those_of_single_pixels_whatever_the_threads(tmp_path):
    store, _ = shards(tmp_path)
    samples = [0, 3, 4]
    expected, annotated = [0] * len(NAMES), 0
    for i in samples:
        bits, ignored = store.notions(i), store.ignore(i)
        for y, x in np.ndindex(bits.shape):
            if not ignored[y, x]:
                annotated += 1
                for k in range(len(NAMES)):
                    expected[k] += int(bits[y, x]) >> k & 1
    for count in (1, 3):
        with ThreadPoolExecutor(count) as threads:
            assert count_notions(store, samples, threads) == (expected, annotated)


@given(
    pixels=st.lists(st.integers(0, 10**9), min_size=1, max_size=16),
    limit=st.floats(1, 100),
)
def test_weights_have_mean_one_and_stay_within_the_limit(pixels, limit):
    names = [f"n{k}" for k in range(len(pixels))]
    weights = np.array(balanced_weights(pixels, 16 * 10**9, limit, names))
    assert weights.mean() == pytest.approx(1)
    assert (weights > 0).all()
    assert weights.max() / weights.min() <= limit**2 * (1 + 1e-9)
    order = np.argsort(pixels)
    order = [k for k in order if pixels[k]]
    assert (np.diff(weights[order]) <= 1e-12).all()


def test_within_the_limit_weights_go_as_one_over_the_frequency():
    weights = np.array(balanced_weights([100, 200, 400], 5000, 10.0, "abc"))
    np.testing.assert_allclose(weights * [100, 200, 400], weights[0] * 100)


def test_a_notion_that_never_occurs_has_the_weight_of_the_median_and_is_said(monkeypatch, caplog):
    monkeypatch.setattr(module.log, "propagate", True)
    weights = balanced_weights([10, 0, 40, 20, 0], 1000, 10.0, ("a", "b", "c", "d", "e"))
    assert weights[1] == weights[3] == weights[4]
    assert "no training image has: b, e" in caplog.text
    assert balanced_weights([0, 0], 1000, 10.0, ("a", "b")) == (1.0, 1.0)
