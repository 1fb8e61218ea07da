"""A curve over training seeds: their mean, and how far apart they are."""

import pandas as pd
from matplotlib.axes import Axes

OPACITY = 0.15


def draw_band(ax: Axes, rows: pd.DataFrame, x: str, y: str, **style) -> None:
    """Draw the mean over seeds as a line, and a band from the least to the greatest.

    Parameters
    ----------
    rows : one per seed and place on the axis
    x, y : its columns
    style : of the line; `color` is that of the band, too
    """
    over_seeds = rows.groupby(x)[y]
    mean = over_seeds.mean()
    ax.plot(mean.index, mean, **style)
    if (over_seeds.size() > 1).any():
        low, high = over_seeds.min(), over_seeds.max()
        ax.fill_between(mean.index, low, high, color=style["color"], alpha=OPACITY, lw=0)
