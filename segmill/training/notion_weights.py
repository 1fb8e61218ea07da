"""Weights of overlapping notions, from how often each occurs in the training's images."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from segmill.progress import log
from segmill.store import Store


def count_notions(
    store: Store, samples: Iterable[int], threads: ThreadPoolExecutor
) -> tuple[list[int], int]:
    """Pixels of each notion, and all annotated pixels, over some samples.

    The counts are whole numbers: neither their order nor the number of threads changes them.
    """
    notions = len(store.attributes["notions"])
    with_ignore = "ignore" in store.fields

    def counts(i: int) -> np.ndarray:
        bits = store.notions(int(i))
        bits = bits[~store.ignore(int(i))] if with_ignore else bits.ravel()
        present = [np.count_nonzero(bits & np.uint16(1 << k)) for k in range(notions)]
        return np.array([*present, bits.size], np.int64)

    total = sum(threads.map(counts, samples), np.zeros(notions + 1, np.int64))
    *pixels, annotated = total.tolist()
    return pixels, annotated


def balanced_weights(
    pixels: Sequence[int], annotated: int, limit: float, names: Sequence[str]
) -> tuple[float, ...]:
    """A weight per notion, the larger the rarer it is, with mean 1.

    Median frequency balancing (Eigen and Fergus 2015, section 6.3.2): median(f) / f, f being the
    share of the annotated pixels that are of a notion and the median one over the notions that
    occur; here kept within [1 / limit, limit], so that a notion of a few pixels does not outweigh
    all others, and divided by its mean. A notion that never occurs has nothing to be balanced: it
    enters with the weight of the median, and the log says so.

    Parameters
    ----------
    pixels : of each notion, (K,)
    annotated : pixels in all
    limit : largest ratio of a weight to that of the median notion, at least 1
    names : of the notions

    Examples
    --------
    >>> balanced_weights([10, 20, 200], 1000, limit=5.0, names=("crystal", "loop", "pin"))
    (1.875, 0.9375, 0.1875)
    """
    shares = np.array(pixels, np.float64) / max(annotated, 1)
    occurs = shares > 0
    absent = [name for name, there in zip(names, occurs, strict=True) if not there]
    if absent:
        log.warning("notions that no training image has: %s", ", ".join(absent))
    raw = np.ones(len(shares))
    if occurs.any():
        ratios = np.median(shares[occurs]) / shares[occurs]
        raw[occurs] = np.clip(ratios, 1 / limit, limit)
    return tuple((raw / raw.mean()).tolist())
