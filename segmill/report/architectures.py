"""Networks side by side: how far they see, and what they cost."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.ticker import LogLocator, NullFormatter

from segmill.report.style import (
    BLUE,
    GREY,
    TWO_COLUMNS_MM,
    VERMILION,
    mark_axes,
    new_figure,
    publication_style,
    save_figure,
)

ROW_MM = 7.0
AXES_MM = 20.0


def network_bars(
    measured: str | Path, labels: Mapping[str, str], output: str | Path
) -> dict[str, Path]:
    """Draw receptive field, its effective width, parameters and multiply-adds of networks.

    Parameters
    ----------
    measured : file with a column ``method`` and those of
        :func:`segmill.models.architecture.describe_network`
    labels : words for each method, in the order shown; others are left out
    output : path ending in ``.svg``; PNG and CSV (the file's rows, with a column ``label``) are
        written beside it
    """
    data = pd.read_parquet(measured)
    data = data.set_index("method").loc[list(labels)].reset_index()
    data.insert(1, "label", list(labels.values()))
    places = range(len(data))
    with publication_style():
        figure = new_figure(TWO_COLUMNS_MM, AXES_MM + ROW_MM * len(data))
        seen, cost = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
        field, width = data["receptive_field"], data["effective_width"]
        seen.hlines(places, width, field, color=GREY, lw=1)
        # Hollow, so that what lies on it does not hide it.
        hollow = {"color": BLUE, "fillstyle": "none", "markersize": 6.5}
        seen.plot(field, places, "o", label="receptive field", **hollow)
        seen.plot(width, places, "o", color=VERMILION, label="its effective width")
        cost.plot(data["parameters"], places, "s", label="parameters", **hollow)
        cost.plot(
            data["multiply_adds_per_pixel"],
            places,
            "D",
            color=VERMILION,
            label="multiply-adds per pixel",
        )
        seen.set(xlabel="Pixels", xscale="log", yticks=list(places), ylim=(len(data) - 0.5, -0.5))
        seen.set_yticklabels(data["label"])
        seen.xaxis.set_major_formatter("{x:g}")
        seen.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        seen.xaxis.set_minor_formatter(NullFormatter())
        cost.set(xlabel="Number", xscale="log")
        for ax in (seen, cost):
            ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2)
        mark_axes((seen, cost))
        return save_figure(figure, output, data)
