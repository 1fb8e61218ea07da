"""Alignment of a sample from a rotation, without a network."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from segmill.classical.align_models import UM_PER_MM, Models, fit_models
from segmill.classical.align_options import SIDES, AlignmentOptions
from segmill.classical.align_points import in_image, inside_points, inside_views, middle_points
from segmill.classical.sweep_background import Field, coarse_frames, field_of, gains_of
from segmill.classical.sweep_frames import leave_out, leave_out_light, rotating_frames
from segmill.classical.sweep_interior import interior
from segmill.classical.sweep_parts import Parts, cut_frames, find_parts, measure
from segmill.classical.sweep_segmentation import (
    Masks,
    entering_side,
    loss_threshold,
    outlines,
    segment,
)
from segmill.classical.sweep_statistics import SweepStatistics, grey_frames, sweep_statistics
from segmill.options import build_options
from segmill.progress import log

PARTS = ("loop", "stem", "pin")
# Fewer moving points of the coarse grid than this share are chance.
LEAST_MOVING = 0.0005
LEAST_LEVEL = 2.0
# Outlines of a blurred or thin loop are faint. Where frames contradict each other they are looked
# for again with these shares of the threshold; the full one bounds the sample best.
FAINTER = (1.0, 0.75, 0.55)


@dataclass(frozen=True)
class Alignment:
    """What was found in one sweep of N frames. Where `failed`, `reason` says why.

    Attributes
    ----------
    failed : True: nothing may be moved on the word of this result
    reason : why it failed, else None
    omega : (N,) degrees
    tracks : a row per frame: `frame`, `omega`, `used`, `left_out` (why a frame is not used), and
        of the loop and the whole sample (`loop_*`, `sample_*`) area, width across the axis, height
        along it, positions across and along of centroid, middle of the box and extreme point,
        and of the loop its middle; of what is seen in the medium (`inside_*`) the position, NaN
        where it is not; in `unit`, positions from the image's first pixel
    unit : ``um``, or ``px`` without a calibration
    axis : ``horizontal`` or ``vertical``; positions across are rows or columns
    enters_from : edge at which the sample enters
    models : fits over omega
    parts : where pin, stem and loop lie along the axis, or None
    masks : the sample in each frame, or None
    statistics : sum, squares, extremes of each pixel over the rotating frames, or None
    point : what was to be centred
    """

    failed: bool
    reason: str | None
    omega: np.ndarray
    tracks: pd.DataFrame
    unit: str
    axis: str | None = None
    enters_from: str | None = None
    models: Models = field(default_factory=Models)
    parts: Parts | None = None
    masks: Masks | None = None
    statistics: SweepStatistics | None = None
    point: str | None = None

    @property
    def used(self) -> np.ndarray:
        """(N,) bool, frames that the fits rest on."""
        return self.tracks["used"].to_numpy(bool)

    @property
    def centre(self):
        """3-D position and centring move, :class:`segmill.alignment.Centre`, or None."""
        return self.models.centre

    def part_masks(self, k: int) -> dict[str, np.ndarray]:
        """Masks (H, W) bool of loop, stem, pin and foreground in frame `k`, as far as found."""
        if self.masks is None:
            return {}
        mask = self.masks.full(k)
        found = {"foreground": mask}
        for name, (start, end) in (self.parts.ranges if self.parts else {}).items():
            found[name] = np.zeros_like(mask)
            along = _slice_along(mask.shape, self.enters_from, start, end)
            found[name][along] = mask[along]
        return found


def align(
    frames: np.ndarray | Iterable[np.ndarray],
    omega: np.ndarray,
    rotating: np.ndarray | None = None,
    background: np.ndarray | None = None,
    **options,
) -> Alignment:
    """Find the sample in a rotation, fit models over omega, and say where to move it.

    Parameters
    ----------
    frames : (N, H, W) grey or (N, H, W, 3) RGB, uint8, or as many such images
    omega : (N,) degrees
    rotating : (N,) bool, frames taken during the rotation; None: those whose omega differs from a
        neighbour's
    background : (H, W) or (H, W, 3) uint8 image of the empty field; None: from the frames
    options : fields of :class:`AlignmentOptions`

    Returns
    -------
    Alignment; `failed` with a `reason` where frames stand still or show nothing, the light is not
    steady, the sample leaves the image, or too few frames rotate.

    Raises
    ------
    ConfigError
        for unknown options and values out of range, all at once.
    ValueError
        for frames, angles or a background of wrong shapes or dtypes.
    """
    chosen = build_options(AlignmentOptions, options, "align")
    found = align_frames(frames, omega, chosen, rotating, background)
    if found.failed:
        log.info("align: failed: %s", found.reason)
    return found


def align_frames(
    frames: np.ndarray | Iterable[np.ndarray],
    omega: np.ndarray,
    options: AlignmentOptions,
    rotating: np.ndarray | None = None,
    background: np.ndarray | None = None,
) -> Alignment:
    """As :func:`align`, with checked options."""
    frames, omega, background = _checked(frames, omega, background)
    tracks, reason = rotating_frames(omega, rotating, options)
    unit = "px" if options.mm_per_px is None else "um"
    empty = Alignment(True, reason, omega, tracks, unit, point=options.point)
    if reason:
        return empty
    grey = grey_frames(frames)
    coarse = coarse_frames(grey)
    if coarse[tracks["used"].to_numpy()].max() < LEAST_LEVEL:
        return replace(empty, reason="the frames are dark")
    gains = gains_of(coarse, tracks["used"].to_numpy())
    reason = leave_out_light(tracks, gains, options)
    if reason:
        return replace(empty, reason=reason)
    used = tracks["used"].to_numpy()
    found = field_of(coarse[used], gains[used], background)
    found = replace(found, gains=gains, frames=coarse / np.maximum(gains, 1e-3)[:, None, None])
    empty = replace(empty, statistics=sweep_statistics(grey, used))
    return _segmented(empty, grey, found, options)


def _checked(frames, omega, background):
    """The input as arrays; every offence in one error."""
    if not isinstance(frames, np.ndarray):
        frames = np.stack([np.asarray(frame) for frame in frames])
    omega = np.asarray(omega, np.float64)
    offences = []
    if frames.dtype != np.uint8 or not (
        frames.ndim == 3 or (frames.ndim == 4 and frames.shape[3] in (1, 3))
    ):
        offences.append(
            f"frames: expected (N, H, W) or (N, H, W, 3) uint8, found {frames.shape} {frames.dtype}"
        )
    if omega.shape != frames.shape[:1]:
        offences.append(
            f"omega: expected one angle per frame {frames.shape[:1]}, found {omega.shape}"
        )
    elif not np.isfinite(omega).all():
        offences.append(f"omega: not finite at frames {np.flatnonzero(~np.isfinite(omega))[:5]}")
    if background is not None:
        background = np.asarray(background)
        if background.shape[:2] != frames.shape[1:3] or background.dtype != np.uint8:
            offences.append(
                f"background: expected {frames.shape[1:3]} uint8, found {background.shape} "
                f"{background.dtype}"
            )
        else:
            background = grey_frames(background[None])[0]
    if offences:
        raise ValueError("; ".join(offences))
    return frames, omega, background


def _segmented(empty: Alignment, grey: np.ndarray, light: Field, options) -> Alignment:
    """The first result that is none of frames contradicting each other, or the first of all."""
    used, result = empty.tracks["used"].to_numpy(), None
    for share in FAINTER:
        threshold, reason = _visible(light, used, options, share)
        if reason:
            tried = replace(empty, reason=reason)
        else:
            masks = segment(grey, light, threshold, options.closing, options.smallest)
            tried = _measured(empty, grey, light, masks, options)
        if result is None or not tried.failed:
            result = tried
        if not result.failed or result.parts is None or result.parts.reason:
            break
    if share < 1 and not result.failed:
        log.info("align: faint outlines, found with %.2f of the threshold", share)
    return result


def _visible(found: Field, used: np.ndarray, options, share: float) -> tuple[float, str | None]:
    """A share of the threshold of the lost light, and why there is nothing to see."""
    moving = float(np.mean(found.moving))
    threshold, contrast = loss_threshold(found, used, share * options.threshold_scale)
    if moving < LEAST_MOVING:
        return threshold, "nothing moves: the frames show an empty or a static scene"
    if contrast < options.min_contrast:
        return threshold, (
            f"what moves takes {contrast:.1%} of the light, expected at least "
            f"{options.min_contrast:.1%}: no sample"
        )
    return threshold, None


def _measured(empty: Alignment, grey: np.ndarray, light: Field, masks: Masks, options) -> Alignment:
    """Parts, tracks and models of segmented frames."""
    sides = {"horizontal": SIDES[:2], "vertical": SIDES[2:]}.get(options.axis, SIDES)
    change = masks.change(empty.tracks["used"].to_numpy())
    if change < options.min_change:
        reason = f"the sample stands still: {change:.1%} of its outline changes with the rotation"
        return replace(empty, reason=reason, masks=masks)
    side = options.enters_from
    if side == "auto":
        side = entering_side(masks, sides)
    if side is None:
        reason = "the sample touches no edge of the image: give enters_from"
        return replace(empty, reason=reason, masks=masks)
    tracks = empty.tracks
    found = outlines(masks, side)
    used = tracks["used"].to_numpy()
    parts = find_parts(found.of(used), options.loop_level)
    scale = 1.0 if options.mm_per_px is None else options.mm_per_px * UM_PER_MM
    loop = measure(found, parts.loop_start, parts.tip)
    sample = measure(found, 0, found.count.shape[1])
    tracks = tracks.join(in_image(loop, side, masks.shape, scale).add_prefix("loop_"))
    tracks = tracks.join(in_image(sample, side, masks.shape, scale).add_prefix("sample_"))
    found_all = replace(
        empty,
        tracks=tracks,
        axis="vertical" if side in ("top", "bottom") else "horizontal",
        enters_from=side,
        parts=parts,
        masks=masks,
    )
    reason = parts.reason or _lost(tracks, cut_frames(found, parts.pin_end, parts.tip), options)
    if reason:
        return replace(found_all, reason=reason)
    middle, spread = middle_points(found, parts, tracks, options)
    tracks = tracks.join(in_image(middle, side, masks.shape, scale).add_prefix("loop_"))
    detail = interior(grey, light, found, side, parts.loop_start, parts.tip)
    inside = inside_views(detail, found, parts, tracks, scale, options)
    points = inside_points(inside, len(tracks))
    tracks = tracks.join(in_image(points, side, masks.shape, scale).add_prefix("inside_"))
    found_all = replace(found_all, tracks=tracks)
    models = fit_models(tracks, scale, options, inside, spread)
    if models.centre is None:
        return replace(found_all, reason=f"no centre: {models.refused['centre']}", models=models)
    return replace(found_all, failed=False, models=models)


def _lost(tracks: pd.DataFrame, cut: np.ndarray, options) -> str | None:
    """Leave out frames whose sample is cut or not seen; why too many of them are."""
    unseen = tracks["loop_area"].isna().to_numpy()
    used = tracks["used"].to_numpy()
    missing, leaving = int((unseen & used).sum()), int((cut & used).sum())
    share = leave_out(tracks, unseen, "no sample seen") + leave_out(tracks, cut, "sample cut")
    if share > options.max_left_out:
        return (
            f"the sample leaves the image in {leaving} and is not seen in {missing} of "
            f"{used.sum()} frames"
        )
    if tracks["used"].sum() < options.min_frames:
        return f"{tracks['used'].sum()} frames are left, expected at least {options.min_frames}"
    return None


def _slice_along(shape: tuple[int, int], side: str, start: int, end: int) -> tuple[slice, ...]:
    """Rows and columns of the image between two positions from the edge of entry."""
    size = shape[0] if side in ("top", "bottom") else shape[1]
    along = slice(start, end) if side in ("top", "left") else slice(size - end, size - start)
    return (along, slice(None)) if side in ("top", "bottom") else (slice(None), along)
