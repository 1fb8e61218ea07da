"""Learning curves: loss and IoU against epoch, training and validation."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from segmill.report.histories import (
    COLUMNS,
    HistoryFiles,
    best_epoch,
    mean_over_seeds,
    rate_changes,
    read_histories,
    switch_epoch,
)
from segmill.report.style import (
    BLACK,
    GREY,
    PHASE_COLOURS,
    TWO_COLUMNS_MM,
    line_styles,
    mark_axes,
    new_figure,
    publication_style,
    save_figure,
)

AXIS_LABELS = {"loss": "Loss", "iou": "Foreground IoU"}
PHASE_LABELS = {"train": "training", "val": "validation"}


def experiment_curves(
    files: Mapping[int, str | Path],
    output: str | Path,
    title: str = "",
    kept_by: str = "iou",
) -> dict[str, Path]:
    """Draw loss and IoU against epoch for one experiment, training and validation.

    A network that learns values has no IoU: its loss is drawn alone.

    A bold line is the mean over the seeds, a thin one each seed. Circles mark the epoch whose
    weights were kept, a dashed line the first epoch of the harder level of a curriculum, dotted
    lines changes of the learning rate.

    Parameters
    ----------
    files : ``{seed: path of history.parquet}``
    output : path ending in ``.svg``; PNG and CSV are written beside it
    title : what was trained, in the words of the study
    kept_by : the validation quantity that chose the kept epoch: ``"iou"`` (greatest) or ``"loss"``
        (least)

    Raises
    ------
    IntegrityError : names every history that is missing or malformed
    """
    history = read_histories({title or "experiment": files})
    with publication_style():
        figure = _draw_experiment(history, title, kept_by)
        return save_figure(figure, output, _curve_data(history, kept_by))


def combined_curves(
    files: HistoryFiles,
    output: str | Path,
    titles: Mapping[str, str] | None = None,
    kept_by: str = "iou",
) -> dict[str, Path]:
    """Draw validation loss and IoU of several experiments against epoch, in one figure.

    Lines are means over the seeds, bands reach from the least to the greatest seed.

    Parameters
    ----------
    files : ``{experiment: {seed: path of history.parquet}}``, in the order of the legend
    output : path ending in ``.svg``; PNG and CSV are written beside it
    titles : ``{experiment: words for the legend}``
    kept_by : see :func:`experiment_curves`

    Raises
    ------
    IntegrityError : names every history that is missing or malformed
    """
    history = read_histories(files)
    with publication_style():
        figure = _draw_combined(history, list(files), titles or {})
        return save_figure(figure, output, _curve_data(history, kept_by))


def _curve_data(history: pd.DataFrame, kept_by: str = "iou") -> pd.DataFrame:
    """The drawn values, a row per experiment, seed, epoch, phase; `kept` marks the epoch kept."""
    data = history[["experiment", "seed", *COLUMNS]].copy()
    kept = {key: best_epoch(run, kept_by) for key, run in data.groupby(["experiment", "seed"])}
    runs = zip(data["experiment"], data["seed"], strict=True)
    data["kept"] = [epoch == kept[run] for run, epoch in zip(runs, data["epoch"], strict=True)]
    return data


def _draw_experiment(history: pd.DataFrame, title: str, kept_by: str) -> Figure:
    quantities = _measured(history)
    figure = new_figure(TWO_COLUMNS_MM, 62)
    axes = figure.subplots(1, len(quantities), squeeze=False)[0]
    for ax, quantity in zip(axes, quantities, strict=True):
        _draw_phases(ax, history, quantity)
        _mark_rates(ax, history)
        _mark_runs(ax, history, quantity, kept_by)
        _label_axes(ax, quantity)
    mark_axes(axes)
    seeds = history["seed"].nunique()
    figure.legend(handles=_experiment_legend(history), loc="outside lower center", ncols=6)
    note = f"{seeds} training seeds" if seeds > 1 else "1 training seed"
    figure.suptitle(f"{title} ({note})" if title else note, x=0.01, ha="left")
    return figure


def _measured(history: pd.DataFrame) -> list[str]:
    """What there is to draw: a network that learns values has no IoU."""
    return [quantity for quantity in AXIS_LABELS if history[quantity].notna().any()]


def _draw_phases(ax: Axes, history: pd.DataFrame, quantity: str) -> None:
    several = history["seed"].nunique() > 1
    for phase, colour in PHASE_COLOURS.items():
        part = history[history["phase"] == phase]
        if several:
            for _, run in part.groupby("seed"):
                ax.plot(run["epoch"], run[quantity], color=colour, linewidth=0.5, alpha=0.4)
        mean = mean_over_seeds(part, quantity)["mean"]
        ax.plot(mean.index, mean, color=colour, zorder=3)


def _mark_rates(ax: Axes, history: pd.DataFrame) -> None:
    """Dotted lines at changes of the learning rate, each segment's rate above the axes.

    A rate that changes at more than eight epochs is a schedule of its own, and is not marked.
    """
    changes = rate_changes(history)
    if len(changes) > 8:
        return
    last = history["epoch"].max()
    ends = [epoch for epoch, _ in changes[1:]] + [last]
    widths = [end - start for (start, _), end in zip(changes, ends, strict=True)]
    for i, ((start, rate), end) in enumerate(zip(changes, ends, strict=True)):
        if i:
            ax.axvline(start, color=GREY, linestyle=":", linewidth=0.6, zorder=1)
        if end - start >= 0.07 * last:
            text = f"{rate:.0e}".replace("e-0", "e-")
            text = f"LR {text}" if widths.index(max(widths)) == i else text
            ax.text(
                (start + end) / 2,
                1.005,
                text,
                transform=ax.get_xaxis_transform(),
                ha="center",
                va="bottom",
                color=GREY,
                fontsize=5.5,
            )


def _mark_runs(ax: Axes, history: pd.DataFrame, quantity: str, kept_by: str) -> None:
    for _, run in history.groupby("seed"):
        kept = best_epoch(run, kept_by)
        value = run.loc[(run["phase"] == "val") & (run["epoch"] == kept), quantity]
        ax.plot(
            [kept], value, "o", markerfacecolor="white", markeredgecolor=BLACK, zorder=4, ms=3.8
        )
        switch = switch_epoch(run)
        if switch is not None:
            ax.axvline(switch, color=BLACK, linestyle="--", linewidth=0.6, zorder=2)


def _label_axes(ax: Axes, quantity: str) -> None:
    ax.set_xlabel("Epoch")
    ax.set_ylabel(AXIS_LABELS[quantity])
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.margins(x=0.02)
    if quantity == "iou":
        ax.set_ylim(0.0, 1.0)


def _experiment_legend(history: pd.DataFrame) -> list[Line2D]:
    handles = [
        Line2D([], [], color=colour, label=PHASE_LABELS[phase])
        for phase, colour in PHASE_COLOURS.items()
    ]
    if history["seed"].nunique() > 1:
        handles.append(Line2D([], [], color=GREY, linewidth=0.5, label="each seed"))
    marker = {"marker": "o", "markerfacecolor": "white", "markeredgecolor": BLACK, "ms": 3.8}
    handles.append(Line2D([], [], linestyle="none", label="weights kept", **marker))
    if any(switch_epoch(run) is not None for _, run in history.groupby("seed")):
        line = Line2D(
            [], [], color=BLACK, linestyle="--", linewidth=0.6, label="harder level starts"
        )
        handles.append(line)
    if 1 < len(rate_changes(history)) <= 8:
        label = "change of learning rate (LR)"
        handles.append(Line2D([], [], color=GREY, linestyle=":", linewidth=0.6, label=label))
    return handles


def _draw_combined(
    history: pd.DataFrame, experiments: list[str], titles: Mapping[str, str]
) -> Figure:
    rows = -(-len(experiments) // 3)
    quantities = _measured(history)
    figure = new_figure(TWO_COLUMNS_MM, 66 + 4 * rows)
    axes = figure.subplots(1, len(quantities), squeeze=False)[0]
    validation = history[history["phase"] == "val"]
    for ax, quantity in zip(axes, quantities, strict=True):
        for name, line in zip(experiments, line_styles(len(experiments)), strict=True):
            part = validation[validation["experiment"] == name]
            over_seeds = mean_over_seeds(part, quantity)
            if part["seed"].nunique() > 1:
                band = (over_seeds.index, over_seeds["low"], over_seeds["high"])
                ax.fill_between(*band, color=line["color"], alpha=0.13, linewidth=0)
            ax.plot(over_seeds.index, over_seeds["mean"], label=titles.get(name, name), **line)
        _label_axes(ax, quantity)
        ax.set_ylabel(f"Validation {AXIS_LABELS[quantity][0].lower()}{AXIS_LABELS[quantity][1:]}")
    mark_axes(axes)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(3, len(experiments)))
    return figure
