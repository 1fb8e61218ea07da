"""Cells that the network finds and the reference does not have, and the other way round."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from skimage.segmentation import find_boundaries

from segmill.metrics.matching import match_overlaps
from segmill.metrics.overlap import exclude_ignored, overlaps
from segmill.report.colouring import enlarge, enlargement, to_rgb
from segmill.report.panels import PanelRow, bare
from segmill.report.style import (
    ORANGE,
    PURPLE,
    SKY,
    TWO_COLUMNS_MM,
    VERMILION,
    new_figure,
    publication_style,
    save_figure,
)

MATCHED, UNMATCHED, UNREFERENCED, MISSED = "matched", "unmatched", "without reference", "missed"
COLOURS = {MATCHED: SKY, UNMATCHED: ORANGE, UNREFERENCED: VERMILION, MISSED: PURPLE}
LEGEND = {
    UNREFERENCED: "predicted, nothing in the reference",
    UNMATCHED: "predicted, no match with the reference it touches",
    MATCHED: "predicted and matched",
    MISSED: "reference without match",
}
# A prediction with less than this share of its area on reference objects has none below it.
LEAST_SHARE = 0.1


def classify_objects(
    prediction: np.ndarray,
    truth: np.ndarray,
    ignore: np.ndarray | None = None,
    threshold: float = 0.5,
) -> pd.DataFrame:
    """Say of each predicted object whether it is matched, and of each reference object if missed.

    A predicted object is ``matched`` where :func:`segmill.metrics.match_instances` pairs it at IoU
    >= `threshold`; of the others, one that has less than a tenth of its area on reference objects
    is ``without reference``, and the rest are ``unmatched``: wrong outlines, merged or split
    cells. A reference object in no pair is ``missed``.

    Parameters
    ----------
    prediction, truth : (h, w) integer object ids, 0 = background
    ignore : (h, w) bool, True = not annotated; objects mostly in there are left out

    Returns
    -------
    DataFrame with the columns ``kind``; ``id``, in its label image; ``area_px``; ``row``,
    ``column``, the centroid in pixels; ``best_iou`` with any object of the other label image
    """
    prediction, truth = exclude_ignored(prediction, truth, ignore)
    table = overlaps(prediction, truth)
    pairs = match_overlaps(table, threshold).pairs
    predicted = _objects(prediction, table.prediction_ids, table.prediction, table.iou)
    reference = _objects(truth, table.truth_ids, table.truth, table.iou)
    on_reference = np.bincount(
        table.prediction, weights=table.areas, minlength=len(table.prediction_ids)
    )
    covered = on_reference >= LEAST_SHARE * table.prediction_areas
    matched = np.isin(table.prediction_ids, pairs[:, 0])
    predicted["kind"] = np.where(matched, MATCHED, np.where(covered, UNMATCHED, UNREFERENCED))
    reference["kind"] = np.where(np.isin(table.truth_ids, pairs[:, 1]), MATCHED, MISSED)
    missed = reference[reference["kind"] == MISSED]
    together = pd.concat([predicted, missed], ignore_index=True)
    return together[["kind", "id", "area_px", "row", "column", "best_iou"]]


def _objects(labels, ids, position, values) -> pd.DataFrame:
    """Area, centroid and best overlap of each object, in the order of `ids`."""
    rows, columns = np.nonzero(labels)
    index = np.searchsorted(ids, labels[rows, columns])
    area = np.bincount(index, minlength=len(ids))
    best = np.zeros(len(ids))
    np.maximum.at(best, position, values)
    return pd.DataFrame(
        {
            "id": ids,
            "area_px": area,
            "row": np.bincount(index, weights=rows, minlength=len(ids)) / area,
            "column": np.bincount(index, weights=columns, minlength=len(ids)) / area,
            "best_iou": best,
        }
    )


def false_positives(
    rows: Sequence[PanelRow], output: str | Path, threshold: float = 0.5
) -> dict[str, Path]:
    """Draw predicted objects by their match, with a ring around those without any reference.

    Parameters
    ----------
    rows : images with exactly one prediction each; at most four stand side by side
    output : path ending in ``.svg``; PNG and CSV (one row per object) are written beside it

    Raises
    ------
    ValueError : there is no row, or a row has not exactly one prediction
    """
    if not rows or any(len(row.predictions) != 1 for row in rows):
        raise ValueError("expected at least one image, and exactly one prediction of each")
    columns = min(4, len(rows))
    lines = -(-len(rows) // columns)
    tallest = max(row.image.shape[0] / row.image.shape[1] for row in rows)
    with publication_style():
        figure = new_figure(TWO_COLUMNS_MM, lines * (TWO_COLUMNS_MM / columns * tallest + 6) + 8)
        axes = figure.subplots(lines, columns, squeeze=False)
        tables = []
        for ax in axes.flat:
            bare(ax)
        for ax, row in zip(axes.flat, rows, strict=False):
            tables.append(_draw(ax, row, threshold))
        handles = [_handle(kind, label) for kind, label in LEGEND.items()]
        figure.legend(handles=handles, loc="outside lower center", ncols=2)
        return save_figure(figure, output, pd.concat(tables, ignore_index=True))


def _draw(ax: Axes, row: PanelRow, threshold: float) -> pd.DataFrame:
    ((heading, labels),) = row.predictions.items()
    objects = classify_objects(labels, row.truth, row.ignore, threshold)
    factor = enlargement(row.image.shape[:2], 600)
    canvas = enlarge(to_rgb(row.image), factor)
    for kind in (MATCHED, UNMATCHED, UNREFERENCED, MISSED):
        source = row.truth if kind == MISSED else labels
        ids = objects.loc[objects["kind"] == kind, "id"].to_numpy()
        rim = find_boundaries(enlarge(np.where(np.isin(source, ids), source, 0), factor))
        canvas[rim] = _rgb(COLOURS[kind])
    height, width = row.image.shape[:2]
    ax.imshow(canvas, extent=(-0.5, width - 0.5, height - 0.5, -0.5))
    alone = objects[objects["kind"] == UNREFERENCED]
    for y, x, area in alone[["row", "column", "area_px"]].to_numpy():
        radius = 1.6 * np.sqrt(area / np.pi) + 0.015 * width
        ax.add_patch(Circle((x, y), radius, fill=False, edgecolor=VERMILION, linewidth=1.0))
    ax.set_xlim(-0.5, width - 0.5)
    ax.set_ylim(height - 0.5, -0.5)
    ax.set_title(row.name or heading, loc="center")
    found = f"{len(alone)} of {(objects['kind'] != MISSED).sum()} predicted without reference"
    ax.set_xlabel(found, fontsize=6)
    objects.insert(0, "sample_id", row.name)
    return objects


def _rgb(colour: str) -> tuple[int, int, int]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def _handle(kind: str, label: str) -> Line2D:
    if kind == UNREFERENCED:
        ring = {"marker": "o", "markerfacecolor": "none", "markersize": 6, "linestyle": "none"}
        return Line2D([], [], color=COLOURS[kind], label=label, **ring)
    return Line2D([], [], color=COLOURS[kind], linewidth=1.5, label=label)
