"""What adaptive normalisations have learnt: lambda and mu, layer by layer."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.lines import Line2D

from segmill.errors import ConfigError
from segmill.models.adaptive_norm import adaptive_norms
from segmill.models.bundle import load_model
from segmill.report.style import (
    GREY,
    TWO_COLUMNS_MM,
    line_styles,
    mark_axes,
    new_figure,
    publication_style,
    save_figure,
)

WEIGHTS = {"lambda": "λ, weight of the value", "mu": "μ, weight of the normalised value"}
START = {"lambda": 1.0, "mu": 0.0}


def norm_plots(
    models: Mapping[str, Mapping[int, str | Path]],
    output: str | Path,
    titles: Mapping[str, str] | None = None,
) -> dict[str, Path]:
    """Draw lambda and mu of every adaptive normalisation of several trained networks.

    A bold line is the mean over the seeds, points are the seeds; a grey line is where a training
    starts.

    Parameters
    ----------
    models : ``{experiment: {seed: path of model.pt}}``
    output : path ending in ``.svg``; PNG and CSV (experiment, seed, layer, name, lambda, mu) are
        written beside it
    titles : ``{experiment: words for the legend}``

    Raises
    ------
    ConfigError
        naming the networks without any adaptive normalisation.
    """
    tables = [
        adaptive_norms(load_model(path).model).assign(experiment=experiment, seed=seed)
        for experiment, paths in models.items()
        for seed, path in paths.items()
    ]
    table = pd.concat(tables, ignore_index=True)
    without = [name for name in models if not (table["experiment"] == name).any()]
    if without:
        raise ConfigError(f"{', '.join(without)}: expected adaptive normalisations, found none")
    table = table[["experiment", "seed", "layer", "name", "lambda", "mu"]]
    styles = dict(zip(models, line_styles(len(models)), strict=True))
    with publication_style():
        figure = new_figure(TWO_COLUMNS_MM, 68)
        axes = figure.subplots(1, 2)
        for ax, (weight, label) in zip(axes, WEIGHTS.items(), strict=True):
            ax.axhline(START[weight], color=GREY, lw=0.7, zorder=1)
            for experiment, rows in table.groupby("experiment", sort=False):
                mean = rows.groupby("layer")[weight].mean()
                ax.plot(mean.index, mean, lw=1.6, **styles[experiment])
                colour = styles[experiment]["color"]
                ax.plot(rows["layer"], rows[weight], ".", color=colour, ms=3)
            ax.set(xlabel="Layer", ylabel=label, xticks=sorted(table["layer"].unique()))
        lines = [Line2D([], [], **style) for style in styles.values()]
        names = [(titles or {}).get(name, name) for name in models]
        lines.append(Line2D([], [], color=GREY, lw=0.7))
        figure.legend(lines, [*names, "start"], loc="outside lower center", ncols=3)
        mark_axes(axes)
        return save_figure(figure, output, table)
