"""Regions growing on one image from seeds that may come in several rounds."""

import numpy as np

from segmill.superpixels.marching import CHANNELS, NONE, march


class Growth:
    """Regions on one image; they grow from :meth:`add`, and :attr:`labels` says how far.

    The equation that their fronts solve, and its terms, are those of
    :mod:`segmill.superpixels.marching`. Seeds added later take from the regions there the pixels
    that their fronts reach earlier. That can leave pieces of a region without its seed:
    :func:`segmill.superpixels.pieces.join_pieces` gives them away.

    Parameters
    ----------
    colours : (h, w, C) float32, C up to 4
    base : (h, w) or number above 0, slowness for a pixel of the region's own colour
    weight, power : factor and power (1 or 2) of the distance of colours in the slowness
    running : a region's colour is the mean of its pixels so far; else that of its seed
    regions : (h, w) integers; no front passes from one value to another; None: no walls
    """

    def __init__(self, colours, base, weight, power=2, running=True, regions=None):
        self.shape = height, width = colours.shape[:2]
        self.running = running
        padded = np.zeros((height + 2, width + 2, CHANNELS), np.float32)
        padded[1:-1, 1:-1, : colours.shape[2]] = colours
        slowness = np.ones((height + 2, width + 2), np.float32)
        slowness[1:-1, 1:-1] = base
        walls = np.zeros(0, np.int32)
        if regions is not None:
            walls = np.pad(np.asarray(regions, np.int32), 1).ravel()
        self._equation = (
            width + 2,
            padded.reshape(-1, CHANNELS),
            slowness.ravel(),
            walls,
            np.float32(weight),
            power == 2,
            running,
            False,
        )
        # The padding has been reached before any front starts.
        times = np.full((height + 2, width + 2), -1, np.float32)
        times[1:-1, 1:-1] = np.inf
        self._times = times.ravel()
        self._labels = np.full(self._times.size, NONE, np.int32)
        self._sums = np.zeros((0, CHANNELS + 1))
        self.seeds = np.zeros((0, 2), np.int64)

    def add(self, seeds: np.ndarray) -> None:
        """Grow regions from further seeds, (n, 2) distinct (row, column)."""
        first = len(self.seeds)
        seeds = np.asarray(seeds, np.int64).reshape(-1, 2)
        self.seeds = np.concatenate([self.seeds, seeds])
        pixels = (seeds[:, 0] + 1) * (self.shape[1] + 2) + seeds[:, 1] + 1
        sums = np.zeros((len(seeds), CHANNELS + 1))
        if not self.running:
            sums[:, :CHANNELS], sums[:, CHANNELS] = self._equation[1][pixels], 1
        self._sums = np.concatenate([self._sums, sums])
        bits = self._times.view(np.uint32)
        march(*self._equation, self._times, bits, self._labels, self._sums, pixels, first)

    @property
    def times(self) -> np.ndarray:
        """(h, w) float32 arrival times, inf where no front has come; a view."""
        return self._times.reshape(self.shape[0] + 2, -1)[1:-1, 1:-1]

    @property
    def labels(self) -> np.ndarray:
        """(h, w) int32, number of the seed in :attr:`seeds`, -1 where no front has come; a view."""
        return self._labels.reshape(self.shape[0] + 2, -1)[1:-1, 1:-1]
