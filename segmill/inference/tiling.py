"""Run a network on an image of any size: whole, or tile by tile within bounded memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice, pairwise, product

import numpy as np

from segmill.models.sizes import next_multiple, reflected_index
from segmill.options import option

# (B, C, h, w) pixels of the prepared image -> (B, K, h, w) float32 scores, same pixel frame.
Network = Callable[[np.ndarray], np.ndarray]

MODES = ("auto", "whole", "blend", "exact", "grid")
SIGMA_SHARE = 1 / 8


@dataclass(frozen=True)
class TilingOptions:
    """How an image is cut for a network. Lengths in pixels of the prepared image.

    Attributes
    ----------
    mode : ``"whole"``: in one piece. ``"blend"``: overlapping tiles, weighted by a Gaussian
        (sigma = size / 8) so that no seam shows. ``"exact"``: tiles with a margin that is thrown
        away; equal to whole where the margin covers the receptive field. ``"grid"``: grid x grid
        parts without overlap, each predicted as an image of its own, stitched. ``"auto"``: whole
        up to `max_pixels`; beyond that exact where the receptive field is known, else blend.
    size : side of a tile (of its kept core in mode exact), rounded up to the network's multiple
    step : blend: step between tiles as a share of `size`
    margin : exact: width thrown away on each side; None: the network's receptive field
    grid : grid: parts along each axis
    batch : tiles per run of the network
    max_pixels : auto: largest image predicted in one piece
    """

    mode: str = option("auto", choices=MODES)
    size: int = option(512, low=1)
    step: float = option(0.5, low=0.05, high=1)
    margin: int | None = option(None, low=0)
    grid: int = option(2, low=1)
    batch: int = option(4, low=1)
    max_pixels: int = option(2**22, low=1)


@dataclass(frozen=True)
class _Cut:
    """A tile along one axis: the image rows it shows and what of its output is used where.

    Attributes
    ----------
    index : (n,) int64, the image row that each row of the tile shows (reflected beyond the edge)
    kept : rows of the tile's output that are used
    start : image row of the first of them
    weight : float32, weight of each kept row; the weights of all cuts sum to 1 in each image row
    """

    index: np.ndarray
    kept: slice
    start: int
    weight: np.ndarray

    @property
    def rows(self) -> slice:
        """Where the kept rows belong in the image."""
        return slice(self.start, self.start + self.weight.size)


def predict_tiled(
    network: Network,
    image: np.ndarray,
    options: TilingOptions,
    multiple: int = 1,
    margin: int | None = None,
) -> np.ndarray:
    """Scores of an image, by as many runs of the network as `options` ask for.

    The image is continued by reflection at the bottom and the right to multiples of `multiple`,
    and tiles start on that grid where exactness needs it. Beside the result, memory holds one
    batch of tiles.

    Parameters
    ----------
    network : maps (B, C, h, w) cuts of the image to (B, K, h, w) float32, h and w being multiples
        of `multiple`
    image : (C, H, W) of any dtype
    options : how to cut
    multiple : of heights and widths that the network accepts
    margin : how far an output pixel can depend on input pixels (receptive field), in pixels; used
        where ``options.margin`` is None; None if unknown

    Returns
    -------
    (K, H, W) float32

    Raises
    ------
    ValueError
        if the image is empty, or mode exact has no margin to use.
    """
    if image.ndim != 3 or 0 in image.shape:
        raise ValueError(f"expected an image (C, H, W) with pixels, found {image.shape}")
    margin = margin if options.margin is None else options.margin
    mode = _resolve(options, image.shape[1:], margin)
    rows, columns = (_cuts(mode, n, options, multiple, margin) for n in image.shape[1:])
    result = None
    for batch in _batches(product(rows, columns), options.batch):
        tiles = np.stack([image[:, r.index[:, None], c.index] for r, c in batch])
        for (row, column), scores in zip(batch, network(tiles), strict=True):
            if result is None:
                result = np.zeros((len(scores), *image.shape[1:]), np.float32)
            weight = row.weight[:, None] * column.weight
            result[:, row.rows, column.rows] += scores[:, row.kept, column.kept] * weight
    return result


def _resolve(options: TilingOptions, shape: tuple[int, int], margin: int | None) -> str:
    mode = options.mode
    if mode == "auto" and shape[0] * shape[1] <= options.max_pixels:
        return "whole"
    if mode == "auto":
        # A margin beyond the size of a tile would cost more than nine times the whole image.
        return "exact" if margin is not None and margin <= options.size else "blend"
    if mode == "exact" and margin is None:
        raise ValueError(
            "tiling mode exact needs a margin: the receptive field of this network is unknown"
        )
    return mode


def _cuts(
    mode: str, length: int, options: TilingOptions, multiple: int, margin: int | None
) -> list[_Cut]:
    """The tiles of one axis of `length` pixels."""
    size = next_multiple(options.size, multiple)
    if mode == "grid":
        return _grid_cuts(length, options.grid, multiple)
    canvas = reflected_index(length, next_multiple(length, multiple))
    if mode == "blend":
        return _blended_cuts(length, canvas, size, options.step)
    if mode == "whole":
        size, margin = canvas.size, 0
    return _exact_cuts(length, canvas, size, next_multiple(margin, multiple))


def _exact_cuts(length: int, canvas: np.ndarray, size: int, margin: int) -> list[_Cut]:
    window = min(size + 2 * margin, canvas.size)
    cuts = []
    for core in range(0, length, size):
        # Near an edge the window moves inwards, so that all tiles have one size and the edge of
        # the canvas is the edge of a tile: the network pads there as it does on the whole image.
        first = min(max(core - margin, 0), canvas.size - window)
        kept = min(size, length - core)
        inside = slice(core - first, core - first + kept)
        weight = np.ones(kept, np.float32)
        cuts.append(_Cut(canvas[first : first + window], inside, core, weight))
    return cuts


def _blended_cuts(length: int, canvas: np.ndarray, size: int, step: float) -> list[_Cut]:
    window = min(size, canvas.size)
    count = int(np.ceil((canvas.size - window) / (window * step))) + 1
    starts = np.rint(np.linspace(0, canvas.size - window, count)).astype(int)
    offset = np.arange(window) - (window - 1) / 2
    profile = np.exp(-0.5 * (offset / (window * SIGMA_SHARE)) ** 2)
    total = np.zeros(canvas.size)
    for first in starts:
        total[first : first + window] += profile
    cuts = []
    for first in starts.tolist():
        kept = min(window, length - first)
        weight = profile[:kept] / total[first : first + kept]
        index = canvas[first : first + window]
        cuts.append(_Cut(index, slice(0, kept), first, weight.astype(np.float32)))
    return cuts


def _grid_cuts(length: int, parts: int, multiple: int) -> list[_Cut]:
    bounds = np.rint(np.linspace(0, length, min(parts, length) + 1)).astype(int).tolist()
    cuts = []
    for first, last in pairwise(bounds):
        n = last - first
        index = first + reflected_index(n, next_multiple(n, multiple))
        cuts.append(_Cut(index, slice(0, n), first, np.ones(n, np.float32)))
    return cuts


def _batches(tiles: Iterator[tuple[_Cut, _Cut]], size: int) -> Iterator[list[tuple[_Cut, _Cut]]]:
    """At most `size` consecutive tiles of one shape at a time."""
    for _, group in groupby(tiles, key=lambda tile: (tile[0].index.size, tile[1].index.size)):
        while batch := list(islice(group, size)):
            yield batch
