"""Images, what a network painted of them, the superpixels of that, and their mean colours."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from segmill.errors import Problem, raise_problems
from segmill.metrics.superpixel_tables import images_of
from segmill.metrics.superpixels import boundaries
from segmill.report.panels import grid_of_images, head_columns, shortened
from segmill.report.style import publication_style, save_figure
from segmill.store import Store
from segmill.superpixels import paint_means

HEADINGS = ("Original", "Network output", "Superpixels", "Mean colours")
# Of the borders: told from nearly any photograph.
BORDER = (255, 225, 0)


@dataclass(frozen=True)
class SuperpixelRow:
    """One image, all in one pixel frame.

    Attributes
    ----------
    image : (h, w, C) uint8 or uint16
    painted : (h, w, 3) output of the network, red, green and blue from 0 to 1
    labels : (h, w) superpixels, 1 .. n
    name : sample id
    """

    image: np.ndarray
    painted: np.ndarray
    labels: np.ndarray
    name: str = ""


def superpixel_rows(predictions: Store, found: Store, n: int) -> list[SuperpixelRow]:
    """`n` images spread evenly over a store of predictions, each once, with their superpixels.

    Raises IntegrityError naming every sample that the store of superpixels does not have.
    """
    images = [rows[0] for rows in images_of(predictions).values()]
    n = min(n, len(images))
    chosen = [images[k * len(images) // n] for k in range(n)]
    names = [str(predictions.table["sample_id"].iloc[i]) for i in chosen]
    place = {name: i for i, name in enumerate(found.table["sample_id"])}
    problems = [
        Problem(str(found.path), f"the sample {name}", "none")
        for name in names
        if name not in place
    ]
    raise_problems(problems, "the stores of the panel")
    return [
        SuperpixelRow(
            predictions.image(i), predictions.scores(i), found.instances(place[name]), name
        )
        for i, name in zip(chosen, names, strict=True)
    ]


def superpixel_panels(rows: Sequence[SuperpixelRow], output: str | Path) -> dict[str, Path]:
    """Draw each row as original, network output, borders of the superpixels, and mean colours.

    Parameters
    ----------
    output : path ending in ``.svg``; PNG and CSV are written beside it: a row per image with its
        number of superpixels, and how far network output and mean colours are from the image, root
        mean square of levels from 0 to 1
    """
    with publication_style():
        figure, axes = grid_of_images([row.image.shape[:2] for row in rows], len(HEADINGS))
        records = []
        for line, row in zip(axes, rows, strict=True):
            original = _eight_bits(row.image / np.iinfo(row.image.dtype).max)
            painted = _eight_bits(row.painted)
            means = paint_means(row.labels, original)
            outlined = original.copy()
            outlined[boundaries(row.labels) > 0] = BORDER
            for ax, picture in zip(line, (original, painted, outlined, means), strict=True):
                ax.imshow(picture)
            count = int(np.unique(row.labels).size)
            errors = {"output_rms": _rms(painted, original), "means_rms": _rms(means, original)}
            line[0].set_xlabel(shortened(row.name), fontsize=6)
            line[2].set_xlabel(f"{count} superpixels", fontsize=6)
            records.append({"sample_id": row.name, "superpixels": count, **errors})
        head_columns(axes[0], HEADINGS)
        return save_figure(figure, output, pd.DataFrame(records))


def _eight_bits(colours: np.ndarray) -> np.ndarray:
    """Values from 0 to 1 as (h, w, 3) uint8, not stretched: colours are what is compared."""
    levels = np.rint(255 * np.clip(colours.astype(np.float32), 0, 1)).astype(np.uint8)
    return levels if levels.shape[2] == 3 else np.repeat(levels[:, :, :1], 3, axis=2)


def _rms(found: np.ndarray, image: np.ndarray) -> float:
    return float(np.sqrt(np.mean((found.astype(float) - image) ** 2)) / 255)
