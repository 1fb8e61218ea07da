"""Border effects and seams: how much outputs change near a border, and with the margin of tiles."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from segmill.report.style import (
    TWO_COLUMNS_MM,
    line_styles,
    new_figure,
    publication_style,
    save_figure,
)

# Smaller differences, 0 among them, are drawn here: below the rounding of float32.
FLOOR = 1e-8


def translation_curves(
    measured: str | Path, labels: Mapping[str, str], output: str | Path
) -> dict[str, Path]:
    """Draw the greatest difference of scores against the distance of a patch to the border.

    Parameters
    ----------
    measured : file of :func:`segmill.metrics.network_invariance.translation_of_networks`
    labels : words for each experiment
    output : path ending in ``.svg``; PNG and CSV (one row per experiment and distance: greatest and
        mean difference over the four sides, receptive field) are written beside it
    """
    words = "Distance of the patch to the border (pixels)"
    return _draw(pd.read_parquet(measured), "distance", words, labels, output)


def tiling_curves(
    measured: str | Path, labels: Mapping[str, str], output: str | Path
) -> dict[str, Path]:
    """Draw the greatest difference of scores against the margin of tiles.

    Parameters
    ----------
    measured : file of :func:`segmill.metrics.network_invariance.tiling_of_networks`
    labels, output : see :func:`translation_curves`
    """
    words = "Margin of the tiles (pixels)"
    return _draw(pd.read_parquet(measured), "margin", words, labels, output)


def _draw(
    measured: pd.DataFrame,
    x: str,
    words: str,
    labels: Mapping[str, str],
    output: str | Path,
) -> dict[str, Path]:
    """Curves over `x`; dotted lines at half of the receptive field, what reaches to a side."""
    grouped = measured.groupby(["experiment", x], sort=False)
    data = grouped.agg(
        max_difference=("max_difference", "max"),
        mean_difference=("mean_difference", "mean"),
        receptive_field=("receptive_field", "first"),
    ).reset_index()
    with publication_style():
        figure = new_figure(TWO_COLUMNS_MM, 72)
        ax = figure.subplots()
        names = list(dict.fromkeys(data["experiment"]))
        for name, style in zip(names, line_styles(len(names)), strict=True):
            rows = data[data["experiment"] == name].sort_values(x)
            values = rows["max_difference"].clip(lower=FLOOR)
            ax.plot(rows[x], values, marker="o", label=labels.get(name, name), **style)
            reach = (rows["receptive_field"].iloc[0] - 1) / 2
            if reach <= data[x].max():
                ax.axvline(reach, color=style["color"], linestyle=":", lw=0.8)
        ax.axhspan(FLOOR / 2, 1e-5, color="#F2F2F2", lw=0, zorder=0)
        ax.set(xlabel=words, ylabel="Greatest difference of a score", yscale="log")
        ax.set_ylim(FLOOR / 2, 2)
        figure.legend(loc="outside lower center", ncols=3)
        return save_figure(figure, output, data)
