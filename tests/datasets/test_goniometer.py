"""Angles over time from the instrument's logs."""

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmill.datasets.goniometer import (
    Settings,
    Track,
    make_track,
    read_frame_times,
    read_settings,
    read_track,
)
from segmill.errors import IntegrityError
from tests.datasets.movies import write_logs

T = np.linspace(100.0, 104.0, 41)


def apart(a, b):
    """Angle between directions, degrees."""
    return np.abs((np.asarray(a) - b + 180) % 360 - 180)


@given(
    start=st.floats(0, 360),
    speed=st.floats(-120, 120),
    seed=st.integers(0, 1000),
)
def test_angles_are_interpolated_across_full_turns(tmp_path_factory, start, speed, seed):
    times = np.sort(np.random.default_rng(seed).uniform(100, 104, 50))
    track = make_track(T, (start + speed * (T - T[0])) % 360, None)
    assert apart(track.at(times), start + speed * (times - T[0])).max() < 1e-6
    assert ((track.at(times) >= 0) & (track.at(times) < 360)).all()
    inside = times[(times > T[0]) & (times < T[-1])]
    np.testing.assert_allclose(track.speed(inside), abs(speed), atol=1e-6)


def test_outside_of_the_log_the_axis_rests():
    track = Track(T, 10 * (T - T[0]))
    times = np.array([99.0, 100.0, 103.99, 104.01, 200.0])
    np.testing.assert_allclose(track.at(times), [0, 0, 39.9, 40, 40])
    np.testing.assert_allclose(track.speed(times), [0, 10, 10, 0, 0])


def test_copies_of_a_value_are_no_rest():
    twice = np.sort(np.concatenate([T, T + 2e-4]))
    track = Track(twice, np.repeat(10 * (T - T[0]), 2))
    np.testing.assert_allclose(track.speed(T[:-1] + 1e-4), 10)


def test_a_track_of_one_value_rests():
    track = Track(np.array([5.0]), np.array([30.0]))
    assert track.at(np.array([0.0, 9.0])).tolist() == [30, 30]
    assert track.speed(np.array([0.0, 9.0])).tolist() == [0, 0]


@pytest.mark.parametrize(("clock", "late"), [("host", 0.0), ("device", 0.03)])
def test_the_moving_column_is_found_and_clocks_differ_by_the_delay(tmp_path, clock, late):
    """Values arrive 0 to 60 ms late; the goniometer's clock runs 7 s ahead of the host's."""
    rng = np.random.default_rng(0)
    delay = rng.uniform(0, 0.06, len(T))
    delay[5] = 0
    values = np.stack([np.full(len(T), 35.0), (50 * (T - 100)) % 360, T], axis=1)
    with h5py.File(tmp_path / "g.h5", "w") as file:
        file["timestamps"] = np.stack([T + delay, (T + 7) * 1000], axis=1)
        file["values"] = values
    # Column 0 stands at the angle of the log, column 1 ends there.
    track = read_track(tmp_path / "g.h5", None, 200.0, clock)
    error = apart(track.at(T[1:-1]), 50 * (T[1:-1] - 100)).max()
    assert error < 1e-3 if clock == "device" else 1 < error < 3.1
    given = read_track(tmp_path / "g.h5", 1, None, clock)
    np.testing.assert_array_equal(given.omega, track.omega)


def test_a_resting_column_at_the_same_angle_is_not_taken(tmp_path):
    write_logs(tmp_path / "a", T, T, 36 + 90 * (T - 100), standing=36.0)
    with h5py.File(tmp_path / "a_goniometer.h5", "r+") as file:
        file["values"][:, 2] = 36.0
    track = read_track(tmp_path / "a_goniometer.h5", None, 36.0)
    np.testing.assert_allclose(np.ptp(track.omega), 360)


def problem(call):
    with pytest.raises(IntegrityError) as caught:
        call()
    (found,) = caught.value.problems
    return found


def rewrite(path, **datasets):
    with h5py.File(path, "r+") as file:
        for name, values in datasets.items():
            del file[name]
            if values is not None:
                file[name] = values


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"timestamps": np.stack([T[::-1]] * 2, 1)}, "timestamps that ascend"),
        ({"timestamps": np.stack([T, T], 1)[:9]}, r"timestamps (N, 2) and values (N, M)"),
        ({"timestamps": T}, "timestamps with 2 axes"),
        ({"values": None}, "an HDF5 file with the numbers values"),
        ({"values": np.full((41, 9), np.nan)}, "finite"),
        ({"values": np.tile(np.arange(41)[:, None] * 100.0, 9)}, "step by at most 90"),
        ({"values": np.zeros((41, 9))}, "begins or ends at Omega = 90"),
    ],
)
def test_faults_of_the_goniometers_log_are_named(tmp_path, change, expected):
    write_logs(tmp_path / "a", T, T, 90 + 0 * T)
    path = tmp_path / "a_goniometer.h5"
    rewrite(path, **change)
    omega = 0.0 if "values" in change and "step" in expected else 90.0
    found = problem(lambda: read_track(path, None, omega))
    assert found.file == str(path)
    assert expected in found.expected


def test_unknown_columns_are_named(tmp_path):
    write_logs(tmp_path / "a", T, T, 10 * T)
    path = tmp_path / "a_goniometer.h5"
    assert "value_column" in problem(lambda: read_track(path, None, None)).expected
    assert "from 0 to 8" in problem(lambda: read_track(path, 9, None)).expected


def test_frame_times(tmp_path):
    write_logs(tmp_path / "a", T, T, T)
    path = tmp_path / "a_sample_view_lean.h5"
    np.testing.assert_array_equal(read_frame_times(path), T)
    rewrite(path, history_timestamps=T[[0, 1, 1, 2]])
    assert "ascend" in problem(lambda: read_frame_times(path)).expected
    rewrite(path, history_timestamps=np.array([]))
    assert "finite" in problem(lambda: read_frame_times(path)).expected
    assert problem(lambda: read_frame_times(tmp_path / "none.h5")).found == "no such file"
    (tmp_path / "text.h5").write_text("text")
    assert "HDF5" in problem(lambda: read_frame_times(tmp_path / "text.h5")).expected


def test_settings(tmp_path):
    write_logs(tmp_path / "a", T, T, T, calibration=0.00125, zoom=7, row=500.5, standing=-3.5)
    expected = Settings(0.00125, 7, 500.5, 30.0, -3.5)
    assert read_settings(tmp_path / "a.log") == expected


def test_missing_settings_are_none_and_none_at_all_is_an_error(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("{'zoom': 4,\n 'position': {'Kappa': 0.0}}")
    assert read_settings(log) == Settings(zoom=4)
    log.write_text("started\nstopped\n")
    assert "calibration" in problem(lambda: read_settings(log)).expected
    log.write_text("{'zoom': four,\n 'x': 1}")
    assert "as Python prints" in problem(lambda: read_settings(log)).expected
    log.write_text("{'calibration': array([0.001, 0.002]),\n 'x': 1}")
    assert "both axes" in problem(lambda: read_settings(log)).expected
    assert problem(lambda: read_settings(tmp_path / "b.log")).found == "no such file"
