"""Logs of a beamline's goniometer and camera: where the sample stood when a frame was taken.

The instrument writes three files beside each movie:

- ``*_goniometer.h5``: ``timestamps`` (N, 2) and ``values`` (N, M), positions of M motors. Column 0
  of the timestamps is the time in seconds at which the host received the values, on the clock that
  also stamps the camera's frames; column 1 is the goniometer's own clock in milliseconds, which
  runs ahead or behind by a constant. They are no begin and end of an interval. The host's stamps
  come late by the varying time that a message takes (in the samples at hand up to 55 ms, five
  degrees at 100 deg/s); the goniometer's do not.
- ``*_lean.h5`` of the camera: ``history_timestamps`` (F,), the host's time in seconds per frame.
- ``*.log``: a printed Python mapping of settings: ``calibration`` (mm per pixel, two axes),
  ``beam_position_vertical`` and ``_horizontal`` (pixels), ``zoom``, and ``position``, the motors'
  positions by name.

Angles are in degrees, times in seconds.
"""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from segmill.errors import IntegrityError, Problem

CLOCKS = ("host", "device")
TURN = 360.0
# Values closer in time than this are one: a log often holds each value twice.
SAME_TIME_S = 0.005
# Two values further apart than this, in degrees, leave open which way the axis turned.
AMBIGUOUS_STEP = 90.0
# The axis is where the log of settings says, up to what it moves after that log was written.
POSITION_TOLERANCE = 1.0
# Relative difference between the two axes' calibrations up to which a pixel counts as square.
SQUARE = 0.01


@dataclass(frozen=True)
class Track:
    """The angle of the axis over time: `times` (N,) ascending, `omega` (N,) without jumps by 360.

    Before the first and after the last value the axis is at rest: the instrument logs motion.
    """

    times: np.ndarray
    omega: np.ndarray

    def at(self, times: np.ndarray) -> np.ndarray:
        """The angle at each time, interpolated linearly, in [0, 360)."""
        return np.interp(times, self.times, self.omega) % TURN

    def speed(self, times: np.ndarray) -> np.ndarray:
        """Degrees per second at each time, without sign; 0 outside the log."""
        # Between two copies of one value there is no motion, however fast the axis turns.
        distinct = np.concatenate(([True], np.diff(self.times) > SAME_TIME_S))
        known, omega = self.times[distinct], self.omega[distinct]
        if len(known) < 2:
            return np.zeros(len(times))
        slopes = np.abs(np.diff(omega) / np.diff(known))
        segment = np.searchsorted(known, times, side="right") - 1
        inside = (segment >= 0) & (segment < len(slopes))
        return np.where(inside, slopes[segment.clip(0, len(slopes) - 1)], 0.0)


@dataclass(frozen=True)
class Settings:
    """What the log of settings says; None where it says nothing.

    Attributes
    ----------
    mm_per_px : side of a (square) pixel in the specimen
    zoom : number of the zoom
    beam_row, beam_column : the beam in the image, pixels
    omega : angle of the axis, degrees
    """

    mm_per_px: float | None = None
    zoom: int | None = None
    beam_row: float | None = None
    beam_column: float | None = None
    omega: float | None = None


def read_settings(path: Path) -> Settings:
    """Read the log of settings.

    Raises IntegrityError where it is missing, no printed mapping, or its pixels are not square.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise _broken(path, "the instrument's log of settings", error) from error
    try:
        position = _entry(text, "position")
        calibration = _entry(text, "calibration")
        zoom = _entry(text, "zoom")
        settings = Settings(
            mm_per_px=None if calibration is None else float(np.mean(calibration)),
            zoom=None if zoom is None else int(zoom),
            beam_row=_number(_entry(text, "beam_position_vertical")),
            beam_column=_number(_entry(text, "beam_position_horizontal")),
            omega=_number(position.get("Omega")) if isinstance(position, Mapping) else None,
        )
    except (TypeError, ValueError, SyntaxError) as error:
        raise _broken(path, "entries as Python prints them", error) from error
    if settings == Settings():
        expected = "entries calibration, zoom, position ... as Python prints a mapping"
        raise IntegrityError([Problem(str(path), expected, "none of them")])
    if calibration is not None and np.ptp(calibration) > SQUARE * settings.mm_per_px:
        expected = "one calibration for both axes (video.mm_per_px overrides it)"
        raise IntegrityError([Problem(str(path), expected, f"{calibration} mm per px")])
    return settings


def read_track(path: Path, column: int | None, omega: float | None, clock: str = "host") -> Track:
    """Read the angle over time from the goniometer's log.

    Parameters
    ----------
    column : of ``values`` that holds the angle; None finds it: it moves, and begins or ends at
        `omega`
    omega : angle in the log of settings, degrees
    clock : ``host``: times as the values arrived; ``device``: the goniometer's own times, moved
        onto the host's clock by the smallest delay that was seen

    Raises
    ------
    IntegrityError
        naming the file, and what its timestamps or values lack.
    """
    stamps, values = (
        _dataset(path, name, ndim)[0] for name, ndim in (("timestamps", 2), ("values", 2))
    )
    if len(stamps) != len(values) or not len(stamps) or stamps.shape[1] != 2:
        expected = "timestamps (N, 2) and values (N, M)"
        raise IntegrityError([Problem(str(path), expected, f"{stamps.shape} and {values.shape}")])
    if not (np.isfinite(stamps).all() and np.isfinite(values).all()):
        raise IntegrityError([Problem(str(path), "finite timestamps and values", "NaN or inf")])
    host, device = stamps[:, 0], stamps[:, 1] / 1000
    times = host if clock == "host" else device + (host - device).min()
    _check_ascending(times, path, "timestamps", strictly=False)
    if column is None:
        column = _omega_column(values, omega, path)
    elif not 0 <= column < values.shape[1]:
        expected = f"video.value_column from 0 to {values.shape[1] - 1}"
        raise IntegrityError([Problem(str(path), expected, str(column))])
    return make_track(times, values[:, column], path)


def make_track(times: np.ndarray, omega: np.ndarray, path: Path) -> Track:
    """A track from ascending times (N,) and angles (N,) that may jump by 360 degrees.

    Raises IntegrityError where the angle steps so far that its way is unknown.
    """
    distinct = np.concatenate(([True], np.diff(times) > 0))
    times, omega = times[distinct], np.unwrap(omega[distinct], period=TURN)
    steps = np.abs(np.diff(omega))
    if steps.max(initial=0) > AMBIGUOUS_STEP:
        k = int(steps.argmax())
        expected = f"angles that step by at most {AMBIGUOUS_STEP:g} degrees"
        found = f"a step of {steps[k]:.1f} within {times[k + 1] - times[k]:.3f} s"
        raise IntegrityError([Problem(str(path), expected, found)])
    return Track(times, omega)


def read_frame_times(path: Path) -> np.ndarray:
    """The host's time in seconds of each frame, (F,) float64.

    Raises IntegrityError where the file is missing, or a frame is not later than the one before.
    """
    times = _dataset(path, "history_timestamps", 1)[0]
    if not len(times) or not np.isfinite(times).all():
        raise IntegrityError([Problem(str(path), "finite history_timestamps", "none, or NaN")])
    _check_ascending(times, path, "history_timestamps", strictly=True)
    return times


def _check_ascending(times: np.ndarray, path: Path, name: str, strictly: bool) -> None:
    steps = np.diff(times)
    wrong = np.flatnonzero(steps <= 0 if strictly else steps < 0)
    if len(wrong):
        expected = f"{name} that ascend"
        found = f"{len(wrong)} steps back or none, the first after entry {wrong[0]}"
        raise IntegrityError([Problem(str(path), expected, found)])


def _omega_column(values: np.ndarray, omega: float | None, path: Path) -> int:
    if omega is None:
        expected = "position.Omega in the log of settings, or video.value_column"
        raise IntegrityError([Problem(str(path), expected, "neither")])
    ends = np.abs((values[[0, -1]] - omega + TURN / 2) % TURN - TURN / 2).min(axis=0)
    travel = np.abs(np.diff(np.unwrap(values, period=TURN, axis=0), axis=0)).sum(axis=0)
    near = ends <= POSITION_TOLERANCE
    if not near.any():
        expected = f"a column of values that begins or ends at Omega = {omega:g}"
        found = f"last values {np.round(values[-1], 3).tolist()} (video.value_column names it)"
        raise IntegrityError([Problem(str(path), expected, found)])
    return int(np.where(near, travel, -1.0).argmax())


def _dataset(path: Path, name: str, ndim: int) -> tuple[np.ndarray]:
    """A numeric dataset of an HDF5 file."""
    try:
        with h5py.File(path) as file:
            array = np.asarray(file[name], dtype=np.float64)
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise _broken(path, f"an HDF5 file with the numbers {name}", error) from error
    if array.ndim != ndim:
        expected = f"{name} with {ndim} axes"
        raise IntegrityError([Problem(str(path), expected, f"shape {array.shape}")])
    return (array,)


def _broken(path: Path, expected: str, error: Exception) -> IntegrityError:
    found = "no such file" if not path.is_file() else f"{type(error).__name__}: {error}"
    return IntegrityError([Problem(str(path), expected, found)])


def _number(value) -> float | None:
    return None if value is None else float(value)


def _entry(text: str, key: str):
    """Value of a key of the outermost mapping; None where it is absent.

    Only wanted entries are read, one by one: others may hold what Python prints but cannot read.
    """
    found = re.search(rf"^[{{ ]'{key}': (.*?)(?=,\n '\w+': |\}}\s*\Z)", text, re.M | re.S)
    if found is None:
        return None
    return ast.literal_eval(_Plain().visit(ast.parse(found[1].strip(), mode="eval")))


class _Plain(ast.NodeTransformer):
    """Arrays and numbers of NumPy as the lists and numbers that they print."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """``array([1, 2])`` is ``[1, 2]``, ``np.float64(1)`` is ``1``."""
        return self.visit(node.args[0]) if node.args else node
