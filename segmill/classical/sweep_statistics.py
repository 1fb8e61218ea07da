"""Mean, variance and sum of every pixel over a rotation, exact, in one pass over the frames."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numba
import numpy as np

# Sums of squares of uint8 stay below 2^32 for so many frames.
MAX_FRAMES = 2**32 // 255**2
THREADS = 2


@dataclass(frozen=True)
class SweepStatistics:
    """Sums over the chosen frames; integers, so that no order of adding changes them.

    Attributes
    ----------
    count : number of frames
    sum, squares : (H, W) or (H, W, C) uint32, of the grey levels and of their squares
    least, most : same shape, uint8
    """

    count: int
    sum: np.ndarray
    squares: np.ndarray
    least: np.ndarray
    most: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """Mean grey level, float32."""
        return (self.sum / np.float64(self.count)).astype(np.float32)

    @property
    def variance(self) -> np.ndarray:
        """Variance of the grey levels over the frames (divided by their number), float32."""
        exact = self.count * self.squares.astype(np.int64) - self.sum.astype(np.int64) ** 2
        return (exact / np.float64(self.count) ** 2).astype(np.float32)


def sweep_statistics(frames: np.ndarray, chosen: np.ndarray | None = None) -> SweepStatistics:
    """Sum, sum of squares, least and greatest value of each pixel over the frames.

    Rows are shared out to threads; within a row the frames are added one after the other, so that
    a row's sums stay in the processor's cache.

    Parameters
    ----------
    frames : (N, H, W) or (N, H, W, C) uint8
    chosen : (N,) bool, frames that count; None: all

    Raises
    ------
    ValueError
        for another dtype or shape, no frame, or more than 66 051 frames.
    """
    frames = np.asarray(frames)
    if frames.dtype != np.uint8 or frames.ndim not in (3, 4):
        raise ValueError(
            f"expected frames (N, H, W[, C]) uint8, found {frames.dtype} {frames.shape}"
        )
    rows = np.arange(len(frames)) if chosen is None else np.flatnonzero(chosen)
    if not 0 < rows.size <= MAX_FRAMES:
        raise ValueError(f"expected 1 to {MAX_FRAMES} frames, found {rows.size}")
    shape = frames.shape[1:]
    flat = np.ascontiguousarray(frames).reshape(len(frames), shape[0], -1)
    total, squares, least, most = _accumulate(flat, rows)
    return SweepStatistics(
        rows.size, *(part.reshape(shape) for part in (total, squares, least, most))
    )


@numba.njit(parallel=True, cache=True, nogil=True)
def _accumulate(frames, chosen):
    _, height, width = frames.shape
    total = np.zeros((height, width), np.uint32)
    squares = np.zeros((height, width), np.uint32)
    least = np.full((height, width), 255, np.uint8)
    most = np.zeros((height, width), np.uint8)
    for y in numba.prange(height):
        row_sum, row_squares = total[y], squares[y]
        row_least, row_most = least[y], most[y]
        for k in chosen:
            row = frames[k, y]
            for x in range(width):
                value = np.uint32(row[x])
                row_sum[x] += value
                row_squares[x] += value * value
                row_least[x] = min(row_least[x], row[x])
                row_most[x] = max(row_most[x], row[x])
    return total, squares, least, most


def grey_frames(frames: np.ndarray) -> np.ndarray:
    """Luminance (ITU-R BT.601) of each frame, (N, H, W) uint8; grey frames pass unchanged.

    Parameters
    ----------
    frames : (N, H, W), (N, H, W, 1) or RGB (N, H, W, 3), uint8
    """
    if frames.ndim == 3:
        return frames
    if frames.shape[3] == 1:
        return frames[..., 0]
    grey = np.empty(frames.shape[:3], np.uint8)
    in_threads(
        lambda k: cv2.cvtColor(frames[k], cv2.COLOR_RGB2GRAY, dst=grey[k]), range(len(frames))
    )
    return grey


def in_threads(work, items) -> list:
    """Results of `work` on each item, in their order; OpenCV and numba let threads run at once."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, items))
