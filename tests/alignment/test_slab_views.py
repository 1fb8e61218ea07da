import math

import numpy as np
import pytest

from segmill.alignment import CircleFit, FitError, fit_circle, fit_slab_views
from segmill.alignment.slab_sums import effective_count, face_shift
from segmill.random import generator
from tests.alignment.tracks import inside, refraction, slab_track, written_as


def scene(rng, pairs=30, noise=0.0, thickness=None):
    """Opposite views of a point, the circle of the middle between the faces, and the truth."""
    total = rng.uniform(20, 70) if thickness is None else thickness
    front = total * rng.uniform(0.2, 0.8)
    truth = {
        "c": 500.0,
        "front": front,
        "back": total - front,
        "beta": rng.uniform(0, math.pi),
        "n": rng.uniform(1.29, 1.33),
    }
    place = rng.uniform(-50, 50, 2)
    truth |= {"r": math.hypot(*place), "alpha": math.atan2(place[1], place[0])}
    normal = np.array([-math.sin(truth["beta"]), math.cos(truth["beta"])])
    centre = place + normal * (front - total / 2)
    omega = rng.uniform(0, 6) + np.arange(pairs) * math.pi / pairs
    both = np.concatenate([omega, omega + math.pi])
    track = slab_track(both, **truth) + rng.normal(0, noise, both.size)
    outline = truth["c"] + centre[0] * np.cos(both) + centre[1] * np.sin(both)
    middle = fit_circle(both, outline + rng.normal(0, noise, both.size))
    # Edge-on nothing inside is seen.
    turned = np.mod(omega - truth["beta"] + math.pi / 2, math.pi) - math.pi / 2
    seen = np.abs(turned) < math.radians(72)
    return omega[seen], track[:pairs][seen], track[pairs:][seen], middle, truth


@pytest.mark.parametrize("turn", [-0.25, 0.1, math.pi + 0.2])
def test_a_slab_is_recovered_from_exact_views(turn):
    omega, first, second, middle, truth = scene(generator(1, "views"))
    fit = fit_slab_views(omega, first, second, middle, truth["beta"] + turn)
    truth = written_as(truth, fit.beta)
    for name in ("thickness", "front", "back", "c"):
        assert getattr(fit, name) == pytest.approx(truth[name], abs=0.15), name
    assert fit.beta == pytest.approx(truth["beta"], abs=math.radians(0.3))
    assert fit.n == pytest.approx(truth["n"], abs=0.006)
    assert fit.r * math.cos(fit.alpha) == pytest.approx(truth["r"] * math.cos(truth["alpha"]), 0.02)
    assert fit.physical
    np.testing.assert_allclose(fit.predict(omega), first, atol=0.4)


def test_intervals_hold_the_truth_and_are_no_wider_than_useful():
    hits, relative = [], []
    for k in range(60):
        rng = generator(2, "views with noise", k)
        omega, first, second, middle, truth = scene(rng, noise=0.3)
        fit = fit_slab_views(omega, first, second, middle, truth["beta"] + rng.uniform(-0.2, 0.2))
        hits.append(inside(fit, written_as(truth, fit.beta)))
        relative.append(fit.uncertainty["thickness"] / fit.thickness)
    for name in ("thickness", "front", "back", "beta", "n"):
        assert np.mean([hit[name] for hit in hits]) >= 0.9, name
    assert np.median(relative) < 0.03


def test_the_shape_of_what_is_seen_does_not_change_thickness_and_direction():
    omega, first, second, middle, truth = scene(generator(3, "views"), noise=0.1)
    shape = 4 * np.cos(3 * omega - 1) + 2 * np.sin(5 * omega)
    plain = fit_slab_views(omega, first, second, middle, truth["beta"])
    odd = fit_slab_views(omega, first + shape, second - shape, middle, truth["beta"])
    for name in ("thickness", "beta", "n"):
        assert getattr(odd, name) == pytest.approx(getattr(plain, name), abs=1e-6)
    assert odd.uncertainty["front"] > plain.uncertainty["front"]


def test_a_wrong_pair_is_left_out():
    omega, first, second, middle, truth = scene(generator(4, "views"), noise=0.1)
    first[3] += 8
    fit = fit_slab_views(omega, first, second, middle, truth["beta"], shared=0.1)
    assert np.flatnonzero(~fit.inliers).tolist() == [3]
    assert fit.thickness == pytest.approx(truth["front"] + truth["back"], rel=0.05)


def test_views_that_show_no_slab_are_refused():
    omega, first, second, middle, truth = scene(generator(5, "views"), noise=0.3)
    beta = truth["beta"]
    few = np.arange(omega.size) < 9
    with pytest.raises(FitError, match="9 pairs of opposite views match, expected at least 10"):
        fit_slab_views(omega[few], first[few], second[few], middle, beta)
    turned = np.mod(omega - beta + math.pi / 2, math.pi) - math.pi / 2
    side = turned > -0.2
    with pytest.raises(FitError, match="expected 30 on both sides"):
        fit_slab_views(omega[side], first[side], second[side], middle, beta)
    omega, first, second, middle, truth = scene(generator(6, "views"), noise=0.3, thickness=0.0)
    with pytest.raises(FitError, match="no medium"):
        fit_slab_views(omega, first, second, middle, truth["beta"], shared=0.2)


def test_a_middle_that_is_not_known_well_makes_the_depths_unsure_and_not_the_thickness():
    omega, first, second, middle, truth = scene(generator(7, "views"), noise=0.1)
    values = {**vars(middle), "covariance": middle.covariance + np.diag([0, 25.0, 25.0])}
    sure = fit_slab_views(omega, first, second, middle, truth["beta"])
    unsure = fit_slab_views(omega, first, second, CircleFit(**values), truth["beta"])
    assert unsure.uncertainty["front"] > 5 > 3 * sure.uncertainty["front"]
    assert unsure.uncertainty["thickness"] == pytest.approx(sure.uncertainty["thickness"])


def test_face_shift_is_minus_the_refraction_of_the_face_that_is_seen():
    t = np.radians([-80, -30, 0, 45, 120, 250])
    folded = np.mod(t + math.pi / 2, math.pi) - math.pi / 2
    expected = [-refraction(angle, 1.0, 1.0, 1.31) for angle in folded]
    np.testing.assert_allclose(face_shift(t, 1.31), expected, atol=1e-12)


def test_neighbours_that_resemble_each_other_count_as_fewer():
    rng = generator(8, "residuals")
    t = rng.permutation(np.linspace(-1, 1, 40))
    alike = np.ones(40)
    assert effective_count(t, rng.normal(0, 1, 40), alike) > 25
    assert effective_count(t, np.sin(2 * t), alike) < 8
    missing = np.where(np.arange(40) < 20, np.nan, rng.normal(0, 1, 40))
    assert effective_count(t, missing, alike) <= 20


def test_unequal_weights_count_as_fewer():
    t = np.linspace(-1, 1, 40)
    turns = np.where(np.arange(40) % 2, 1.0, -1.0)
    heavy = np.where(np.arange(40) < 10, 1.0, 1e-9)
    assert effective_count(t, turns, np.full(40, 3.0)) == pytest.approx(40)
    assert effective_count(t, turns, heavy) == pytest.approx(10)


def test_a_pull_common_to_all_views_is_part_of_the_thickness_uncertainty():
    omega, first, second, middle, truth = scene(generator(9, "views"), noise=0.1)
    plain = fit_slab_views(omega, first, second, middle, truth["beta"])
    pulled = fit_slab_views(omega, first, second, middle, truth["beta"], pull=0.05)
    expected = math.hypot(plain.uncertainty["thickness"], 0.05 * plain.thickness)
    assert pulled.uncertainty["thickness"] == pytest.approx(expected)
    assert pulled.thickness == plain.thickness


def test_the_extent_of_what_is_followed_makes_its_place_unsure_and_nothing_else():
    omega, first, second, middle, truth = scene(generator(11, "views"), noise=0.1)
    point = fit_slab_views(omega, first, second, middle, truth["beta"])
    body = fit_slab_views(omega, first, second, middle, truth["beta"], extent=3.0)
    for name in ("front", "back"):
        expected = math.hypot(point.uncertainty[name], 3.0)
        assert body.uncertainty[name] == pytest.approx(expected)
    assert body.uncertainty["r"] == pytest.approx(math.hypot(point.uncertainty["r"], 3.0))
    assert body.uncertainty["thickness"] == point.uncertainty["thickness"]


def test_a_fit_in_another_unit():
    omega, first, second, middle, truth = scene(generator(10, "views"), noise=0.1)
    px = fit_slab_views(omega, first, second, middle, truth["beta"])
    um = px.scaled(2.5)
    np.testing.assert_allclose(um.predict(omega), 2.5 * px.predict(omega))
    assert um.interval("front") == pytest.approx(tuple(2.5 * v for v in px.interval("front")))
    assert um.interval("beta") == px.interval("beta")
    assert um.covariance[3, 6] == pytest.approx(2.5 * px.covariance[3, 6])
    assert (um.rms, um.n) == (2.5 * px.rms, px.n)
