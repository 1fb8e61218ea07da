"""Which frames of a sweep count: those that rotate, in steady light."""

import numpy as np
import pandas as pd

from segmill.alignment import coverage
from segmill.classical.align_options import AlignmentOptions


def rotating_frames(
    omega: np.ndarray, rotating: np.ndarray | None, options: AlignmentOptions
) -> tuple[pd.DataFrame, str | None]:
    """The table of frames with those used that rotate, and why there are too few of them."""
    if rotating is None:
        step = np.abs((np.diff(omega) + 180) % 360 - 180) >= options.min_step
        rotating = np.append(step, False) | np.append(False, step)
    rotating = np.asarray(rotating)
    if rotating.shape != omega.shape or rotating.dtype != bool:
        raise ValueError(
            f"rotating: expected {omega.shape} bool, found {rotating.shape} {rotating.dtype}"
        )
    tracks = pd.DataFrame(
        {
            "frame": np.arange(omega.size),
            "omega": omega,
            "used": rotating,
            "left_out": np.where(rotating, "", "does not rotate"),
        }
    )
    count = np.count_nonzero(rotating)
    if count < options.min_frames:
        return tracks, f"{count} frames rotate, expected at least {options.min_frames}"
    covered = np.degrees(coverage(np.radians(omega[rotating])))
    if covered < options.min_range:
        reason = f"omega covers {covered:.1f} degrees, expected at least {options.min_range:g}"
        return tracks, reason
    return tracks, None


def leave_out(tracks: pd.DataFrame, bad: np.ndarray, why: str) -> float:
    """Leave out used frames that are bad; the share that they were of the used ones."""
    bad = bad & tracks["used"].to_numpy()
    share = np.count_nonzero(bad) / max(1, np.count_nonzero(tracks["used"]))
    tracks.loc[bad, "used"] = False
    tracks.loc[bad, "left_out"] = why
    return share


def leave_out_light(
    tracks: pd.DataFrame, gains: np.ndarray, options: AlignmentOptions
) -> str | None:
    """Leave out frames in other light; why too many of them are."""
    bad = np.abs(gains - 1) > options.lamp_tolerance
    used = tracks["used"].to_numpy()
    low, high = gains[used].min(), gains[used].max()
    if leave_out(tracks, bad, "light differs") > options.max_left_out:
        return f"the light is not steady: from {low:.2f} to {high:.2f} of its median"
    return None
