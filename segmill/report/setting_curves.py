"""Accuracy against a setting of experiments: the size of label errors, the number of images."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes

from segmill.errors import Problem, raise_problems
from segmill.metrics.summary import summarise
from segmill.report.bands import draw_band
from segmill.report.style import (
    TWO_COLUMNS_MM,
    line_styles,
    mark_axes,
    new_figure,
    publication_style,
    save_figure,
)

ROW_MM = 48.0
METRIC_WORDS = {
    "iou_cell": "IoU of cells",
    "iou_membrane": "IoU of membranes",
    "miou": "Mean IoU",
    "pixel_error": "Pixel error",
    "rand_score": "Rand score",
    "information": "Information (bits)",
}


def setting_curves(
    points: Sequence[Mapping],
    measured: Sequence[Mapping[int, str | Path]],
    metrics: Sequence[str],
    output: str | Path,
) -> dict[str, Path]:
    """Draw metrics against the amount of a setting, a line per series, a column per unit.

    Lines are means over seeds, bands reach from the least to the greatest seed. A point whose unit
    is empty, as that without errors, begins every series.

    Parameters
    ----------
    points : ``series``, ``amount`` and ``unit`` of each experiment
    measured : of each experiment, seed -> file of :func:`segmill.metrics.evaluate`
    metrics : figures of :func:`segmill.metrics.summarise`, a row of panels each
    output : path ending in ``.svg``; PNG and CSV (series, unit, amount, seed, metric, value and its
        bootstrap interval over images) are written beside it

    Raises
    ------
    IntegrityError : names every file without one of the metrics
    """
    data = _collect(points, measured, metrics)
    units = [unit for unit in dict.fromkeys(data["unit"]) if unit] or [""]
    names = list(dict.fromkeys(data.loc[data["unit"].isin(units), "series"]))
    styles = dict(zip(names, line_styles(len(names)), strict=True))
    with publication_style():
        figure = new_figure(TWO_COLUMNS_MM, 12 + ROW_MM * len(metrics))
        grid = figure.subplots(len(metrics), len(units), squeeze=False, sharey="row", sharex="col")
        for line, metric in zip(grid, metrics, strict=True):
            for ax, unit in zip(line, units, strict=True):
                _panel(ax, data[data["metric"] == metric], unit, styles)
            line[0].set_ylabel(METRIC_WORDS.get(metric, metric))
        for ax, unit in zip(grid[-1], units, strict=True):
            ax.set_xlabel(unit[:1].upper() + unit[1:])
        mark_axes(list(grid.flat))
        if names != [""]:
            handles = [figure.axes[0].plot([], [], label=n, **styles[n])[0] for n in names]
            figure.legend(handles=handles, loc="outside lower center", ncols=len(names))
        return save_figure(figure, output, data)


def _collect(points, measured, metrics: Sequence[str]) -> pd.DataFrame:
    parts, problems = [], []
    for point, files in zip(points, measured, strict=True):
        for seed, path in files.items():
            summary = summarise(pd.read_parquet(path)).set_index("metric")
            absent = [metric for metric in metrics if metric not in summary.index]
            if absent:
                found = ", ".join(summary.index)
                problems.append(Problem(str(path), f"the metrics {', '.join(absent)}", found))
                continue
            part = summary.loc[list(metrics), ["value", "low", "high", "images"]].reset_index()
            for place, (key, value) in enumerate(point.items()):
                part.insert(place, key, value)
            part.insert(len(point), "seed", seed)
            parts.append(part)
    raise_problems(problems, "accuracy against a setting")
    return pd.concat(parts, ignore_index=True)


def _panel(ax: Axes, rows: pd.DataFrame, unit: str, styles: Mapping[str, Mapping]) -> None:
    """The series of one unit, each beginning at the points without a unit."""
    common = rows[rows["unit"] == ""] if unit else rows.iloc[:0]
    for name, own in rows[rows["unit"] == unit].groupby("series", sort=False):
        series = pd.concat([common, own])
        draw_band(ax, series, "amount", "value", marker="o", **styles[name])
    ax.set_xlim(left=0)
