"""Metrics of superpixels against their number, method by method."""

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes

from segmill.report.style import (
    TWO_COLUMNS_MM,
    line_styles,
    mark_axes,
    new_figure,
    publication_style,
    save_figure,
)

NUMBER = "n_superpixels"
SHOWN = {
    "boundary_recall_5": "Boundary recall (5 x 5)",
    "boundary_precision_5": "Boundary precision (5 x 5)",
    "undersegmentation_np": "Undersegmentation (NP)",
    "compactness": "Compactness",
    "explained_variation": "Explained variation",
    "achievable_accuracy": "Achievable accuracy",
}


def superpixel_curves(measured: pd.DataFrame, output: str | Path) -> dict[str, Path]:
    """Draw the mean of each metric over the images against the mean number of superpixels.

    Parameters
    ----------
    measured : rows of :func:`segmill.metrics.superpixel_numbers.superpixel_numbers`
    output : path ending in ``.svg``; PNG and CSV (a row per method and number) beside it
    """
    # A method that takes no number has none wanted: groups by missing keys are kept.
    keys = ["method", "title", "wanted"]
    columns = [NUMBER, *SHOWN]
    means = measured.groupby(keys, sort=False, dropna=False)[columns].mean().reset_index()
    with publication_style():
        figure = new_figure(TWO_COLUMNS_MM, 100)
        axes = figure.subplots(2, 3)
        for ax, (metric, label) in zip(axes.flat, SHOWN.items(), strict=True):
            _draw(ax, means, metric)
            ax.set(xlabel="Superpixels", ylabel=label)
        lines, labels = axes.flat[0].get_legend_handles_labels()
        figure.legend(lines, labels, loc="outside lower center", ncols=len(labels))
        mark_axes(axes.flat)
        return save_figure(figure, output, means)


def _draw(ax: Axes, means: pd.DataFrame, metric: str) -> None:
    methods = means.groupby("title", sort=False)
    for style, (title, rows) in zip(line_styles(len(methods)), methods, strict=True):
        rows = rows.sort_values(NUMBER)
        ax.plot(rows[NUMBER], rows[metric], marker="o", label=title, **style)
