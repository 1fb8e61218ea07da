"""Eikonal superpixels: regions grown by fast marching, as many as wanted."""

import math

import numpy as np
from scipy import ndimage
from skimage.measure import label

from segmill.options import build_options
from segmill.superpixels.colours import gradient_magnitude, normalised_lab
from segmill.superpixels.contours import settle_contours
from segmill.superpixels.growing import Growth
from segmill.superpixels.merging import merge_superpixels
from segmill.superpixels.options import EikonalOptions
from segmill.superpixels.pieces import join_pieces, number_in_reading_order
from segmill.superpixels.seeds import grid_seeds, late_seeds


def eikonal_superpixels(
    image: np.ndarray, n_segments: int = 400, *, truth: np.ndarray | None = None, **options
) -> np.ndarray:
    """Divide an image into superpixels that grow from seeds by fast marching.

    Seeds lie at places of little gradient on a grid; a front runs from each, slower where the
    colour differs more from that of its region. More seeds are added where fronts arrive last.
    Superfluous regions merge with neighbours of like colour, and boundaries settle: see
    :class:`EikonalOptions`, with ``excess=1, sweeps=0`` for the marching alone.

    Parameters
    ----------
    image : (h, w) or (h, w, 1 | 3 | 4): grey, RGB or RGBA, bool, uint8, uint16 or float from 0 to 1
    n_segments : number wanted, at least 1
    truth : (h, w) integers, an annotation; no superpixel crosses the boundary between two of its
        values. Each connected piece of it holds a superpixel at least, so that there may be more
        than `n_segments`
    options : fields of :class:`EikonalOptions`

    Returns
    -------
    (h, w) int32, 1 .. n in the order of their first pixels, each one 4-connected region; n is
    `n_segments` unless `truth` needs more or the image has fewer pixels

    Raises
    ------
    ConfigError
        for unknown options and values out of range, n_segments too, all at once.
    ValueError
        for an image or a truth of another shape or dtype.

    Examples
    --------
    >>> image = np.zeros((60, 80, 3), np.uint8)
    >>> image[:, 40:] = 255
    >>> labels = eikonal_superpixels(image, 12)
    >>> labels.dtype, int(labels.max()), np.intersect1d(labels[:, :40], labels[:, 40:]).size
    (dtype('int32'), 12, 0)
    """
    values = {"n_segments": n_segments, **options}
    return grow_superpixels(
        image, build_options(EikonalOptions, values, "eikonal_superpixels"), truth
    )


def grow_superpixels(
    image: np.ndarray, o: EikonalOptions, truth: np.ndarray | None = None
) -> np.ndarray:
    """As :func:`eikonal_superpixels`, with checked options."""
    colours = normalised_lab(image, o.smoothing, o.least_spread)
    regions = None if truth is None else _regions(truth, colours.shape[:2])
    growth = _grown(colours, o, regions)
    labels = join_pieces(growth.labels, growth.seeds, regions)
    labels = merge_superpixels(labels, colours, o.n_segments, o.length_power, regions)
    labels = settle_contours(labels, colours, o.contour_weight, o.sweeps, regions)
    return number_in_reading_order(labels)


def _regions(truth: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The 4-connected pieces of an annotation, (h, w) int32 from 0."""
    truth = np.asarray(truth)
    if truth.shape != shape or truth.dtype.kind not in "iub":
        raise ValueError(
            f"the truth is {truth.dtype} {truth.shape}, expected integers {tuple(shape)}"
        )
    return (
        label(truth.astype(np.int64), background=int(truth.min()) - 1, connectivity=1) - 1
    ).astype(np.int32)


def _grown(colours, o: EikonalOptions, regions) -> Growth:
    """Regions that cover the image, `excess` times as many as wanted where there are pixels."""
    height, width = colours.shape[:2]
    wanted = min(height * width, round(o.excess * o.n_segments))
    cell = o.width or o.spacing * math.sqrt(height * width / wanted)
    base = 1.0
    if o.edge_weight:
        base = 1 + np.float32(o.edge_weight) * gradient_magnitude(colours)
    growth = Growth(colours, base, o.weight, o.power, o.means == "running", regions)
    growth.add(grid_seeds(gradient_magnitude(np.ascontiguousarray(colours[..., 0])), cell, wanted))
    if regions is not None:
        _fill(growth, regions)
    margin = o.margin
    each = max(1, math.ceil((wanted - len(growth.seeds)) / o.rounds))
    while len(growth.seeds) < wanted:
        count = min(each, wanted - len(growth.seeds))
        seeds = late_seeds(growth.times, growth.labels, count, margin)
        if len(seeds):
            growth.add(seeds)
        elif margin:
            # Regions have become too narrow for it.
            margin = 0
        else:
            break
    return growth


def _fill(growth: Growth, regions: np.ndarray) -> None:
    """One more seed in each piece of the annotation that no front has entered."""
    empty = np.unique(regions[growth.labels < 0])
    if empty.size:
        inner = ndimage.distance_transform_cdt(_inner(regions), metric="taxicab")
        places = ndimage.maximum_position(inner, regions, empty)
        growth.add(np.array(places))


def _inner(regions: np.ndarray) -> np.ndarray:
    """Pixels whose right and lower neighbours lie in the same piece, (h, w) bool."""
    inner = np.ones(regions.shape, bool)
    inner[:, :-1] &= regions[:, 1:] == regions[:, :-1]
    inner[:-1] &= regions[1:] == regions[:-1]
    return inner
