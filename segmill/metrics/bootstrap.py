"""Confidence intervals by resampling images: how much would a figure move with other images?"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri  # scipy.stats has the same, and takes long to import

from segmill.random import generator

METHODS = ("percentile", "bca")
_DRAWS_AT_ONCE = 2**22
# Fractions are rounded to this grid, so that sums of them are exact in whatever order they run.
_GRID = 2.0**24


class Intervals(NamedTuple):
    """Estimates (M,) with the ends (M,) of their confidence intervals, all float64."""

    estimate: np.ndarray
    low: np.ndarray
    high: np.ndarray


def bootstrap_intervals(
    values: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    confidence: float = 0.95,
    seed: int = 0,
    repeats: int = 2000,
    method: str = "percentile",
) -> Intervals:
    """Confidence intervals of figures that are functions of sums over images.

    Images are drawn with replacement, as many as there are; the statistic of the sums of each of
    `repeats` draws gives its distribution. Neither number of cores nor memory changes a digit.

    Parameters
    ----------
    values : (N, S) finite numbers, the sufficient statistics of each of N images
    statistic : function from sums (..., S) to figures (..., M), nan where one is undefined
    confidence : share of the distribution inside the interval, in (0, 1)
    seed : of the draws
    repeats : number of draws
    method : ``"percentile"``, or ``"bca"`` (bias-corrected and accelerated by the jackknife)

    Returns
    -------
    Intervals of M figures. The ends are nan for fewer than two images, where nothing can be said,
    and for a figure that is undefined itself. Draws in which a figure is undefined are left out.

    Raises
    ------
    ValueError
        for values that are not finite, or arguments outside of their ranges.

    References
    ----------
    Efron and Tibshirani, "An Introduction to the Bootstrap", Chapman & Hall 1993, chapters 13, 14.
    """
    values = np.asarray(values, np.float64)
    _check(values, confidence, repeats, method)
    values = np.rint(values * _GRID) / _GRID
    estimate = np.asarray(statistic(values.sum(axis=0)), np.float64)
    undefined = np.full(estimate.shape, np.nan)
    if len(values) < 2:
        return Intervals(estimate, undefined, undefined.copy())
    drawn = np.concatenate([statistic(sums) for sums in resampled_sums(values, seed, repeats)])
    tails = np.full((2, estimate.size), 0.5) + np.array([[-0.5], [0.5]]) * confidence
    if method == "bca":
        tails = _bca_tails(tails, estimate, drawn, statistic(values.sum(axis=0) - values))
    low, high = undefined, undefined.copy()
    for m in np.flatnonzero(np.isfinite(estimate)):
        known = drawn[np.isfinite(drawn[:, m]), m]
        if known.size:
            low[m], high[m] = np.quantile(known, tails[:, m])
    return Intervals(estimate, low, high)


def bootstrap_median(
    values: np.ndarray, confidence: float = 0.95, seed: int = 0, repeats: int = 2000
) -> Intervals:
    """Percentile interval of the median of what is known of each image.

    The draws of images are those of :func:`bootstrap_intervals` for the same seed.

    Parameters
    ----------
    values : (N,) one number per image, nan where an image has none
    confidence, seed, repeats : see :func:`bootstrap_intervals`

    Returns
    -------
    Intervals of one figure, arrays (1,); the ends are nan for fewer than two known values.
    """
    values = np.asarray(values, np.float64)
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(values[known], kind="stable")]
    _check(values[order][:, None], confidence, repeats, "percentile")
    ends = np.full(2, np.nan)
    if order.size > 1:
        counts = resampled_counts(len(values), seed, repeats)
        drawn = np.concatenate([_medians(values[order], block[:, order]) for block in counts])
        tails = 0.5 + np.array([-0.5, 0.5]) * confidence
        ends = np.quantile(drawn[np.isfinite(drawn)], tails)
    estimate = np.median(values[order]) if order.size else np.nan
    return Intervals(np.array([estimate]), ends[:1], ends[1:])


def _medians(ascending: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Median (R,) of values (M,) that occur as often as `counts` (R, M) says; nan where never."""
    up_to = np.cumsum(counts, axis=1)
    total = up_to[:, -1]
    # The middle value, or the mean of the two middle ones.
    middle = [
        ascending[np.minimum((up_to <= place[:, None]).sum(axis=1), ascending.size - 1)]
        for place in ((total - 1) // 2, total // 2)
    ]
    return np.where(total > 0, (middle[0] + middle[1]) / 2, np.nan)


def resampled_sums(values: np.ndarray, seed: int, repeats: int) -> Iterator[np.ndarray]:
    """Sums over images drawn with replacement: blocks (R, S) of `repeats` rows in all."""
    for counts in resampled_counts(len(values), seed, repeats):
        yield counts.astype(np.float64) @ values


def resampled_counts(n: int, seed: int, repeats: int) -> Iterator[np.ndarray]:
    """How often each of `n` images is drawn with replacement: blocks (R, n) of integers."""
    rng = generator(seed, "bootstrap")
    block = max(1, _DRAWS_AT_ONCE // n)
    for start in range(0, repeats, block):
        rows = min(block, repeats - start)
        drawn = rng.integers(0, n, size=(rows, n)) + n * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n)


def _bca_tails(tails, estimate, drawn, jackknife) -> np.ndarray:
    """Tail probabilities (2, M) corrected for bias and for acceleration (Efron 1987)."""
    known = np.isfinite(drawn)
    count = np.maximum(known.sum(axis=0), 1)
    below = (known & (drawn < estimate)).sum(axis=0) + 0.5 * (drawn == estimate).sum(axis=0)
    # Half a draw from either end keeps the correction finite.
    bias = ndtri(np.clip(below / count, 0.5 / count, 1 - 0.5 / count))
    left_out = np.isfinite(jackknife)
    jackknife = np.where(left_out, jackknife, 0.0)
    mean = jackknife.sum(axis=0) / np.maximum(left_out.sum(axis=0), 1)
    deviation = np.where(left_out, mean - jackknife, 0.0)
    spread = (deviation**2).sum(axis=0) ** 1.5
    skew = (deviation**3).sum(axis=0)
    acceleration = np.divide(skew, 6 * spread, out=np.zeros_like(spread), where=spread > 0)
    z = bias + ndtri(tails)
    return ndtr(bias + z / (1 - acceleration * z))


def _check(values: np.ndarray, confidence: float, repeats: int, method: str) -> None:
    if values.ndim != 2 or not np.isfinite(values).all():
        raise ValueError(f"expected finite values (images, statistics), found {values.shape}")
    if not 0 < confidence < 1:
        raise ValueError(f"expected a confidence between 0 and 1, found {confidence}")
    if repeats < 1:
        raise ValueError(f"expected at least one repeat, found {repeats}")
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}, known are {', '.join(METHODS)}")
