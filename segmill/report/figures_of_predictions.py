"""Figures of images with what networks found in them.

Each function is a kind of :mod:`segmill.report.figures`, which says what it is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from segmill.report.figures_of_data import Inputs, spread
from segmill.store import open_store

if TYPE_CHECKING:
    from segmill.inference import Predictor


def stages(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
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


def examples(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """Worst, median and best test image with their objects."""
    from segmill.report.ranked import ranked_images

    ranked_images(
        open_store(inputs["store"]),
        open_store(inputs["prediction"]),
        pd.read_parquet(inputs["metrics"]),
        output,
        by=settings.get("by", "seg"),
    )


def false_positives(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """The images with the most objects that no reference object matches."""
    from segmill.report.false_positives import false_positives
    from segmill.report.panels import rows_from_stores

    truths, prediction = open_store(inputs["store"]), open_store(inputs["prediction"])
    counts = pd.read_parquet(inputs["metrics"])
    worst = counts.sort_values(["fp_50", "sample_id"], ascending=[False, True])
    ids = list(worst["sample_id"].iloc[: settings.get("images", 3)])
    false_positives(rows_from_stores(truths, {"Prediction": prediction}, ids), output)


def compared(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """The same images by several methods."""
    from segmill.report.panels import rows_from_stores, truth_against_prediction

    truths = open_store(inputs["store"])
    found = [open_store(path) for path in inputs["predictions"]]
    ids = found[0].table["sample_id"]
    chosen = [str(ids.iloc[i]) for i in spread(found[0], settings.get("images", 3))]
    stores = dict(zip(settings["headings"], found, strict=True))
    truth_against_prediction(rows_from_stores(truths, stores, chosen), output)


def notions(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """Worst, median and best test image by the IoU of one notion."""
    from segmill.report.notion_panels import notion_panels, rows_of_stores

    truths, predictions = open_store(inputs["store"]), open_store(inputs["prediction"])
    chosen = _ranked(settings, inputs)
    rows = rows_of_stores(truths, predictions, list(chosen.values()), list(chosen))
    notion_panels(rows, truths.attributes["notions"], output)


def classes(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """Worst, median and best test image by the IoU of what is not background."""
    from segmill.report.class_panels import class_panels

    truths, predictions = open_store(inputs["store"]), open_store(inputs["prediction"])
    chosen = _ranked(settings, inputs)
    class_panels(truths, predictions, list(chosen.values()), list(chosen), output)


def _ranked(settings: Mapping, inputs: Inputs) -> dict[str, str]:
    """Rank -> sample id of the worst, the median and the best image by IoU."""
    from segmill.report.ranked import ranked_samples, scores_by_image

    counts = pd.read_parquet(inputs["metrics"])
    return ranked_samples(scores_by_image(counts, settings.get("by", "iou")))


def superpixels(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """What a network painted, its superpixels and their mean colours."""
    from segmill.report.superpixel_panels import superpixel_panels, superpixel_rows

    predictions, found = open_store(inputs["predictions"]), open_store(inputs["superpixels"])
    superpixel_panels(superpixel_rows(predictions, found, settings.get("images", 3)), output)
