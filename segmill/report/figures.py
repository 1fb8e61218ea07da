"""Figures by kind: which files each is drawn from, and the function that draws it.

Each kind imports what it needs when it is drawn: curves need no network, and importing torch would
take most of the time of their job.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from segmill.errors import ConfigError
from segmill.report import figures_of_data, figures_of_networks, figures_of_predictions
from segmill.report.figures_of_data import Inputs


def draw(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """Draw one figure of a study.

    Parameters
    ----------
    settings : the figure as configured: `kind`, `title` and what the kind needs
    inputs : files by what they are: `histories`, `store`, `model`, `models`, `snapshots`,
        `prediction`, `predictions`, `superpixels`, `synthetic`, `metrics`, `measured`, as far as
        the kind needs them
    output : path ending in ``.svg``; PNG and CSV of the data are written beside it

    Raises
    ------
    ConfigError : the kind is unknown
    IntegrityError, StoreError : a file is missing or is not what it should be
    """
    if settings["kind"] not in KINDS:
        raise ConfigError(f"figure of kind {settings['kind']!r}: known are {sorted(KINDS)}")
    KINDS[settings["kind"]](settings, inputs, output)


KINDS: dict[str, Callable[[Mapping, Inputs, str | Path], None]] = {
    "curves": figures_of_networks.curves,
    "curves_compared": figures_of_networks.curves_compared,
    "stages": figures_of_predictions.stages,
    "examples": figures_of_predictions.examples,
    "false_positives": figures_of_predictions.false_positives,
    "elastic": figures_of_data.elastic,
    "weights": figures_of_data.weights,
    "samples": figures_of_data.samples,
    "alignment": figures_of_data.alignment,
    "compared": figures_of_predictions.compared,
    "dilations": figures_of_networks.dilations,
    "imitation": figures_of_data.imitation,
    "notions": figures_of_predictions.notions,
    "iou_shares": figures_of_networks.iou_shares,
    "robustness": figures_of_networks.robustness,
    "networks": figures_of_networks.networks,
    "translation": figures_of_networks.translation,
    "tiling": figures_of_networks.tiling,
    "label_errors": figures_of_networks.setting_curves,
    "training_sizes": figures_of_networks.setting_curves,
    "classes": figures_of_predictions.classes,
    "sources": figures_of_data.sources,
    "dataset": figures_of_data.dataset,
    "superpixels": figures_of_predictions.superpixels,
    "superpixel_numbers": figures_of_data.superpixel_numbers,
    "norms": figures_of_networks.norms,
}
