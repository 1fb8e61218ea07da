"""Predictions beside the truth, at several training stages and for good and bad images."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from segmill.errors import Problem, raise_problems
from segmill.metrics.overlap import exclude_ignored
from segmill.metrics.regions import iou
from segmill.metrics.seg import seg_measure
from segmill.report.colouring import colour_indices, overlay, to_rgb
from segmill.report.style import (
    MM_PER_INCH,
    TWO_COLUMNS_MM,
    new_figure,
    publication_style,
    save_figure,
)

CAPTION_MM = 4.0
HEADING_MM = 4.0


@dataclass(frozen=True)
class PanelRow:
    """One image, its truth and its predictions, all in one pixel frame.

    Attributes
    ----------
    image : (h, w, C) or (h, w)
    truth : (h, w) integer object ids, 0 = background
    predictions : ``{heading: (h, w) integer object ids}``, in the order shown
    name : sample id
    label : words before it, for example its rank
    ignore : (h, w) bool, True = not annotated, left out of the scores
    """

    image: np.ndarray
    truth: np.ndarray
    predictions: Mapping[str, np.ndarray] = field(default_factory=dict)
    name: str = ""
    label: str = ""
    ignore: np.ndarray | None = None


def rows_from_stores(
    truths, predictions: Mapping[str, object], sample_ids: Sequence[str]
) -> list[PanelRow]:
    """Rows of a panel from a store of truths and stores of predictions.

    Parameters
    ----------
    truths : open store with `image` and `instances`
    predictions : ``{heading: open store with instances}``; samples are found by `sample_id`
    sample_ids : the images shown

    Raises
    ------
    IntegrityError : names every store and sample that is missing
    """
    stores = {"truth": truths, **predictions}
    places = {
        name: {sample_id: i for i, sample_id in enumerate(store.table["sample_id"])}
        for name, store in stores.items()
    }
    problems = [
        Problem(str(stores[name].path), f"the sample {sample_id}", "no such sample_id")
        for name, place in places.items()
        for sample_id in sample_ids
        if sample_id not in place
    ]
    raise_problems(problems, "the stores of the panel")
    return [
        PanelRow(
            image=truths.image(places["truth"][sample_id]),
            truth=truths.instances(places["truth"][sample_id]),
            predictions={
                name: store.instances(places[name][sample_id])
                for name, store in predictions.items()
            },
            name=str(sample_id),
            ignore=(
                truths.ignore(places["truth"][sample_id]) if "ignore" in truths.fields else None
            ),
        )
        for sample_id in sample_ids
    ]


def truth_against_prediction(rows: Sequence[PanelRow], output: str | Path) -> dict[str, Path]:
    """Draw each row as image, truth and predictions, with the IoU and SEG of each prediction.

    Touching objects differ in colour, and an object keeps its colour along the row.

    Parameters
    ----------
    rows : all with the same headings of predictions
    output : path ending in ``.svg``; PNG and CSV (one row per image and prediction: IoU, SEG,
        numbers of objects) are written beside it

    Raises
    ------
    ValueError : there is no row or no prediction, headings differ, or labels do not fit their image
    """
    headings = _headings(rows)
    with publication_style():
        figure, axes = grid_of_images([row.image.shape[:2] for row in rows], 2 + len(headings))
        records = []
        for row, line in zip(rows, axes, strict=True):
            records += _draw_row(line, row)
        head_columns(axes[0], ["Image", "Truth", *headings])
        return save_figure(figure, output, pd.DataFrame(records))


def image_scores(row: PanelRow, prediction: np.ndarray) -> dict[str, float]:
    """Foreground IoU, SEG and numbers of objects of one image, ignored regions left out."""
    predicted, truth = exclude_ignored(prediction, row.truth, row.ignore)
    return {
        "iou": iou(predicted, truth),
        "seg": seg_measure(predicted, truth),
        "n_reference": int(np.unique(truth[truth > 0]).size),
        "n_predicted": int(np.unique(predicted[predicted > 0]).size),
    }


def _headings(rows: Sequence[PanelRow]) -> list[str]:
    if not rows:
        raise ValueError("a panel needs at least one image")
    headings = list(rows[0].predictions)
    if not headings:
        raise ValueError(f"{rows[0].name}: a panel needs at least one prediction")
    for row in rows:
        if list(row.predictions) != headings:
            found = list(row.predictions)
            raise ValueError(f"{row.name}: expected the predictions {headings}, found {found}")
        for name, labels in {"truth": row.truth, **row.predictions}.items():
            if labels.shape != row.image.shape[:2]:
                found = f"image {row.image.shape[:2]}, {name} {labels.shape}"
                raise ValueError(f"{row.name}: expected one pixel frame, found {found}")
    return headings


def grid_of_images(
    shapes: Sequence[tuple[int, int]], columns: int, below_mm: float = 0.0
) -> tuple[Figure, np.ndarray]:
    """Axes without frames, (rows, columns), each row as high as its image is at full width.

    `below_mm` is left free below the last row, for a legend.
    """
    cell = TWO_COLUMNS_MM / columns
    heights = [cell * h / w + CAPTION_MM for h, w in shapes]
    figure = new_figure(TWO_COLUMNS_MM, sum(heights) + HEADING_MM + below_mm)
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0.0, hspace=0.01)
    axes = figure.subplots(len(shapes), columns, squeeze=False, height_ratios=heights)
    for ax in axes.flat:
        bare(ax)
    return figure, axes


def head_columns(axes: Sequence[Axes], headings: Sequence[str]) -> None:
    """Write a heading above each column of a grid of images, in lines no wider than the column.

    The figure grows by the lines beyond the first, so that the images keep their size.
    """
    cell = TWO_COLUMNS_MM / len(axes)
    size = rcParams["axes.titlesize"]
    # A letter is about half as wide as high; a point is 25.4 / 72 millimetres.
    letters = max(1, int(cell / (0.5 * size * MM_PER_INCH / 72)))
    lines = [textwrap.wrap(heading, letters) or [""] for heading in headings]
    most = max(map(len, lines))
    figure = axes[0].figure
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + (most - 1) * 1.3 * size / 72)
    for ax, words in zip(axes, lines, strict=True):
        ax.set_title("\n".join(words), loc="center")


def shortened(name: str, longest: int = 28) -> str:
    """A sample id that fits below its image: the middle of a long one is left out.

    >>> shortened("a-very-long-name-of-a-sample", 11)
    'a-ver…ample'
    """
    if len(name) <= longest:
        return name
    head = (longest - 1) // 2
    return f"{name[:head]}…{name[len(name) - (longest - 1 - head) :]}"


def bare(ax: Axes) -> None:
    """No frame, ticks or grid: an image speaks for itself."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _draw_row(line: Sequence[Axes], row: PanelRow) -> list[dict]:
    colours = colour_indices(row.truth)
    line[0].imshow(to_rgb(row.image))
    line[0].set_xlabel(": ".join(filter(None, (row.label, shortened(row.name)))), fontsize=6)
    line[1].imshow(overlay(row.image, row.truth, colours))
    line[1].set_xlabel(f"{len(colours)} objects", fontsize=6)
    records = []
    for ax, (heading, labels) in zip(line[2:], row.predictions.items(), strict=True):
        ax.imshow(overlay(row.image, labels, colour_indices(labels, row.truth, colours)))
        scores = image_scores(row, labels)
        ax.set_xlabel(f"IoU {scores['iou']:.2f}, SEG {scores['seg']:.2f}", fontsize=6)
        who = {"label": row.label} if row.label else {}
        records.append({**who, "sample_id": row.name, "prediction": heading, **scores})
    return records
