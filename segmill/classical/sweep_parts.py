"""Pin, stem and loop of a sample along the rotation axis, and their measures in each frame.

Turning about the axis leaves every part at its place along it: one profile of the width, over the
whole rotation, tells where the parts begin.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from segmill.classical.sweep_segmentation import Outlines

# Widths below and above which all but a few frames lie.
NARROW, WIDE = 0.05, 0.95
LEAST_VALLEY = 0.15
# A pin is round: its width hardly changes with omega; and much wider than the stem. Of less than so
# much of its width only the end is in view, an inclined one, whose width does change.
ROUND = 0.7
STUB = 0.5
# A round part of nearly the same width from where it enters the image is a pin alone.
BARE = 0.9
LEAST_PIN = 2.0
# Wider than so much of the loop there is no stem; a loop is wider than the stem by so much.
WIDEST_STEM, NARROWEST_LOOP = 0.4, 1.15
EXTREME_ROWS = 3
MEASURES = (
    "area",
    "width",
    "height",
    "centroid_across",
    "centroid_along",
    "box_across",
    "box_along",
    "extreme_across",
    "extreme_along",
)


@dataclass(frozen=True)
class Parts:
    """Positions along the axis, px from the edge where the sample enters.

    The pin reaches from 0 to `pin_end`, the stem on to `loop_start`, the loop to the tip; empty
    parts have equal ends. `reason` says why there is no loop, else None. `width` (U,) is the
    profile the parts were found in, px.
    """

    pin_end: int
    loop_start: int
    tip: int
    width: np.ndarray
    reason: str | None = None

    @property
    def ranges(self) -> dict[str, tuple[int, int]]:
        """First and end position of each part."""
        return {
            "loop": (self.loop_start, self.tip),
            "stem": (self.pin_end, self.loop_start),
            "pin": (0, self.pin_end),
        }


def find_parts(found: Outlines, level: float) -> Parts:
    """Pin, stem and loop from the profile of the width.

    The neck is where the profile lies deepest between two maxima. Before it, a round part that
    reaches the edge of the image is the pin, down to half its height above the neck. The loop ends
    towards the neck where its width falls below `level` of the way from the stem's least width to
    the loop's largest.
    """
    extent = np.sort(found.extent, axis=0)
    last = len(extent) - 1
    narrow, wide = extent[round(NARROW * last)], extent[round(WIDE * last)]
    width = _median_filtered(wide)
    places = np.flatnonzero(width > 0)
    if places.size == 0:
        return Parts(0, 0, 0, width, "no frame shows a sample")
    tip = int(places[-1]) + 1
    inner = width[:tip].astype(float)
    pin_end, neck = _pin(inner, narrow[:tip])
    peak = neck + int(np.argmax(inner[neck:]))
    thin = float(inner[pin_end : peak + 1].min())
    if inner[peak] < NARROWEST_LOOP * thin and pin_end > 0:
        return Parts(pin_end, tip, tip, width, "no part is wider than the stem: there is no loop")
    if pin_end == 0 and _is_bare_pin(inner, narrow[:tip]):
        return Parts(tip, tip, tip, width, "only a round part is seen: a pin without a loop")
    if thin > WIDEST_STEM * inner[peak]:
        return Parts(pin_end, pin_end, tip, width)
    below = np.flatnonzero(inner[pin_end:peak] < thin + level * (inner[peak] - thin))
    loop_start = pin_end + int(below[-1]) + 1 if below.size else pin_end
    return Parts(pin_end, loop_start, tip, width)


def _is_bare_pin(inner: np.ndarray, narrow: np.ndarray) -> bool:
    """Whether a sample is round and hardly wider than where it enters the image.

    Its width is even, or falls from there on, where little more than its end is in view.
    """
    is_even = min(inner[0], np.median(inner)) > BARE * inner.max()
    is_end = inner[0] == inner.max() and narrow[0] > ROUND * inner[0]
    return bool(is_end or (is_even and np.median(narrow) > ROUND * np.median(inner)))


def _pin(inner: np.ndarray, narrow: np.ndarray) -> tuple[int, int]:
    """End of the pin, 0 without one, and the neck behind it."""
    before = np.maximum.accumulate(inner)
    behind = np.maximum.accumulate(inner[::-1])[::-1]
    lower = np.minimum(before, behind)
    neck = int(np.argmax(lower - inner))
    if lower[neck] - inner[neck] <= max(3.0, LEAST_VALLEY * lower[neck]):
        return 0, 0
    half = inner[neck] + 0.5 * (before[neck] - inner[neck])
    wide = np.flatnonzero(inner[:neck] >= half)
    pin_end = int(wide[-1]) + 1
    touches = inner[0] >= half
    is_stub = pin_end < STUB * before[neck]
    is_round = np.median(narrow[:pin_end]) >= ROUND * np.median(inner[:pin_end])
    is_wide = before[neck] >= LEAST_PIN * inner[neck]
    return (pin_end, neck) if touches and (is_stub or is_round) and is_wide else (0, 0)


def _median_filtered(width: np.ndarray) -> np.ndarray:
    """Running median over about a hundredth of the image, so that specks do not count."""
    half = max(1, width.size // 200)
    padded = np.pad(width, half, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    return np.median(windows, axis=1)


def measure(found: Outlines, start: int, end: int) -> pd.DataFrame:
    """Measures of the part between two positions along the axis, a row per frame, NaN = not seen.

    All in px, `area` in square px: area, width (extent across the axis), height (along it),
    centroid, middle of the box, and the extreme point, farthest from where the sample enters.
    Positions along count from the edge where the sample enters, positions across from the image's
    first pixel.
    """
    count, moment = found.count[:, start:end], found.moment[:, start:end]
    table = pd.DataFrame(np.nan, index=range(len(count)), columns=list(MEASURES))
    seen = np.flatnonzero(count.any(axis=1))
    if seen.size == 0:
        return table
    count, moment = count[seen], moment[seen]
    area = count.sum(axis=1)
    places = np.arange(start, end)
    occupied = count > 0
    first = np.where(occupied, found.first[seen, start:end], found.across).min(axis=1)
    last = np.where(occupied, found.last[seen, start:end], -1).max(axis=1)
    low = start + occupied.argmax(axis=1)
    high = end - 1 - occupied[:, ::-1].argmax(axis=1)
    tips = [_tip(count[k], moment[k], high[k] - start) for k in range(seen.size)]
    values = {
        "area": area,
        "width": last - first + 1,
        "height": high - low + 1,
        "centroid_across": moment.sum(axis=1) / area,
        "centroid_along": (count * places).sum(axis=1) / area,
        "box_across": (first + last) / 2,
        "box_along": (low + high) / 2,
        "extreme_across": tips,
        "extreme_along": high,
    }
    for name, value in values.items():
        table.loc[seen, name] = np.asarray(value, float)
    return table


def _tip(count: np.ndarray, moment: np.ndarray, last: int) -> float:
    """Mean position across the axis in the outermost rows of the part."""
    rows = slice(max(0, last - EXTREME_ROWS + 1), last + 1)
    return float(moment[rows].sum() / count[rows].sum())


def cut_frames(found: Outlines, start: int, end: int) -> np.ndarray:
    """(N,) bool, True where the part reaches another edge of the image than where it enters."""
    occupied = found.count[:, start:end] > 0
    sides = occupied & (
        (found.first[:, start:end] == 0) | (found.last[:, start:end] == found.across - 1)
    )
    return sides.any(axis=1) | (found.count[:, -1] > 0)
