"""Mean and spread of the images that a network is trained on."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from segmill.store import Store


def measure_statistics(
    store: Store, indices: Iterable[int], threads: ThreadPoolExecutor
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel over all pixels of some samples.

    Sums are of integers and thus exact: their order, and with it the number of threads, changes no
    bit.

    Returns
    -------
    mean, std : one float per channel, in units of the largest value of the image's dtype; the
        std of a constant channel is given as 1
    """

    def sums(i: int) -> list[tuple[int, int, int]]:
        image = store.image(int(i))
        channels = np.moveaxis(image, -1, 0)
        square = np.uint32 if image.dtype == np.uint16 else np.uint16
        squares = [np.square(c, dtype=square).sum(dtype=np.uint64) for c in channels]
        firsts = [c.sum(dtype=np.uint64) for c in channels]
        return [(c.size, int(a), int(b)) for c, a, b in zip(channels, firsts, squares, strict=True)]

    top = int(np.iinfo(store.dtype()).max)
    totals = [[0, 0, 0] for _ in range(store.shape()[-1])]
    for sample in threads.map(sums, indices):
        for total, part in zip(totals, sample, strict=True):
            total[:] = [a + b for a, b in zip(total, part, strict=True)]
    mean = tuple(first / n / top for n, first, _ in totals)
    # Python's integers do not overflow: the variance loses nothing to cancellation.
    variance = [(n * second - first * first) / (n * n) for n, first, second in totals]
    return mean, tuple(v**0.5 / top if v > 0 else 1.0 for v in variance)
