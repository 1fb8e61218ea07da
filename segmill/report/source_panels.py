"""Sources of an image of the sky: what was found, how touching ones are told apart, how bright."""

from pathlib import Path

import numpy as np
from matplotlib.patches import Rectangle

from segmill.labels import relabel
from segmill.report.colouring import colour_indices, overlay, to_rgb
from segmill.report.panels import bare
from segmill.report.style import (
    BLUE,
    TWO_COLUMNS_MM,
    mark_axes,
    new_figure,
    publication_style,
    save_figure,
)
from segmill.sources import SourceOptions, source_catalogue

ZOOM_PX = 200
BINS = 24


def source_panels(
    image: np.ndarray, sources: np.ndarray, options: SourceOptions, output: str | Path
) -> dict[str, Path]:
    """Draw an image, its sources, a part of both enlarged, and how many are how bright.

    The part is where most pixels of different sources touch.

    Parameters
    ----------
    image : (h, w) or (h, w, C)
    sources : (h, w) integer ids, 0 = sky
    options : of :func:`segmill.sources.source_catalogue`
    output : path ending in ``.svg``; PNG and, as CSV, the catalogue with a column ``touching``
        (whether a pixel of another source is a neighbour) are written beside it
    """
    contacts = touching_pixels(sources)
    catalogue = source_catalogue(image, sources, options)
    catalogue["touching"] = catalogue["id"].isin(np.unique(sources[contacts]))
    part = crowded_part(contacts, ZOOM_PX)
    with publication_style():
        height, width = sources.shape
        figure = new_figure(TWO_COLUMNS_MM, TWO_COLUMNS_MM * 0.8 * height / width + 12)
        axes = figure.subplots(2, 2, width_ratios=(1, 1))
        cut = to_rgb(image)[part]
        own = relabel(sources[part])
        outlined = overlay(image[part], own, colour_indices(own), opacity=0.25, least_side=600)
        count, touching = len(catalogue), int(catalogue["touching"].sum())
        axes[0, 0].imshow(to_rgb(image))
        axes[0, 0].set_title(f"{count} sources, {touching} of them touch another")
        for ax in (axes[0, 0],):
            corner = (part[1].start, part[0].start)
            ax.add_patch(Rectangle(corner, *_size(part), fill=False, color="w", lw=0.8))
        axes[0, 1].imshow(cut)
        axes[0, 1].set_title("The part in the frame")
        axes[1, 0].imshow(outlined)
        axes[1, 0].set_title("Its sources")
        for ax in (axes[0, 0], axes[0, 1], axes[1, 0]):
            bare(ax)
        _brightness(axes[1, 1], catalogue["flux"].to_numpy(float))
        mark_axes(axes.flat)
        return save_figure(figure, output, catalogue)


def touching_pixels(sources: np.ndarray) -> np.ndarray:
    """(h, w) bool: pixels of a source with one of the four neighbours in another source."""
    found = np.zeros(sources.shape, bool)
    for one, other in (
        ((slice(None), slice(1, None)), (slice(None), slice(None, -1))),
        ((slice(1, None), slice(None)), (slice(None, -1), slice(None))),
    ):
        a, b = sources[one], sources[other]
        meet = (a != b) & (a != 0) & (b != 0)
        found[one] |= meet
        found[other] |= meet
    return found


def crowded_part(contacts: np.ndarray, side: int) -> tuple[slice, slice]:
    """Rows and columns of the square of a grid of half its side in which most is True."""
    best, place = -1, (0, 0)
    size = [min(side, n) for n in contacts.shape]
    for top in range(0, contacts.shape[0] - size[0] + 1, max(1, side // 2)):
        for left in range(0, contacts.shape[1] - size[1] + 1, max(1, side // 2)):
            here = int(contacts[top : top + size[0], left : left + size[1]].sum())
            if here > best:
                best, place = here, (top, left)
    return slice(place[0], place[0] + size[0]), slice(place[1], place[1] + size[1])


def _size(part: tuple[slice, slice]) -> tuple[int, int]:
    """Width and height of a part."""
    return part[1].stop - part[1].start, part[0].stop - part[0].start


def _brightness(ax, flux: np.ndarray) -> None:
    """How many sources are how bright, both axes logarithmic."""
    known = flux[flux > 0]
    edges = np.geomspace(known.min(), known.max() * 1.001, BINS + 1) if known.size else BINS
    ax.hist(known, bins=edges, color=BLUE)
    ax.set(xscale="log", yscale="log", xlabel="Light above the sky (grey levels)")
    ax.set_ylabel("Sources")
