import math

import numpy as np
import pytest
from scipy import optimize

from segmill.alignment import FitError, centre_3d
from segmill.random import generator
from segmill.synthetic.beamline import beamline_sweep, beamline_tracks
from tests.alignment.tracks import random_omega

LOOPS = {"frames": 84, "blank": 0, "no_loop": 0, "capillary": 0, "empty_loop": 0, "no_medium": 0}


def turned(point, angle):
    """A point (across, along, depth) turned about the axis, by a rotation matrix."""
    across, along, depth = point
    matrix = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    across, depth = matrix @ (across, depth)
    return np.array([across, along, depth])


@pytest.mark.parametrize("known_axis", [False, True])
def test_equals_a_general_solver(known_axis):
    rng = generator(0, "centre")
    omega, point = random_omega(rng), np.array([30.0, 200.0, -45.0])
    seen = np.array([turned(point, w) for w in omega]) + rng.normal(0, 1, (omega.size, 3))
    across, along = 600 + seen[:, 0], seen[:, 1]
    axis = 600.0 if known_axis else None
    centre = centre_3d(omega, across, along, 0.002, axis_position=axis)

    def residuals(p):
        model = np.array([turned(p[:3], w) for w in omega])
        middle = 600.0 if known_axis else p[3]
        return np.r_[across - middle - model[:, 0], along - model[:, 1]]

    start = np.zeros(3 if known_axis else 4)
    expected = optimize.least_squares(residuals, start, xtol=1e-14, ftol=1e-14).x
    np.testing.assert_allclose(centre.point, 0.002 * expected[:3], rtol=1e-6)
    assert centre.axis_position == pytest.approx(600.0 if known_axis else expected[3])
    assert centre.unit == "mm"
    predicted = centre.predict(omega)
    np.testing.assert_allclose(across - predicted[:, 0], centre.residuals[:, 0], atol=1e-9)
    np.testing.assert_allclose(along - predicted[:, 1], centre.residuals[:, 1], atol=1e-9)


def test_the_move_brings_the_point_onto_the_axis_at_every_angle():
    omega, point = np.radians(np.arange(0, 360, 20)), np.array([12.0, 80.0, 34.0])
    seen = np.array([turned(point, w) for w in omega])
    centre = centre_3d(omega, 300 + seen[:, 0], seen[:, 1], along_target=100.0)
    moved = point + centre.move
    np.testing.assert_allclose([turned(moved, w)[0] for w in omega], 0, atol=1e-9)
    assert moved[1] == pytest.approx(100)
    stay = centre_3d(omega, 300 + seen[:, 0], seen[:, 1])
    assert stay.move[1] == 0
    assert stay.unit == "px"
    np.testing.assert_allclose(stay.move[[0, 2]], -point[[0, 2]])


def test_three_clicks_are_enough_where_the_axis_is_known():
    omega, point = np.radians([0, 90, 180]), np.array([5.0, 40.0, -7.0])
    seen = np.array([turned(point, w) for w in omega])
    centre = centre_3d(omega, 300 + seen[:, 0], seen[:, 1], axis_position=300)
    np.testing.assert_allclose(centre.point, point, atol=1e-9)
    with pytest.raises(FitError, match="more than 3 positions"):
        centre_3d(omega, 300 + seen[:, 0], seen[:, 1])


def test_uncertainties_hold_the_truth_in_95_percent():
    hits = []
    for k in range(400):
        rng = generator(k, "centre coverage")
        omega, point = random_omega(rng, partial=True), rng.uniform(-50, 50, 3)
        seen = np.array([turned(point, w) for w in omega])[:, :2] + rng.normal(
            0, 1, (omega.size, 2)
        )
        centre = centre_3d(omega, 300 + seen[:, 0], seen[:, 1])
        hits.append(np.abs(centre.point - point) < 2.0 * centre.uncertainty)
    shares = np.mean(hits, axis=0)
    assert (shares > 0.92).all()
    assert (shares < 0.98).all()


def test_the_true_centre_of_synthetic_sweeps_is_found_within_2_um():
    errors = {"circle": [], "slab": []}
    for index in range(60):
        tracks = beamline_tracks(11, index, **LOOPS)
        notes = beamline_sweep(11, index, **{**LOOPS, "frames": 1, "height": 32, "width": 40})[
            0
        ].notes
        rng = generator(11, "noise of tracks", index)
        across, along = (tracks[name] + rng.normal(0, 0.0015, 84) for name in ("across", "along"))
        omega = np.radians(tracks["omega"])
        truth = [notes[f"centre_{name}_mm"] for name in ("x", "y")]
        for model, found in errors.items():
            centre = centre_3d(omega, across, along, model=model)
            found.append(1000 * math.dist(centre.point[[0, 2]], truth))
            assert 1000 * abs(centre.point[1] - tracks["along"].iloc[0]) < 2
    assert np.percentile(errors["slab"], 95) < 2
    # Refraction taken for a part of the circle costs far more.
    assert np.percentile(errors["circle"], 95) > 5


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"model": "plane"}, "expected one of circle, slab, found 'plane'"),
        ({"mm_per_px": 0.0}, "a size above 0, found 0.0"),
        ({"model": "slab", "axis_position": 3.0}, "leave axis_position out"),
    ],
)
def test_impossible_requests(options, reason):
    omega = np.radians(np.arange(0, 360, 10))
    with pytest.raises(FitError, match=reason):
        centre_3d(omega, np.cos(omega), np.zeros(36), **options)


def test_unseen_points_are_refused():
    omega = np.radians(np.arange(0, 360, 10))
    with pytest.raises(FitError, match="found 0"):
        centre_3d(omega, np.cos(omega), np.full(36, np.nan))
