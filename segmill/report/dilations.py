"""How dilated convolutions reach: the taps of each layer, and the receptive field that grows."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

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


def dilation_diagram(dilations: Sequence[int], output: str | Path) -> dict[str, Path]:
    """Draw which pixels of each layer a pixel of the output reads, and the receptive field.

    Parameters
    ----------
    dilations : of the 3x3 convolutions, in order; a 1x1 convolution follows
    output : path ending in ``.svg``; PNG and CSV (layer, dilation, receptive field behind it in
        pixels) are written beside it
    """
    fields = 1 + 2 * np.cumsum(dilations)
    layers = np.arange(1, len(dilations) + 1)
    with publication_style():
        figure = new_figure(TWO_COLUMNS_MM, 62)
        left, right = figure.subplots(1, 2, width_ratios=(3, 2))
        _draw_taps(left, dilations)
        right.plot(layers, fields, "o-", color=BLUE)
        for layer, field in zip(layers, fields, strict=True):
            right.annotate(
                f"{field}", (layer, field), (0, 4), textcoords="offset points", ha="right"
            )
        right.set(xlabel="Layer", ylabel="Receptive field (pixels)", xticks=layers)
        right.margins(0.08, 0.12)
        mark_axes([left, right])
        data = pd.DataFrame({"layer": layers, "dilation": dilations, "receptive_field": fields})
        return save_figure(figure, output, data)


def _draw_taps(ax, dilations: Sequence[int]) -> None:
    """The path of one output pixel, along one axis, from the last layer down to the image."""
    reached = {0}
    for layer in range(len(dilations), 0, -1):
        dilation = dilations[layer - 1]
        below = {x + shift for x in reached for shift in (-dilation, 0, dilation)}
        for x in sorted(reached):
            for shift in (-dilation, 0, dilation):
                ax.plot([x, x + shift], [layer, layer - 1], color=GREY, lw=0.2, zorder=1)
        ax.plot(sorted(reached), [layer] * len(reached), ".", color=BLUE, ms=3, zorder=2)
        reached = below
    ax.plot(sorted(reached), [0] * len(reached), ".", color=VERMILION, ms=2, zorder=2)
    labels = ["image", *(f"{k + 1}: dilation {d}" for k, d in enumerate(dilations))]
    ax.set(xlabel="Pixels along an axis", yticks=range(len(labels)), yticklabels=labels)
    ax.grid(False)
