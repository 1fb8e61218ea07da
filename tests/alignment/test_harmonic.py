import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from segmill.alignment import FitError, coverage, fit_circle, fit_projection
from segmill.random import generator
from tests.alignment.tracks import inside, random_omega

FITS = {1: fit_circle, 2: fit_projection}


def reference(omega, y, weights, harmonic):
    """c, r, alpha and their standard deviations by a general non-linear least-squares solver."""

    def residuals(p):
        return np.sqrt(weights) * (y - p[0] - p[1] * np.cos(harmonic * omega - p[2]))

    starts = [(y.mean(), np.ptp(y) / 2, a) for a in (-2, 0, 2)]
    best = min(
        (optimize.least_squares(residuals, s, xtol=1e-15, ftol=1e-15, gtol=1e-15) for s in starts),
        key=lambda found: found.cost,
    )
    variance = 2 * best.cost / (omega.size - 3)
    return best.x, np.sqrt(np.diag(np.linalg.inv(best.jac.T @ best.jac)) * variance)


@pytest.mark.parametrize("harmonic", [1, 2])
@pytest.mark.parametrize("seed", range(5))
def test_equals_a_general_solver(harmonic, seed):
    rng = generator(seed, "harmonic")
    omega = random_omega(rng, partial=seed % 2 == 1)
    y = 100 + 30 * np.cos(harmonic * omega - 2) + rng.normal(0, 2, omega.size)
    weights = rng.uniform(0.2, 3, omega.size)
    fit = FITS[harmonic](omega, y, weights)
    expected, sigma = reference(omega, y, weights, harmonic)
    if expected[1] < 0:
        expected[1:] = -expected[1], expected[2] + math.pi
    assert (fit.c, fit.r) == pytest.approx(tuple(expected[:2]), rel=1e-6)
    assert math.cos(fit.alpha - expected[2]) == pytest.approx(1, abs=1e-12)
    assert list(fit.uncertainty.values()) == pytest.approx(list(sigma), rel=1e-4)
    np.testing.assert_allclose(fit.residuals, y - fit.predict(omega), atol=1e-9)
    assert fit.rms == pytest.approx(np.sqrt(np.mean(fit.residuals**2)))
    assert fit.p_value < 1e-6


@settings(max_examples=30, deadline=None)
@given(
    c=st.floats(-1e3, 1e3),
    r=st.floats(0.1, 1e3),
    alpha=st.floats(-3.1, 3.1),
    harmonic=st.sampled_from([1, 2]),
    count=st.integers(4, 40),
)
def test_finds_what_there_is_without_noise(c, r, alpha, harmonic, count):
    omega = np.linspace(0, 2 * math.pi / harmonic, count, endpoint=False)
    fit = FITS[harmonic](omega, c + r * np.cos(harmonic * omega - alpha))
    assert (fit.c, fit.r) == pytest.approx((c, r), abs=1e-8 * (1 + abs(c) + r))
    assert math.cos(fit.alpha - alpha) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("robust", [False, True])
def test_intervals_hold_the_truth_in_95_percent(robust):
    hits = []
    for k in range(600):
        rng = generator(k, "coverage of circles")
        omega = random_omega(rng, partial=k % 2 == 1)
        truth = {"c": 50.0, "r": rng.uniform(5, 50), "alpha": rng.uniform(-3, 3)}
        y = truth["c"] + truth["r"] * np.cos(omega - truth["alpha"])
        y += rng.normal(0, rng.uniform(0.1, 1), omega.size)
        if robust:
            bad = rng.choice(omega.size, 3, replace=False)
            y[bad] += rng.choice([-1, 1], 3) * rng.uniform(15, 300, 3)
        fit = fit_circle(omega, y, robust=robust)
        hits.append(list(inside(fit, truth).values()))
        if robust:
            assert not fit.inliers[bad].any()
    # 600 sweeps at 0.95: three standard deviations are 0.027.
    shares = np.mean(hits, axis=0)
    assert (shares > 0.92).all()
    assert (shares < 0.978).all()


def test_robust_is_plain_least_squares_without_outliers():
    rng = generator(0, "no outliers")
    omega = random_omega(rng)
    y = 3 + 4 * np.cos(omega) + rng.uniform(-1, 1, omega.size)
    assert fit_circle(omega, y, robust=True).c == fit_circle(omega, y).c


def test_missing_positions_are_left_out():
    rng = generator(1, "missing")
    omega = random_omega(rng)
    y = 3 + 4 * np.cos(omega - 1) + rng.normal(0, 0.1, omega.size)
    missing = np.arange(omega.size) % 5 == 0
    fit = fit_circle(omega, np.where(missing, np.nan, y))
    expected = fit_circle(omega[~missing], y[~missing])
    assert (fit.c, fit.r, fit.alpha) == pytest.approx((expected.c, expected.r, expected.alpha))
    assert np.isnan(fit.residuals[missing]).all()
    np.testing.assert_array_equal(fit.inliers, ~missing)


def test_a_point_on_the_axis_is_not_said_to_move():
    small = 0
    for k in range(200):
        rng = generator(k, "axis")
        omega = random_omega(rng)
        small += fit_circle(omega, rng.normal(0, 1, omega.size)).p_value < 0.05
    assert 2 <= small <= 20  # 10 expected
    still = fit_circle(np.arange(8.0), np.full(8, 5.0))
    assert still.r == pytest.approx(0, abs=1e-12)
    assert still.uncertainty["alpha"] <= math.pi / math.sqrt(3)


def test_orientation_of_the_least_and_largest_projection():
    omega = np.radians(np.arange(0, 360, 7))
    fit = fit_projection(omega, 500 + 200 * np.cos(2 * (omega - np.radians(160))))
    assert math.degrees(fit.omega_largest) == pytest.approx(160)
    assert math.degrees(fit.omega_least) == pytest.approx(70)
    values = fit.predict(omega)
    assert fit.predict(fit.omega_least) <= values.min() + 1e-9
    assert fit.predict(fit.omega_largest) >= values.max() - 1e-9


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [([0, 90, 180, 270], 270), ([0, 10, 20], 20), ([350, 0, 10], 20), ([5], 0), ([], 0)],
)
def test_coverage(degrees, expected):
    assert math.degrees(coverage(np.radians(degrees))) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("omega", "y", "reason"),
    [
        ([0, 1, 2], [1, 2, 3], "more than 3 positions, found 3"),
        ([0, 2, 4, 6], [1, 2, np.nan, 3], "more than 3 positions, found 3"),
        (np.linspace(0, 0.4, 20), np.zeros(20), "covers 22.9 degrees, expected at least 30"),
        (np.tile([0, 2.0], 10), np.zeros(20), "singular"),
        ([0, 1, np.nan, 3], [1, 2, 3, 4], "omega: not finite at .2."),
        ([0, 1, 2, 3], [1, np.inf, 3, 4], "positions: infinite at .1."),
        ([0, 1, 2], [1, 2], "three arrays"),
    ],
)
def test_what_does_not_determine_a_circle_is_refused(omega, y, reason):
    with pytest.raises(FitError, match=reason):
        fit_circle(omega, y)


def test_negative_weights_are_refused():
    with pytest.raises(FitError, match=r"weights: not finite or negative at \[1\]"):
        fit_circle(np.arange(5.0), np.zeros(5), np.array([1, -1, 1, 1, 1]))
