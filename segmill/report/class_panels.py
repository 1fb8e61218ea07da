"""Class maps beside the truth, and where they err."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from segmill.metrics.regions import class_counts, ratio
from segmill.report.colouring import enlarge, enlargement, to_rgb
from segmill.report.panels import grid_of_images, head_columns, shortened
from segmill.report.style import PALETTE, publication_style, save_figure
from segmill.store import Store

LEGEND_MM = 6.0
LEAST_SIDE = 480
OPACITY = 0.55
HEADINGS = ("Image", "Truth", "Prediction", "Errors")


def class_panels(
    truths: Store,
    predictions: Store,
    sample_ids: Sequence[str],
    labels: Sequence[str],
    output: str | Path,
) -> dict[str, Path]:
    """Draw images with true classes, predicted ones, and wrong pixels in the predicted colour.

    Parameters
    ----------
    truths, predictions : with `semantic` of the same classes
    sample_ids : the images shown
    labels : words before their names
    output : path ending in ``.svg``; PNG and CSV (one row per image and class: pixels in the truth
        and the prediction, wrongly predicted ones, IoU) are written beside it
    """
    places = [list(store.table["sample_id"]) for store in (truths, predictions)]
    records = []
    with publication_style():
        chosen = [tuple(ids.index(name) for ids in places) for name in sample_ids]
        shapes = [truths.image(t).shape[:2] for t, _ in chosen]
        figure, axes = grid_of_images(shapes, len(HEADINGS), below_mm=LEGEND_MM)
        for line, (t, p), name, label in zip(axes, chosen, sample_ids, labels, strict=True):
            image, true, found = truths.image(t), truths.semantic(t), predictions.semantic(p)
            ignore = truths.ignore(t) if "ignore" in truths.fields else np.zeros(true.shape, bool)
            wrong = (found != true) & ~ignore
            everywhere = np.ones(true.shape, bool)
            pictures = (
                to_rgb(image),
                painted(image, true, ~ignore),
                painted(image, found, everywhere),
                painted(image, found, wrong),
            )
            for ax, picture in zip(line, pictures, strict=True):
                ax.imshow(picture)
            own = _records(true, found, ignore, truths.classes)
            line[0].set_xlabel(": ".join(filter(None, (label, shortened(name)))), fontsize=6)
            line[2].set_xlabel(
                "IoU " + ", ".join(f"{r['class']} {r['iou']:.2f}" for r in own), fontsize=6
            )
            line[3].set_xlabel(
                f"{100 * wrong.sum() / max(1, (~ignore).sum()):.1f} % of the pixels", fontsize=6
            )
            records += [{"label": label, "sample_id": name, **record} for record in own]
        head_columns(axes[0], HEADINGS)
        handles = [
            Line2D([], [], color=PALETTE[k % len(PALETTE)], lw=3, label=name)
            for k, name in enumerate(truths.classes)
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
        return save_figure(figure, output, pd.DataFrame(records))


def painted(image: np.ndarray, classes: np.ndarray, where: np.ndarray) -> np.ndarray:
    """(h k, w k, 3) uint8: the image with class colours laid over it where `where` is True.

    Parameters
    ----------
    image : (h, w, C)
    classes : (h, w) class ids
    where : (h, w) bool
    """
    factor = enlargement(classes.shape, LEAST_SIDE)
    canvas = enlarge(to_rgb(image), factor).astype(np.float32)
    colours = np.array([_rgb(colour) for colour in PALETTE], np.float32)
    paint = colours[enlarge(classes, factor) % len(colours)]
    inside = enlarge(where, factor)
    canvas[inside] = (1 - OPACITY) * canvas[inside] + OPACITY * paint[inside]
    return np.rint(canvas).astype(np.uint8)


def _rgb(colour: str) -> tuple[int, ...]:
    """Red, green and blue of a colour such as ``#0072B2``."""
    return tuple(bytes.fromhex(colour.removeprefix("#")))


def _records(true, found, ignore, classes: Sequence[str]) -> list[dict]:
    both, either = class_counts(found, true, len(classes), ignore)
    iou = ratio(both, either)
    seen = ~ignore
    return [
        {
            "class": name,
            "truth_px": int(np.count_nonzero((true == k) & seen)),
            "prediction_px": int(np.count_nonzero((found == k) & seen)),
            "wrong_px": int(np.count_nonzero((found == k) & (true != k) & seen)),
            "iou": float(iou[k]),
        }
        for k, name in enumerate(classes)
    ]
