import numpy as np
import pytest
from scipy.stats import bootstrap as scipy_bootstrap

from segmill.metrics import bootstrap, bootstrap_intervals
from segmill.metrics.regions import ratio


def quotient(sums):
    return ratio(sums[..., :1], sums[..., 1:2])


def pairs(n, seed=0):
    rng = np.random.default_rng(seed)
    union = rng.integers(50, 200, n)
    return np.column_stack([union * rng.beta(8, 2, n), union])


def test_estimate_is_the_pooled_ratio():
    values = pairs(20)
    found = bootstrap_intervals(values, quotient)
    assert found.estimate[0] == pytest.approx(values[:, 0].sum() / values[:, 1].sum(), rel=1e-9)
    assert found.low[0] < found.estimate[0] < found.high[0]


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_agrees_with_scipy(method):
    values = pairs(30) ** [3, 1]  # skewed, so that bias and acceleration matter
    found = bootstrap_intervals(values, quotient, repeats=20000, method=method)

    def statistic(a, b, axis):
        return a.sum(axis=axis) / b.sum(axis=axis)

    expected = scipy_bootstrap(
        tuple(values.T), statistic, paired=True, vectorized=True, n_resamples=20000,
        method=method, rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    width = expected.high - expected.low
    assert found.low[0] == pytest.approx(expected.low, abs=0.05 * width)
    assert found.high[0] == pytest.approx(expected.high, abs=0.05 * width)


def test_bca_differs_from_percentile_where_the_statistic_is_skewed():
    values = pairs(30) ** [3, 1]
    plain, corrected = (bootstrap_intervals(values, quotient, method=m) for m in bootstrap.METHODS)
    assert abs(plain.low[0] - corrected.low[0]) > 0.01 * (plain.high[0] - plain.low[0])


def test_intervals_cover_the_truth_about_as_often_as_they_promise():
    rng = np.random.default_rng(4)
    covered = 0
    for k in range(200):
        values = np.column_stack([rng.normal(5, 2, 40), np.ones(40)])
        found = bootstrap_intervals(values, quotient, confidence=0.8, seed=k, repeats=300)
        covered += bool(found.low[0] <= 5 <= found.high[0])
    assert 0.70 <= covered / 200 <= 0.90


def test_same_seed_same_digits_however_the_draws_are_blocked(monkeypatch):
    values = pairs(25)
    whole = bootstrap_intervals(values, quotient, seed=7)
    monkeypatch.setattr(bootstrap, "_DRAWS_AT_ONCE", 60)
    blocked = bootstrap_intervals(values, quotient, seed=7)
    np.testing.assert_array_equal(whole, blocked)
    assert bootstrap_intervals(values, quotient, seed=8).low != whole.low


def test_order_of_images_changes_only_the_draws():
    values = pairs(25)
    assert (
        bootstrap_intervals(values, quotient).estimate
        == bootstrap_intervals(values[::-1], quotient).estimate
    )


def test_undefined_figures_have_undefined_intervals():
    values = np.array([[1.0, 2, 0, 0], [1, 4, 0, 0], [2, 3, 0, 0]])

    def two(sums):
        return ratio(sums[..., [0, 2]], sums[..., [1, 3]])

    for method in bootstrap.METHODS:
        found = bootstrap_intervals(values, two, method=method)
        assert np.isfinite([found.estimate[0], found.low[0], found.high[0]]).all()
        assert np.isnan([found.estimate[1], found.low[1], found.high[1]]).all()


def test_one_image_says_nothing_about_others():
    found = bootstrap_intervals(np.array([[1.0, 2.0]]), quotient)
    assert found.estimate == 0.5
    assert np.isnan([found.low, found.high]).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": np.array([[np.nan, 1.0]])}, "finite values"),
        ({"values": np.ones(3)}, "finite values"),
        ({"confidence": 1.0}, "confidence between 0 and 1"),
        ({"repeats": 0}, "at least one repeat"),
        ({"method": "basic"}, "unknown method 'basic'"),
    ],
)
def test_wrong_arguments_are_refused(changes, message):
    arguments = {"values": np.ones((3, 2)), "statistic": quotient} | changes
    with pytest.raises(ValueError, match=message):
        bootstrap_intervals(**arguments)
