"""The angle of each frame of an alignment, and whether the sample turned, by log, table or name."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from segmill.datasets.alignments import Alignment, VideoRules
from segmill.datasets.goniometer import (
    TURN,
    Settings,
    read_frame_times,
    read_settings,
    read_track,
)
from segmill.errors import IntegrityError, Problem

NUMBER = re.compile(r"(\d+)\D*$")
# More offending frames than this help nobody.
SHOWN = 10


@dataclass(frozen=True)
class Angles:
    """Frames of an alignment: their numbers, `omega` in degrees in [0, 360), and `rotating`.

    `order` is the position of each frame among the stills, where there are stills.
    """

    frames: np.ndarray
    omega: np.ndarray
    rotating: np.ndarray


def read_angles(alignment: Alignment, rules: VideoRules) -> tuple[Angles, Settings]:
    """Angles of all frames of an alignment, and the instrument's settings.

    Raises IntegrityError listing all that is wrong with the alignment's files.
    """
    problems: list[Problem] = []
    settings = Settings()
    if "log" in alignment.files:
        settings = _attempt(lambda: read_settings(alignment.files["log"]), problems) or settings
    read = {"log": _from_log, "table": _from_table, "names": _from_names}[rules.omega]
    # Without settings the right column of the goniometer's log is not known: named once is enough.
    if problems and rules.omega == "log" and rules.value_column is None:
        _attempt(lambda: read_frame_times(alignment.files["camera"]), problems)
        raise IntegrityError(problems)
    angles = _attempt(lambda: read(alignment, rules, settings), problems)
    if problems:
        raise IntegrityError(problems)
    return angles, settings


def chosen(angles: Angles, rules: VideoRules) -> np.ndarray:
    """Positions of the frames that become samples, ascending."""
    taken = np.arange(len(angles.frames))
    if rules.frames == "rotating":
        taken = taken[angles.rotating]
    taken = taken[:: rules.every]
    if rules.per_alignment is None or len(taken) <= rules.per_alignment:
        return taken
    return taken[spread(angles.omega[taken], rules.per_alignment)]


def spread(omega: np.ndarray, count: int) -> np.ndarray:
    """Positions of at most `count` of N angles, evenly spread along the way that they turn."""
    way = np.abs(np.diff(np.unwrap(omega, period=TURN), prepend=omega[0])).cumsum()
    if way[-1] == 0:
        way = np.arange(len(omega), dtype=float)
    # The middles of equal pieces: both ends of a full turn are the same view.
    wanted = (np.arange(count) + 0.5) / count * way[-1]
    right = np.searchsorted(way, wanted).clip(1, len(way) - 1)
    left_is_nearer = wanted - way[right - 1] < way[right] - wanted
    return np.unique(right - left_is_nearer)


def _from_log(alignment: Alignment, rules: VideoRules, settings: Settings) -> Angles:
    problems: list[Problem] = []
    times = _attempt(lambda: read_frame_times(alignment.files["camera"]), problems)
    path = alignment.files["goniometer"]
    track = _attempt(
        lambda: read_track(path, rules.value_column, settings.omega, rules.clock), problems
    )
    if not problems and alignment.stills and len(alignment.stills) != len(times):
        expected = f"{len(times)} frames as timestamps in {alignment.files['camera'].name}"
        problems.append(Problem(str(alignment.where), expected, str(len(alignment.stills))))
    if problems:
        raise IntegrityError(problems)
    return Angles(np.arange(len(times)), track.at(times), track.speed(times) > rules.speed)


def _from_names(alignment: Alignment, rules: VideoRules, settings: Settings) -> Angles:
    found = [re.search(rules.regex, path.stem) for path in alignment.stills]
    problems = [
        Problem(str(path), f"omega in the name, as {rules.regex}", path.name)
        for path, match in zip(alignment.stills, found, strict=True)
        if match is None
    ]
    if problems:
        raise IntegrityError(problems)
    omega = np.array([float(match["omega"]) for match in found])
    if "frame" in re.compile(rules.regex).groupindex:
        frames = np.array([int(match["frame"]) for match in found])
        _check_gaps(frames, alignment)
    else:
        frames = np.arange(len(omega))
    return Angles(frames, omega % TURN, turning(omega, rules.step))


def _from_table(alignment: Alignment, rules: VideoRules, settings: Settings) -> Angles:
    path = alignment.files["table"]
    table = _read_table(path, rules)
    if alignment.stills:
        table = _matched(table, alignment, rules)
    problems = []
    omega = pd.to_numeric(table[rules.omega_column], errors="coerce").to_numpy(float)
    frames = pd.to_numeric(table[rules.frame_column], errors="coerce").to_numpy(float)
    for name, values in ((rules.omega_column, omega), (rules.frame_column, frames)):
        wrong = np.flatnonzero(~np.isfinite(values))
        if len(wrong):
            rows = [int(table.index[k]) + 2 for k in wrong[:SHOWN]]
            expected = f"a number in column {name} of every row"
            problems.append(Problem(str(path), expected, f"{len(wrong)} without, in lines {rows}"))
    if not problems:
        wanted = np.arange(len(frames)) if alignment.movie else np.arange(len(frames)) + frames[0]
        if not np.array_equal(frames, wanted):
            missing = sorted(set(range(int(max(frames.max(), 0)) + 1)) - set(frames))
            expected = f"frames in order without gaps in column {rules.frame_column}"
            found = f"missing {missing[:SHOWN]}" if missing else "repeated or unordered frames"
            problems.append(Problem(str(path), expected, found))
    if problems:
        raise IntegrityError(problems)
    return Angles(frames.astype(int), omega % TURN, turning(omega, rules.step))


def _read_table(path: Path, rules: VideoRules) -> pd.DataFrame:
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        found = "no such file" if not path.is_file() else f"{type(error).__name__}: {error}"
        raise IntegrityError([Problem(str(path), "a CSV table of angles", found)]) from error
    absent = [c for c in (rules.omega_column, rules.frame_column) if c not in table]
    if absent or table.empty:
        expected = f"rows with the columns {rules.omega_column} and {rules.frame_column}"
        found = f"{len(table)} rows, columns {', '.join(map(str, table))}"
        raise IntegrityError([Problem(str(path), expected, found)])
    return table


def _matched(table: pd.DataFrame, alignment: Alignment, rules: VideoRules) -> pd.DataFrame:
    """Rows of the table in the order of the frames' files.

    Raises IntegrityError naming files without row and rows without file.
    """
    path = alignment.files["table"]
    if rules.file_column in table:
        keys = [(path.parent / str(name)).resolve() for name in table[rules.file_column]]
        files = [still.resolve() for still in alignment.stills]
    else:
        keys = table[rules.frame_column].tolist()
        files = [_number(still) for still in alignment.stills]
    lines = {key: k for k, key in enumerate(keys)}
    problems = [
        Problem(str(still), f"a row in {path.name}", "none")
        for still, key in zip(alignment.stills, files, strict=True)
        if key not in lines
    ]
    alien = [key for key in lines if key not in set(files)]
    if alien:
        shown = [getattr(key, "name", key) for key in alien[:SHOWN]]
        problems.append(Problem(str(path), "a file for every row", f"none for {shown}"))
    if len(lines) < len(keys):
        problems.append(Problem(str(path), "one row per frame", "repeated frames"))
    if problems:
        raise IntegrityError(problems)
    return table.iloc[[lines[key] for key in files]]


def _check_gaps(frames: np.ndarray, alignment: Alignment) -> None:
    """Raise IntegrityError where numbers of frames are missing between the first and the last."""
    missing = sorted(set(range(int(frames.min()), int(frames.max()) + 1)) - set(frames.tolist()))
    if missing or len(set(frames.tolist())) < len(frames):
        found = f"missing {missing[:SHOWN]}" if missing else "repeated numbers"
        expected = f"frames {frames.min()} to {frames.max()} without gaps"
        raise IntegrityError([Problem(str(alignment.where), expected, found)])


def _number(path: Path) -> int | None:
    found = NUMBER.search(path.stem)
    return int(found[1]) if found else None


def turning(omega: np.ndarray, step: float) -> np.ndarray:
    """Which of N successive angles differ from the one before (the first: from the next)."""
    moved = np.abs((np.diff(omega) + TURN / 2) % TURN - TURN / 2) > step
    return np.concatenate((moved[:1], moved)) if len(moved) else np.ones(len(omega), bool)


def _attempt(action, problems: list[Problem]):
    """The result of `action`, or None with its complaints added to `problems`."""
    try:
        return action()
    except IntegrityError as error:
        problems += error.problems
        return None
