"""Curves of recognised notions: how many images reach an IoU, and how little turning changes it."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from segmill.errors import Problem, raise_problems
from segmill.metrics.invariance import summarise_robustness
from segmill.metrics.summary import summarise
from segmill.report.bands import draw_band
from segmill.report.style import (
    ONE_COLUMN_MM,
    PALETTE,
    TWO_COLUMNS_MM,
    line_styles,
    mark_axes,
    new_figure,
    publication_style,
    save_figure,
)

SHARE = "share_"
CHANGE_LABELS = {"rotation": "Rotation (degrees)", "scale": "Scale"}


def iou_shares(counts: Mapping[int, str | Path], output: str | Path) -> dict[str, Path]:
    """Draw the share of test images whose IoU of a notion reaches a threshold, against it.

    Images without the notion in truth and prediction are left out. Lines are means over seeds,
    bands reach from the least to the greatest seed.

    Parameters
    ----------
    counts : seed -> file of :func:`segmill.metrics.evaluate`
    output : path ending in ``.svg``; PNG and CSV (seed, notion, threshold, share and its bootstrap
        interval, number of images) are written beside it

    Raises
    ------
    IntegrityError : names every file without such shares
    """
    data = pd.concat([_shares(seed, path) for seed, path in counts.items()], ignore_index=True)
    problems = [
        Problem(str(path), "counts of overlapping notions", "none")
        for seed, path in counts.items()
        if seed not in set(data["seed"])
    ]
    raise_problems(problems, "the shares of images")
    with publication_style():
        figure = new_figure(ONE_COLUMN_MM, 72)
        ax = figure.subplots()
        groups = list(data.groupby("notion", sort=False))
        for (notion, rows), line in zip(groups, line_styles(len(groups)), strict=True):
            images = int(rows["images"].max())
            draw_band(ax, rows, "threshold", "share", label=f"{notion} ({images})", **line)
        ax.set(xlabel="IoU at least", ylabel="Share of images", ylim=(-0.02, 1.02))
        figure.legend(loc="outside lower center", ncols=3, title="notion (images with it)")
        return save_figure(figure, output, data)


def robustness_curves(measured: Mapping[int, str | Path], output: str | Path) -> dict[str, Path]:
    """Draw BIoU_1 of turned and scaled test images against angle and scale.

    Parameters
    ----------
    measured : seed -> file of :func:`segmill.metrics.robustness`
    output : path ending in ``.svg``; PNG and CSV (seed, change, amount, metric, value and its
        bootstrap interval) are written beside it
    """
    parts = []
    for seed, path in measured.items():
        summary = summarise_robustness(pd.read_parquet(path))
        summary.insert(0, "seed", seed)
        parts.append(summary[summary["metric"].str.startswith("biou_1_")])
    data = pd.concat(parts, ignore_index=True)
    with publication_style():
        figure = new_figure(TWO_COLUMNS_MM, 62)
        changes = [change for change in CHANGE_LABELS if (data["change"] == change).any()]
        axes = figure.subplots(1, len(changes), sharey=True, squeeze=False)[0]
        for ax, change in zip(axes, changes, strict=True):
            rows = data[data["change"] == change]
            draw_band(ax, rows, "amount", "value", color=PALETTE[0], marker="o")
            ax.set(xlabel=CHANGE_LABELS[change], ylim=(-0.02, 1.02))
        notion = data["metric"].iloc[0].removeprefix("biou_1_")
        axes[0].set_ylabel(f"IoU of {notion}")
        if "scale" in changes:
            scale = axes[changes.index("scale")]
            scale.set_xscale("log", base=2)
            scale.xaxis.set_major_formatter("{x:g}")
        mark_axes(axes)
        columns = ["seed", "change", "amount", "metric", "value", "low", "high", "images"]
        return save_figure(figure, output, data[columns])


def _shares(seed: int, path: str | Path) -> pd.DataFrame:
    """Seed, notion, threshold, share, low, high, images of the counts of one seed."""
    summary = summarise(pd.read_parquet(path))
    chosen = summary[summary["metric"].str.startswith(SHARE)]
    parts = chosen["metric"].str.removeprefix(SHARE).str.split("_", n=1, expand=True)
    if parts.empty:
        return pd.DataFrame(columns=["seed", "notion", "threshold", "share"])
    return pd.DataFrame(
        {
            "seed": seed,
            "notion": parts[1],
            "threshold": parts[0].astype(int) / 100,
            "share": chosen["value"],
            "low": chosen["low"],
            "high": chosen["high"],
            "images": chosen["images"],
        }
    ).dropna(subset="share")
