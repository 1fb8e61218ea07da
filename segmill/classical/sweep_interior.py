"""What lies inside the outline of a sample: detail that is fine along the axis, in all frames.

A drop darkens smoothly towards its sides and fibres run along them: along the axis both change
little. What changes within a few pixels along the axis is a crystal, a bubble or a speck.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from segmill.classical.sweep_background import Field
from segmill.classical.sweep_segmentation import Outlines
from segmill.classical.sweep_statistics import in_threads

# Loops longer than so many pixels are averaged down: the cost grows with the third power.
MOST_LENGTH = 400
FINE_SIGMA, COARSE_SIGMA = 1.0, 4.0
# Of light that passes: keeps noise in the dark from being detail.
LEAST_LIGHT = 0.05
# Detail in the logarithm of the light counts fully up to so much.
STRONG = 0.3
# The outline itself is no detail of the inside.
MARGIN = 5


@dataclass(frozen=True)
class Interior:
    """Detail of N frames in a window around the loop, averaged by `step`.

    Attributes
    ----------
    detail : (N, U, V) float32, rows along the axis from where the sample enters, 0 outside
    first, last : (N, U) int32, first and last pixel inside in each row; last < first: none
    along, across : px of the frames where the window begins
    step : px of the frames per pixel
    """

    detail: np.ndarray
    first: np.ndarray
    last: np.ndarray
    along: int
    across: int
    step: int

    def across_px(self, place: np.ndarray | float) -> np.ndarray | float:
        """Position across the axis in the frames of a position in the window."""
        return self.across + (place + 0.5) * self.step - 0.5

    def across_window(self, place: np.ndarray | float) -> np.ndarray | float:
        """Position in the window of one across the axis in the frames."""
        return (place + 0.5 - self.across) / self.step - 0.5

    def along_px(self, place: np.ndarray | float) -> np.ndarray | float:
        """Position along the axis, px from where the sample enters."""
        return self.along + (place + 0.5) * self.step - 0.5


def interior(
    grey: np.ndarray, field: Field, found: Outlines, side: str, start: int, end: int
) -> Interior | None:
    """Detail inside the outlines between two positions along the axis, px; None: nothing inside.

    Parameters
    ----------
    grey : (N, H, W) uint8
    field : light of the empty field and of each frame
    found, side : outlines of the N frames, edge of the image where the sample enters
    """
    step = max(1, math.ceil((end - start) / MOST_LENGTH))
    length = (end - start) // step
    occupied = found.count[:, start:end] > 0
    if not occupied.any() or length < 2 * MARGIN:
        return None
    left = int(np.where(occupied, found.first[:, start:end], found.across).min())
    right = int(np.where(occupied, found.last[:, start:end], -1).max()) + 1
    width = max(1, (right - left) // step)
    rows, columns = slice(start, start + length * step), slice(left, left + width * step)
    first, last = _inside(found, start, left, length, width, step)
    size = (width, length)

    def shrunk(image: np.ndarray) -> np.ndarray:
        part = np.ascontiguousarray(_from_entry(image, side)[rows, columns], np.float32)
        return cv2.resize(part, size, interpolation=cv2.INTER_AREA) if step > 1 else part

    light = np.maximum(shrunk(field.full(grey.shape[1:])), 1.0)
    places = np.arange(width)

    def one(k: int) -> np.ndarray:
        passed = shrunk(grey[k]) / (light * np.float32(max(field.gains[k], 1e-3)))
        within = (places >= first[k][:, None]) & (places <= last[k][:, None])
        return np.where(within, _detail(passed), np.float32(0))

    return Interior(np.stack(in_threads(one, range(len(grey)))), first, last, start, left, step)


def _from_entry(image: np.ndarray, side: str) -> np.ndarray:
    """View of an image with rows along the axis, from the edge where the sample enters."""
    if side in ("left", "right"):
        image = image.T
    return image[::-1] if side in ("right", "bottom") else image


def _detail(passed: np.ndarray) -> np.ndarray:
    """Logarithm of the light (h, w), less its mean along the axis, limited."""
    fine = cv2.log(np.maximum(cv2.GaussianBlur(passed, (0, 0), FINE_SIGMA), 0) + LEAST_LIGHT)
    kernel = cv2.getGaussianKernel(2 * round(3 * COARSE_SIGMA) + 1, COARSE_SIGMA)
    fine -= cv2.sepFilter2D(fine, -1, np.ones(1, np.float32), kernel.astype(np.float32))
    return fine / np.sqrt(1 + (fine / np.float32(STRONG)) ** 2)


def _inside(found: Outlines, start, left, length, width, step) -> tuple[np.ndarray, np.ndarray]:
    """First and last pixel (N, U) of the window well inside the outline."""
    shape = (len(found.first), length, step)
    part = slice(start, start + length * step)
    occupied = found.count[:, part] > 0
    first = np.where(occupied, found.first[:, part] - left, width * step)
    last = np.where(occupied, found.last[:, part] - left, -1)
    first = np.ceil(first.reshape(shape).max(axis=2) / step).astype(np.int64)
    last = last.reshape(shape).min(axis=2) // step
    # Rows beyond the window are outside.
    first = np.pad(first, ((0, 0), (MARGIN, MARGIN)), constant_values=width)
    last = np.pad(last, ((0, 0), (MARGIN, MARGIN)), constant_values=-1)
    view = np.lib.stride_tricks.sliding_window_view
    first = view(first, 2 * MARGIN + 1, axis=1).max(axis=2) + MARGIN
    last = view(last, 2 * MARGIN + 1, axis=1).min(axis=2) - MARGIN
    return first.astype(np.int32), last.astype(np.int32)
