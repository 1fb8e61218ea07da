"""Overlapping notions of an image drawn on it: image, prediction and truth side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from segmill.clicks import CLICK, NO_CLICK, most_likely_click
from segmill.metrics.regions import iou
from segmill.notions import unpack
from segmill.report.colouring import enlargement, to_rgb
from segmill.report.notion_colours import LEAST_SIDE, notion_colours, notion_overlay
from segmill.report.panels import grid_of_images, head_columns, shortened
from segmill.report.style import publication_style, save_figure
from segmill.store import Store

LEGEND_MM = 6.0


@dataclass(frozen=True)
class NotionRow:
    """One image and what is said of it, all in one pixel frame.

    Attributes
    ----------
    image : (h, w, C)
    masks : heading -> (h, w, K) bool, in the order of the panels
    clicks : heading -> (row, column), None where there is none
    name : sample id
    label : words before it
    ignore : (h, w) bool, True = not annotated
    """

    image: np.ndarray
    masks: Mapping[str, np.ndarray]
    clicks: Mapping[str, tuple[float, float] | None] = field(default_factory=dict)
    name: str = ""
    label: str = ""
    ignore: np.ndarray | None = None


def notion_panels(
    rows: Sequence[NotionRow], notions: Sequence[str], output: str | Path
) -> dict[str, Path]:
    """Draw each row as image, prediction and truth; the foreground is left out, being all of it.

    Parameters
    ----------
    rows : with the masks ``Prediction`` and ``Truth``
    notions : names of the masks, position = channel
    output : path ending in ``.svg``; PNG and CSV (one row per image and notion: area in the truth
        and the prediction, pixels; IoU) are written beside it
    """
    headings = list(rows[0].masks)
    colours = notion_colours(notions)
    with publication_style():
        shapes = [row.image.shape[:2] for row in rows]
        figure, axes = grid_of_images(shapes, 1 + len(headings), below_mm=LEGEND_MM)
        for row, line in zip(rows, axes, strict=True):
            line[0].imshow(to_rgb(row.image))
            line[0].set_xlabel(": ".join(filter(None, (row.label, shortened(row.name)))))
            for ax, heading in zip(line[1:], headings, strict=True):
                ax.imshow(notion_overlay(row.image, row.masks[heading], colours))
                _mark_click(ax, row.clicks.get(heading), row.image.shape[:2])
        head_columns(axes[0], ["Image", *headings])
        handles = [
            Line2D([], [], color=tuple(colour / 255), lw=3, label=notions[k])
            for k, colour in colours.items()
        ]
        if any(click for row in rows for click in row.clicks.values()):
            handles.append(Line2D([], [], color="k", marker="+", lw=0, label=CLICK))
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
        return save_figure(figure, output, _records(rows, notions))


def rows_of_stores(
    truths: Store,
    predictions: Store,
    sample_ids: Sequence[str],
    labels: Sequence[str] = (),
    threshold: float = 0.5,
) -> list[NotionRow]:
    """Rows with the panels Prediction and Truth.

    Parameters
    ----------
    truths : with `notions`, and `target` where clicks are known
    predictions : with `scores`, channels named by the attribute ``notions``
    sample_ids : the images shown
    labels : words before their names
    threshold : a notion is where its score is above this
    """
    known = [list(store.table["sample_id"]) for store in (truths, predictions)]
    rows = []
    for place, name in enumerate(sample_ids):
        t, p = (ids.index(name) for ids in known)
        scores = predictions.scores(p).astype(np.float32)
        rows.append(
            NotionRow(
                image=truths.image(t),
                masks={
                    "Prediction": _predicted(scores, truths, predictions, threshold),
                    "Truth": unpack(truths.notions(t), len(truths.attributes["notions"])),
                },
                clicks={
                    "Prediction": _predicted_click(scores, predictions),
                    "Truth": _true_click(truths, t),
                },
                name=str(name),
                label=labels[place] if labels else "",
                ignore=truths.ignore(t) if "ignore" in truths.fields else None,
            )
        )
    return rows


def _predicted(scores, truths: Store, predictions: Store, threshold: float) -> np.ndarray:
    """(h, w, K) bool in the order of the truth's notions; what nothing predicts is nowhere."""
    names = list(predictions.attributes["notions"])
    wanted = truths.attributes["notions"]
    absent = np.zeros(scores.shape[:2], bool)
    masks = [scores[..., names.index(n)] > threshold if n in names else absent for n in wanted]
    return np.stack(masks, axis=2)


def _predicted_click(scores: np.ndarray, predictions: Store) -> tuple[int, int] | None:
    names = list(predictions.attributes["notions"])
    if CLICK not in names:
        return None
    click = most_likely_click(scores[..., names.index(CLICK)])
    return None if click == NO_CLICK else click


def _true_click(truths: Store, i: int) -> tuple[float, float] | None:
    if "click_row" not in truths.table:
        return None
    click = truths.table[["click_row", "click_column"]].iloc[i].to_numpy(float)
    return None if np.isnan(click).any() else (float(click[0]), float(click[1]))


def _mark_click(ax: Axes, click: tuple[float, float] | None, shape: tuple[int, int]) -> None:
    if click is not None:
        factor = enlargement(shape, LEAST_SIDE)
        row, column = (factor * (place + 0.5) - 0.5 for place in click)
        ax.plot(column, row, "w+", markersize=7, markeredgewidth=2.2)
        ax.plot(column, row, "k+", markersize=6, markeredgewidth=1.0)


def _records(rows: Sequence[NotionRow], notions: Sequence[str]) -> pd.DataFrame:
    records = []
    for row in rows:
        prediction, truth = row.masks["Prediction"], row.masks["Truth"]
        for k, name in enumerate(notions):
            records.append(
                {
                    "label": row.label,
                    "sample_id": row.name,
                    "notion": name,
                    "truth_px": int(truth[..., k].sum()),
                    "prediction_px": int(prediction[..., k].sum()),
                    "iou": iou(prediction[..., k], truth[..., k], row.ignore),
                }
            )
    return pd.DataFrame(records)
