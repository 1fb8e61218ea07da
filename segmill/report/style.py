"""The look of every figure: sizes of a printed page, colours for every eye, reproducible files."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice, product
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure

from segmill.report.files import write_together

MM_PER_INCH = 25.4
ONE_COLUMN_MM = 89.0
TWO_COLUMNS_MM = 183.0
# Of the PNG, and of the pictures inside the SVG.
DPI = 300

# Okabe and Ito (2008), "Color Universal Design"; yellow left out, too faint for lines on white.
BLUE = "#0072B2"
VERMILION = "#D55E00"
GREEN = "#009E73"
PURPLE = "#CC79A7"
SKY = "#56B4E9"
ORANGE = "#E69F00"
BLACK = "#000000"
GREY = "#7A7A7A"
PALETTE = (BLUE, VERMILION, GREEN, PURPLE, SKY, ORANGE, BLACK)
PHASE_COLOURS = {"train": BLUE, "val": VERMILION}
DASHES = ("-", "--", ":", "-.")

# DejaVu Sans comes with matplotlib, and glyphs are written as outlines: the file looks the same,
# byte for byte, on machines with other fonts. The salt replaces the random part of element ids.
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 7.0,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7.0,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "figure.titlesize": 8.0,
    "axes.titlelocation": "left",
    "axes.titlepad": 4.0,
    "axes.labelpad": 2.5,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.5,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "figure.facecolor": "white",
    "figure.dpi": 100,
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
    "svg.hashsalt": "segmill",
}


@contextmanager
def publication_style() -> Iterator[None]:
    """Apply the style inside the block, on top of matplotlib's defaults and not of the user's."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


def new_figure(width_mm: float, height_mm: float) -> Figure:
    """An empty figure of exactly this printed size, laid out by matplotlib's constrained layout.

    It is not registered with pyplot, so nothing has to be closed and no display is asked for.
    """
    figure = Figure(figsize=(width_mm / MM_PER_INCH, height_mm / MM_PER_INCH), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def line_styles(count: int) -> list[dict[str, str]]:
    """Colour and dash of `count` lines: all differ up to 28, neighbours always differ in colour."""
    pairs = ((colour, dash) for dash, colour in product(DASHES, PALETTE))
    return [{"color": colour, "linestyle": dash} for colour, dash in islice(cycle(pairs), count)]


def siblings(svg: str | Path) -> dict[str, Path]:
    """The files of one figure: ``{"svg": ..., "png": ..., "csv": ...}``, beside each other."""
    svg = Path(svg)
    if svg.suffix != ".svg":
        raise ValueError(f"{svg}: expected a path that ends in .svg")
    return {kind: svg.with_suffix(f".{kind}") for kind in ("svg", "png", "csv")}


def save_figure(figure: Figure, svg: str | Path, data: pd.DataFrame) -> dict[str, Path]:
    """Write a figure as SVG and PNG (300 dpi) and the data behind it as CSV, beside each other.

    Files hold no dates and no random ids, and the layout is fixed first (:func:`fix_layout`): equal
    figures give equal bytes. All three files are replaced together, or none is. CSV floats are
    written in full, so that reading them back gives equal numbers.

    Parameters
    ----------
    figure : made inside :func:`publication_style`, whose settings are applied here again
    svg : path ending in ``.svg``; the other two take its stem
    data : one row per drawn point, object or image; the index is not written

    Returns
    -------
    paths by kind: ``svg``, ``png``, ``csv``

    Raises
    ------
    ValueError : `svg` does not end in ``.svg``, or `data` has no columns
    """
    paths = siblings(svg)
    if data.shape[1] == 0:
        raise ValueError(f"{svg}: the data behind the figure has no columns")
    with publication_style():
        fix_layout(figure)
        write_together(
            {
                paths["svg"]: lambda to: figure.savefig(
                    to, format="svg", dpi=DPI, metadata={"Date": None, "Creator": None}
                ),
                paths["png"]: lambda to: figure.savefig(
                    to, format="png", dpi=DPI, metadata={"Software": None}
                ),
                paths["csv"]: lambda to: data.to_csv(to, index=False, lineterminator="\n"),
            }
        )
    return paths


def fix_layout(figure: Figure) -> None:
    """Lay a figure out once, and put its axes on a grid of a millionth of the figure.

    The last bits of the positions that the constrained layout finds differ from run to run now and
    then, and with them the ids in an SVG file, which are digests of positions.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for ax in figure.axes:
        ax.set_position(np.round(ax.get_position(original=True).bounds, 6))


def colour_bar(figure: Figure, drawn: ScalarMappable, ax: Axes, **options) -> Colorbar:
    """A colour bar right of an image, exactly as high as the image."""
    beside = ax.inset_axes((1.03, 0.0, 0.05, 1.0))
    bar = figure.colorbar(drawn, cax=beside, **options)
    bar.outline.set_linewidth(0.4)
    bar.ax.minorticks_off()
    return bar


def mark_axes(axes: Sequence) -> None:
    """Letter the panels a, b, c ... in bold at the upper left, as journals ask for."""
    for letter, ax in zip("abcdefghijklmnopqrstuvwxyz", axes, strict=False):
        ax.annotate(
            letter,
            xy=(0, 1),
            xytext=(-4, 4),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="right",
            va="bottom",
            fontweight="bold",
            fontsize=8,
        )
