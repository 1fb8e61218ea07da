"""Figures of networks: how they learnt, what they are made of, and what was measured of them.

Each function is a kind of :mod:`segmill.report.figures`, which says what it is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from segmill.report.figures_of_data import Inputs


def curves(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """Loss and IoU against epoch of one experiment."""
    from segmill.report.curves import experiment_curves

    histories = dict(zip(settings["seeds"], inputs["histories"], strict=True))
    kept_by = settings.get("kept_by", "iou")
    experiment_curves(histories, output, title=settings["title"], kept_by=kept_by)


def curves_compared(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """Validation loss and IoU of several experiments."""
    from segmill.report.curves import combined_curves

    histories = _by_run(settings, inputs["histories"])
    kept_by = settings.get("kept_by", "iou")
    combined_curves(histories, output, titles=settings["labels"], kept_by=kept_by)


def norms(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """Learnt factors of every adaptive normalisation."""
    from segmill.report.norm_plots import norm_plots

    models = _by_run(settings, inputs["models"])
    norm_plots(models, output, titles=settings["labels"])


def dilations(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """Dilations and receptive field of a context aggregation network."""
    from segmill.models.can import CANOptions
    from segmill.options import build_options
    from segmill.report.dilations import dilation_diagram

    options = build_options(CANOptions, settings["network"], f"the network of {settings['title']}")
    dilation_diagram(options.layers[1], output)


def networks(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """Cost and receptive field of networks."""
    from segmill.report.architectures import network_bars

    network_bars(inputs["measured"][0], settings["labels"], output)


def translation(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """Change of the output against the distance to the border."""
    from segmill.report.invariance_curves import translation_curves

    translation_curves(inputs["measured"][0], settings["labels"], output)


def tiling(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """Difference of tiled and whole prediction against the margin."""
    from segmill.report.invariance_curves import tiling_curves

    tiling_curves(inputs["measured"][0], settings["labels"], output)


def setting_curves(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """Accuracy of experiments against the setting that they differ in."""
    from segmill.report.setting_curves import setting_curves

    points, seeds, files = settings["points"], settings["seeds"], list(inputs["measured"])
    own = [files[k * len(seeds) : (k + 1) * len(seeds)] for k in range(len(points))]
    measured = [dict(zip(seeds, paths, strict=True)) for paths in own]
    setting_curves(points, measured, settings["metrics"], output)


def iou_shares(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """Share of images against the IoU that they reach."""
    from segmill.report.notion_curves import iou_shares

    iou_shares(dict(zip(settings["seeds"], inputs["measured"], strict=True)), output)


def robustness(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """IoU of turned and scaled images."""
    from segmill.report.notion_curves import robustness_curves

    robustness_curves(dict(zip(settings["seeds"], inputs["measured"], strict=True)), output)


def _by_run(settings: Mapping, files: Sequence[str]) -> dict[str, dict[int, str]]:
    """Experiment -> seed -> file, of files in this order."""
    waiting = iter(files)
    seeds = settings["seeds"]
    return {name: {seed: next(waiting) for seed in seeds} for name in settings["experiments"]}
