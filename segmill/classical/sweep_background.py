"""The empty field behind a rotating sample, from the frames themselves.

Done on a coarse grid, where noise is small: the field varies slowly. A pixel that the sample leaves
free in some frames shows the field there, as the upper values over the rotation; where the sample
always is, the field is interpolated from around it.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from segmill.classical.sweep_statistics import in_threads

COARSE_SIDE = 128
FREE_QUANTILE = 0.9
# Temporal scatter beyond so many times that of the quiet pixels is motion.
MOTION_SIGMAS = 6.0
LEAST_MOTION = 0.02
# Where less of the brightest light arrives, nothing can be seen.
LEAST_LIGHT = 0.08
# An outline is sharp where the light changes by this share of its level from pixel to pixel.
SHARP = 0.12
LEAST_FIELD, LEAST_FIELD_LIGHT = 0.05, 0.5
FREE_TOLERANCE = 0.1
SPREADS = 12
QUIET_QUANTILE = 0.1
SATURATED = 245
NOISE_PAIRS = 15


@dataclass(frozen=True)
class Field:
    """What the frames say about light and motion; coarse images are (h, w) float32.

    Attributes
    ----------
    frames : (N, h, w) coarse frames, divided by their gain
    gains : (N,) light of each frame relative to the sweep's median frame
    moving : (h, w) bool, where grey levels change with the rotation
    covered : (h, w) bool, where the sample is in some frame, or always
    background : (h, w) grey levels of the empty field
    """

    frames: np.ndarray
    gains: np.ndarray
    moving: np.ndarray
    covered: np.ndarray
    background: np.ndarray

    def full(self, shape: tuple[int, int]) -> np.ndarray:
        """The background at the size of the frames, (H, W) float32."""
        return cv2.resize(self.background, shape[::-1], interpolation=cv2.INTER_LINEAR)

    @property
    def lit(self) -> np.ndarray:
        """(h, w) bool, where enough light arrives to see anything."""
        return self.background > LEAST_LIGHT * self.background.max()


def coarse_frames(grey: np.ndarray) -> np.ndarray:
    """Frames (N, H, W) averaged onto a grid of about 128 points on the shorter side, float32."""
    step = max(1, round(min(grey.shape[1:]) / COARSE_SIDE))
    size = (max(1, grey.shape[2] // step), max(1, grey.shape[1] // step))
    shrunk = in_threads(lambda g: cv2.resize(g, size, interpolation=cv2.INTER_AREA), grey)
    return np.stack(shrunk).astype(np.float32)


def gains_of(coarse: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """(N,) light of each frame relative to the median of the chosen ones.

    The median ratio over the pixels: the sample covers less than half of the field.
    """
    usual = np.maximum(np.median(coarse[chosen], axis=0), 1.0)
    bright = usual > np.median(usual) / 2
    return np.median(coarse[:, bright] / usual[bright], axis=1)


def field_of(coarse: np.ndarray, gains: np.ndarray, given: np.ndarray | None = None) -> Field:
    """Background and motion of frames in which the lamp is steady.

    Parameters
    ----------
    coarse : (N, h, w) float32
    gains : (N,), see :func:`gains_of`
    given : (H, W) uint8 or float image of the empty field, scaled to the light of the frames; None:
        from the frames
    """
    frames = coarse / np.maximum(gains, 1e-3)[:, None, None].astype(np.float32)
    scatter = frames.std(axis=0)
    place = int(FREE_QUANTILE * (len(frames) - 1))
    upper = np.partition(frames, place, axis=0)[place]
    least = np.maximum(MOTION_SIGMAS * _noise(frames, upper), LEAST_MOTION * upper)
    # Quantisation alone scatters less than half a grey level.
    moving = _opened(scatter > np.maximum(least, 0.5))
    if given is None:
        background, covered = _interpolated(upper, moving)
    else:
        size = upper.shape[::-1]
        background = cv2.resize(given.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        free = ~_grown(moving, 2)
        ratio = upper[free] / np.maximum(background[free], 1)
        background = background * np.float32(np.median(ratio) if free.any() else 1)
        covered = _joined(upper < background * 0.9, moving)
    return Field(frames, gains, moving, covered, background)


def _noise(frames: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Standard deviation (h, w) of the noise, from what differs between frames in quiet pixels.

    It grows with the root of the grey level, as photons do. Where most of the image moves,
    successive frames still differ little in many pixels.
    """
    root = np.sqrt(level + 1)
    pairs = np.unique(np.linspace(0, len(frames) - 2, NOISE_PAIRS).round().astype(int))
    change = np.mean(np.abs(frames[pairs + 1] - frames[pairs]), axis=0)
    # Where the camera is saturated there is none.
    rough = (change / root)[level < SATURATED]
    if rough.size == 0:
        return np.zeros_like(root)
    # Of Gaussian noise the mean absolute difference is 2 / sqrt(pi) standard deviations.
    return np.float32(np.quantile(rough, QUIET_QUANTILE) * np.sqrt(np.pi) / 2) * root


def _interpolated(upper: np.ndarray, moving: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Background and covered region: a smooth surface through what the sample leaves free.

    First a robust parabola, then what is left of it, spread from the free pixels around. A moving
    pixel seen free in some frames shows the field itself: it is free where it agrees with what is
    spread from around it, and then spreads the field on to its neighbours.
    """
    covered = _covered(upper, moving)
    surface = _parabola(upper, ~covered)
    sigma = max(2.0, min(upper.shape) / 32)
    free = ~covered
    for _ in range(SPREADS):
        background = np.maximum(surface + _spread(upper - surface, free, sigma), 1.0)
        agrees = moving & (np.abs(upper - background) < FREE_TOLERANCE * background)
        if not (agrees & ~free).any():
            break
        free |= agrees
    return np.where(agrees, upper, background), covered


def _covered(upper: np.ndarray, moving: np.ndarray) -> np.ndarray:
    """Where the sample is in some frame, or always, (h, w) bool.

    Light falls off softly, the sample has sharp outlines. Pixels at rest therefore form regions
    parted by sharp outlines and by motion: the field is the largest of them, and others of its size
    and light; the rest that hangs together with the motion is the sample, such as a round pin.
    """
    square = np.ones((3, 3), np.uint8)
    sharp = cv2.morphologyEx(upper, cv2.MORPH_GRADIENT, square) > SHARP * np.percentile(upper, 95)
    still = ~(sharp | _grown(moving, 1))
    count, labels, facts, _ = cv2.connectedComponentsWithStats(
        still.astype(np.uint8), connectivity=4
    )
    areas = facts[1:, cv2.CC_STAT_AREA]
    if count == 1:
        return np.ones(upper.shape, bool)
    light = np.array([np.median(upper[labels == k]) for k in range(1, count)])
    # Of regions of similar size the brightest is the field.
    main = int(np.argmax(areas * light))
    is_field = (areas >= LEAST_FIELD * areas[main]) & (light >= LEAST_FIELD_LIGHT * light[main])
    free = np.isin(labels, 1 + np.flatnonzero(is_field))
    return _joined(_grown(~free, 1), moving)


def _parabola(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Second-degree surface through the known pixels, outliers (Tukey) without weight."""
    h, w = image.shape
    rows, columns = np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j]
    terms = [rows**i * columns**j for i in range(3) for j in range(3 - i)]
    design = np.stack(terms, axis=-1).reshape(-1, len(terms))
    if np.count_nonzero(known) < 20 * len(terms):
        return np.full(image.shape, np.percentile(image, 90), np.float32)
    chosen = np.flatnonzero(known)
    a, b = design[chosen], image.ravel()[chosen].astype(np.float64)
    weights = np.ones(b.size)
    for _ in range(10):
        values = np.linalg.lstsq(a * weights[:, None], b * weights, rcond=None)[0]
        residuals = b - a @ values
        scale = 4.685 * 1.4826 * np.median(np.abs(residuals)) + 1e-3
        weights = np.clip(1 - (residuals / scale) ** 2, 0, None)
    return (design @ values).reshape(image.shape).astype(np.float32)


def _spread(image: np.ndarray, known: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian mean of the known pixels around each pixel; 0 far from all of them."""
    weight = known.astype(np.float32)
    above = cv2.GaussianBlur(image.astype(np.float32) * weight, (0, 0), sigma)
    below = cv2.GaussianBlur(weight, (0, 0), sigma)
    return above / np.maximum(below, 1e-3)


def _joined(mask: np.ndarray, moving: np.ndarray) -> np.ndarray:
    """The moving pixels and the regions of the mask that touch them."""
    both = (mask | moving).astype(np.uint8)
    _, labels = cv2.connectedComponents(both, connectivity=8)
    touched = np.unique(labels[moving])
    return np.isin(labels, touched[touched > 0])


def _opened(mask: np.ndarray) -> np.ndarray:
    """The mask without specks of less than 2 x 2 pixels."""
    square = np.ones((2, 2), np.uint8)
    return cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, square).astype(bool)


def _grown(mask: np.ndarray, by: int) -> np.ndarray:
    """The mask dilated by a square of `by` pixels each way."""
    square = np.ones((2 * by + 1, 2 * by + 1), np.uint8)
    return cv2.dilate(mask.astype(np.uint8), square).astype(bool)
