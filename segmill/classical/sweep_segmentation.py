"""The sample in each frame of a sweep, and its outline across the rotation axis."""

from dataclasses import dataclass

import cv2
import numba
import numpy as np

from segmill.classical.features import threshold_value
from segmill.classical.sweep_background import Field
from segmill.classical.sweep_statistics import in_threads, sweep_statistics

NOISE_SIGMAS = 6.0
# Pieces smaller than this share of the largest one are no part of the sample.
LEAST_PIECE = 0.05
MARGIN = 4


@dataclass(frozen=True)
class Outlines:
    """Per frame and position u along the axis (0 at the edge where the sample enters), px.

    Attributes
    ----------
    first, last : (N, U) int32, least and greatest pixel across the axis; -1 where there is none
    count : (N, U) int32, pixels of the sample
    moment : (N, U) int64, sum of their positions across the axis
    across : number of pixels across the axis in the image
    """

    first: np.ndarray
    last: np.ndarray
    count: np.ndarray
    moment: np.ndarray
    across: int

    @property
    def extent(self) -> np.ndarray:
        """(N, U) width of the outline, px, 0 where there is none."""
        return np.where(self.count > 0, self.last - self.first + 1, 0)

    def of(self, chosen: np.ndarray) -> "Outlines":
        """The outlines of some frames, (N,) bool."""
        parts = (self.first, self.last, self.count, self.moment)
        return Outlines(*(part[chosen] for part in parts), self.across)


@dataclass(frozen=True)
class Masks:
    """The sample of each frame: `inside` (N, h, w) uint8 0 or 255 in a window of the image.

    `row`, `column` are the first of the window, `shape` (H, W) is that of the frames.
    """

    inside: np.ndarray
    row: int
    column: int
    shape: tuple[int, int]

    def full(self, k: int) -> np.ndarray:
        """Mask (H, W) bool of frame `k`."""
        mask = np.zeros(self.shape, bool)
        h, w = self.inside.shape[1:]
        mask[self.row : self.row + h, self.column : self.column + w] = self.inside[k] > 0
        return mask

    def change(self, chosen: np.ndarray) -> float:
        """Share of the pixels in the sample in some chosen frame that are not so in all of them."""
        over = sweep_statistics(self.inside, chosen)
        ever = np.count_nonzero(over.most)
        return 1 - np.count_nonzero(over.least) / ever if ever else 0.0


def loss_threshold(field: Field, chosen: np.ndarray, scale: float) -> tuple[float, float]:
    """Share of the light above which a pixel is sample, and the median loss of those above.

    Otsu's threshold of the light lost (or gained, in a glint) over all chosen frames where the
    sample is at some time, times `scale`, at least six times the noise of the free field.
    """
    background = field.background
    loss = np.abs(1 - field.frames[chosen] / background)
    seen = field.covered & field.lit
    inside = np.minimum(loss[:, seen], 1.0)
    free = loss[:, ~field.covered & field.lit]
    noise = 1.4826 * float(np.median(free)) if free.size else 0.0
    if inside.size == 0 or inside.min() == inside.max():
        return 1.0, 0.0
    value = max(scale * threshold_value(inside, "otsu"), NOISE_SIGMAS * noise)
    above = inside[inside > value]
    return value, float(np.median(above)) if above.size else 0.0


def segment(
    grey: np.ndarray, field: Field, threshold: float, closing: int, smallest: float
) -> Masks:
    """Pixels whose light differs from the field's by more than the threshold, cleaned and filled.

    Of each frame the largest piece is kept, and others of at least a twentieth of its area; holes
    are filled. A frame whose sample is smaller than `smallest` has none.

    Parameters
    ----------
    grey : (N, H, W) uint8
    threshold : share of the light
    closing : radius in px of the disc that closes gaps
    smallest : least area, share of the image
    """
    shape = grey.shape[1:]
    top, bottom, left, right = _window(field.covered, shape)
    window = (slice(top, bottom), slice(left, right))
    background = field.full(shape)[window]
    lit = cv2.resize(field.lit.astype(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST)
    dark = lit[window] == 0
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * closing + 1, 2 * closing + 1))
    least = smallest * shape[0] * shape[1]

    def limits(gain: float) -> tuple[np.ndarray, np.ndarray]:
        low = np.floor(np.clip(background * (gain * (1 - threshold)), 0, 255)).astype(np.uint8)
        high = np.ceil(np.clip(background * (gain * (1 + threshold)), 0, 255)).astype(np.uint8)
        low[dark], high[dark] = 0, 255
        return low, high

    steady = limits(1.0)

    def one(k: int) -> np.ndarray:
        gain = float(field.gains[k])
        low, high = steady if abs(gain - 1) < 0.005 else limits(gain)
        mask = cv2.bitwise_not(cv2.inRange(grey[k][window], low, high))
        if closing:
            mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, disc)
        return _pieces(mask, least)

    return Masks(np.stack(in_threads(one, range(len(grey)))), top, left, shape)


def _window(covered: np.ndarray, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """First and end row, first and end column of the covered region in the frames, with margin."""
    ends = []
    for axis in (1, 0):
        places = np.flatnonzero(covered.any(axis=axis))
        size, coarse = shape[1 - axis], covered.shape[1 - axis]
        low, high = (places[0], places[-1] + 1) if places.size else (0, coarse)
        ends += [
            max(0, int(np.floor((low - MARGIN) * size / coarse))),
            min(size, int(np.ceil((high + MARGIN) * size / coarse))),
        ]
    return tuple(ends)


def _pieces(mask: np.ndarray, least: float) -> np.ndarray:
    """The large pieces of a mask 0 or 255, holes filled."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(mask)
    areas = np.array([cv2.contourArea(outline) for outline in outlines])
    if areas.size and areas.max() >= least:
        kept = [o for o, a in zip(outlines, areas, strict=True) if a >= LEAST_PIECE * areas.max()]
        cv2.drawContours(filled, kept, -1, 255, cv2.FILLED)
    return filled


def entering_side(masks: Masks, sides: tuple[str, ...]) -> str | None:
    """Edge of the image that most of the sample touches, among `sides`; None: it touches none."""
    h, w = masks.inside.shape[1:]
    at = {
        "top": (masks.row == 0, (slice(None), 0)),
        "bottom": (masks.row + h == masks.shape[0], (slice(None), h - 1)),
        "left": (masks.column == 0, (slice(None), slice(None), 0)),
        "right": (masks.column + w == masks.shape[1], (slice(None), slice(None), w - 1)),
    }
    touched = {
        side: int(np.count_nonzero(masks.inside[at[side][1]])) if at[side][0] else 0
        for side in sides
    }
    best = max(touched, key=touched.get)
    return best if touched[best] else None


def outlines(masks: Masks, side: str) -> Outlines:
    """Outline of the sample across the axis at each position along it."""
    inside = masks.inside if side in ("top", "bottom") else masks.inside.transpose(0, 2, 1)
    size, offset, across, start = (
        (masks.shape[0], masks.row, masks.shape[1], masks.column)
        if side in ("top", "bottom")
        else (masks.shape[1], masks.column, masks.shape[0], masks.row)
    )
    found = np.zeros((4, len(inside), size), np.int64)
    found[:2] = -1
    _outline(inside, offset, start, found)
    if side in ("bottom", "right"):
        found = found[:, :, ::-1]
    first, last, count, moment = found
    return Outlines(
        first.astype(np.int32), last.astype(np.int32), count.astype(np.int32), moment, across
    )


@numba.njit(parallel=True, cache=True, nogil=True)
def _outline(inside, offset, start, found):
    n, length, width = inside.shape
    for k in numba.prange(n):
        for u in range(length):
            for v in range(width):
                if inside[k, u, v]:
                    place = start + v
                    if found[2, k, offset + u] == 0:
                        found[0, k, offset + u] = place
                    found[1, k, offset + u] = place
                    found[2, k, offset + u] += 1
                    found[3, k, offset + u] += place
