"""Figures by kind: which files each is drawn from, and the function that draws it.

Each kind imports what it needs when it is drawn: curves need no network, and importing torch would
take most of the time of their job.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from segmill.errors import ConfigError
from segmill.store import Store, open_store

if TYPE_CHECKING:
    from segmill.inference import Predictor

Inputs = Mapping[str, str]


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


def _curves(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    from segmill.report.curves import experiment_curves

    histories = dict(zip(settings["seeds"], inputs["histories"], strict=True))
    kept_by = settings.get("kept_by", "iou")
    experiment_curves(histories, output, title=settings["title"], kept_by=kept_by)


def _curves_compared(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    from segmill.report.curves import combined_curves

    histories = _by_run(settings, inputs["histories"])
    kept_by = settings.get("kept_by", "iou")
    combined_curves(histories, output, titles=settings["labels"], kept_by=kept_by)


def _stages(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """Predictions of the same images by the weights of several epochs."""
    from segmill.models.bundle import read_plain
    from segmill.report.panels import PanelRow, truth_against_prediction

    truths = open_store(inputs["store"])
    chosen = truths.where(split="test")[: settings.get("images", 3)]
    snapshots = read_plain(inputs["snapshots"], "snapshots of a training")
    predictors = {
        epoch: _predictor(inputs["model"], snapshots[epoch], settings) for epoch in snapshots
    }
    last = max(predictors)
    headings = {
        epoch: f"Epoch {epoch}" + (" (end)" if epoch == last else "") for epoch in predictors
    }
    rows = [
        PanelRow(
            image=truths.image(i),
            truth=truths.instances(i),
            predictions={
                headings[epoch]: predictor.predict(truths.image(i)).instances
                for epoch, predictor in predictors.items()
            },
            name=str(truths.table["sample_id"].iloc[i]),
            ignore=truths.ignore(i) if "ignore" in truths.fields else None,
        )
        for i in chosen
    ]
    truth_against_prediction(rows, output)


def _predictor(model: str, weights: dict, settings: Mapping) -> Predictor:
    """A predictor as the study predicts, with the weights of one epoch."""
    from segmill.inference import Predictor
    from segmill.models.bundle import load_model

    predictor = Predictor.load(model, **(settings.get("prediction") or {}))
    bundle = load_model(model)
    bundle.model.load_state_dict(weights)
    network = predictor.networks[0]
    return Predictor(
        [type(network)(bundle, network.device, network.precision)],
        predictor.tiling,
        predictor.tta,
        predictor.instance_options,
        predictor.particle_options,
    )


def _examples(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    from segmill.report.ranked import ranked_images

    ranked_images(
        open_store(inputs["store"]),
        open_store(inputs["prediction"]),
        pd.read_parquet(inputs["metrics"]),
        output,
        by=settings.get("by", "seg"),
    )


def _false_positives(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """The images with the most objects that no reference object matches."""
    from segmill.report.false_positives import false_positives
    from segmill.report.panels import rows_from_stores

    truths, prediction = open_store(inputs["store"]), open_store(inputs["prediction"])
    counts = pd.read_parquet(inputs["metrics"])
    worst = counts.sort_values(["fp_50", "sample_id"], ascending=[False, True])
    ids = list(worst["sample_id"].iloc[: settings.get("images", 3)])
    false_positives(rows_from_stores(truths, {"Prediction": prediction}, ids), output)


def _elastic(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    from segmill.report.examples import elastic_example

    store = open_store(inputs["store"])
    image = store.image(settings.get("sample", 0))
    elastic_example(image, output, alpha=settings["alpha"], sigma=settings["sigma"])


def _weights(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    from segmill.report.examples import weight_map_example

    store = open_store(inputs["store"])
    i = settings.get("sample", 0)
    weight_map_example(
        store.image(i),
        store.semantic(i),
        store.instances(i),
        store.classes,
        output,
        w0=settings["w0"],
        sigma=settings["sigma"],
    )


def _samples(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    from segmill.report.examples import contact_sheet

    store = open_store(inputs["store"])
    contact_sheet(store, _spread(store, settings.get("images", 8)), output, columns=4)


def _notions(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """Worst, median and best test image by the IoU of one notion."""
    from segmill.report.notion_panels import notion_panels, rows_of_stores
    from segmill.report.ranked import ranked_samples, scores_by_image

    truths, predictions = open_store(inputs["store"]), open_store(inputs["prediction"])
    scores = scores_by_image(pd.read_parquet(inputs["metrics"]), settings.get("by", "iou"))
    chosen = ranked_samples(scores)
    rows = rows_of_stores(truths, predictions, list(chosen.values()), list(chosen))
    notion_panels(rows, truths.attributes["notions"], output)


def _alignment(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """One sweep: that of the settings, else the first that the method does not refuse."""
    from segmill.classical import AlignmentOptions
    from segmill.classical.alignment_producer import align_group
    from segmill.options import build_options
    from segmill.report.alignment_plots import alignment_plots

    store = open_store(inputs["store"])
    options = build_options(AlignmentOptions, settings["options"], "options of an alignment")
    wanted = (
        [settings["group"]] if "group" in settings else list(dict.fromkeys(store.table["group"]))
    )
    reasons = []
    for group in wanted:
        _, found = align_group(store, group, options)
        if not found.failed:
            alignment_plots(found, output, title=str(group))
            return
        reasons.append(f"{group}: {found.reason}")
    raise ConfigError(f"{store.path} has no sweep that can be aligned:\n" + "\n".join(reasons))


def _compared(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """The same images by several methods."""
    from segmill.report.panels import rows_from_stores, truth_against_prediction

    truths = open_store(inputs["store"])
    found = [open_store(path) for path in inputs["predictions"]]
    ids = found[0].table["sample_id"]
    chosen = [str(ids.iloc[i]) for i in _spread(found[0], settings.get("images", 3))]
    stores = dict(zip(settings["headings"], found, strict=True))
    truth_against_prediction(rows_from_stores(truths, stores, chosen), output)


def _dilations(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    from segmill.models.can import CANOptions
    from segmill.options import build_options
    from segmill.report.dilations import dilation_diagram

    options = build_options(CANOptions, settings["network"], f"the network of {settings['title']}")
    dilation_diagram(options.layers[1], output)


def _imitation(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    from segmill.report.imitation import side_by_side

    real, synthetic = open_store(inputs["store"]), open_store(inputs["synthetic"])
    pairs = [(i, i) for i in range(min(settings.get("images", 2), len(real), len(synthetic)))]
    side_by_side(real, synthetic, output, pairs)


def _iou_shares(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    from segmill.report.notion_curves import iou_shares

    iou_shares(dict(zip(settings["seeds"], inputs["measured"], strict=True)), output)


def _robustness(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    from segmill.report.notion_curves import robustness_curves

    robustness_curves(dict(zip(settings["seeds"], inputs["measured"], strict=True)), output)


def _dataset(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    from segmill.report.dataset_plots import dataset_figure

    dataset_figure(inputs["store"], output)


def _superpixels(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    from segmill.report.superpixel_panels import superpixel_panels, superpixel_rows

    predictions, found = open_store(inputs["predictions"]), open_store(inputs["superpixels"])
    superpixel_panels(superpixel_rows(predictions, found, settings.get("images", 3)), output)


def _superpixel_numbers(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    from segmill.report.superpixel_curves import superpixel_curves

    superpixel_curves(pd.read_parquet(inputs["measured"]), output)


def _norms(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    from segmill.report.norm_plots import norm_plots

    models = _by_run(settings, inputs["models"])
    norm_plots(models, output, titles=settings["labels"])


def _by_run(settings: Mapping, files: Sequence[str]) -> dict[str, dict[int, str]]:
    """Experiment -> seed -> file, of files in this order."""
    waiting = iter(files)
    seeds = settings["seeds"]
    return {name: {seed: next(waiting) for seed in seeds} for name in settings["experiments"]}


def _networks(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    from segmill.report.architectures import network_bars

    network_bars(inputs["measured"][0], settings["labels"], output)


def _translation(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    from segmill.report.invariance_curves import translation_curves

    translation_curves(inputs["measured"][0], settings["labels"], output)


def _tiling(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    from segmill.report.invariance_curves import tiling_curves

    tiling_curves(inputs["measured"][0], settings["labels"], output)


def _setting_curves(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """Accuracy of experiments against the setting that they differ in."""
    from segmill.report.setting_curves import setting_curves

    points, seeds, files = settings["points"], settings["seeds"], list(inputs["measured"])
    own = [files[k * len(seeds) : (k + 1) * len(seeds)] for k in range(len(points))]
    measured = [dict(zip(seeds, paths, strict=True)) for paths in own]
    setting_curves(points, measured, settings["metrics"], output)


def _classes(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """Worst, median and best test image by the IoU of what is not background."""
    from segmill.report.class_panels import class_panels
    from segmill.report.ranked import ranked_samples, scores_by_image

    truths, predictions = open_store(inputs["store"]), open_store(inputs["prediction"])
    scores = scores_by_image(pd.read_parquet(inputs["metrics"]), settings.get("by", "iou"))
    chosen = ranked_samples(scores)
    class_panels(truths, predictions, list(chosen.values()), list(chosen), output)


def _sources(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """A whole image of the sky, before its reader cuts it into tiles."""
    from segmill.datasets.download import locate
    from segmill.datasets.readers.sources import Reader
    from segmill.report.source_panels import source_panels

    config = settings["config"]
    reader = Reader(config, locate(config, f"results/downloads/{config['name']}"))
    source_panels(*reader.whole, reader.detection, output)


def _spread(store: Store, n: int) -> list[int]:
    """`n` samples spread evenly over a store."""
    n = min(n, len(store))
    return [k * len(store) // n for k in range(n)]


KINDS: dict[str, Callable[[Mapping, Inputs, str | Path], None]] = {
    "curves": _curves,
    "curves_compared": _curves_compared,
    "stages": _stages,
    "examples": _examples,
    "false_positives": _false_positives,
    "elastic": _elastic,
    "weights": _weights,
    "samples": _samples,
    "alignment": _alignment,
    "compared": _compared,
    "dilations": _dilations,
    "imitation": _imitation,
    "notions": _notions,
    "iou_shares": _iou_shares,
    "robustness": _robustness,
    "networks": _networks,
    "translation": _translation,
    "tiling": _tiling,
    "label_errors": _setting_curves,
    "training_sizes": _setting_curves,
    "classes": _classes,
    "sources": _sources,
    "dataset": _dataset,
    "superpixels": _superpixels,
    "superpixel_numbers": _superpixel_numbers,
    "norms": _norms,
}
