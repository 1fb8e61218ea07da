"""What goes into a training: samples of a dataset, the elastic deformation, the weight map."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from matplotlib.colors import BoundaryNorm, ListedColormap, LogNorm

from segmill.augment.elastic import displacement
from segmill.notions import unpack
from segmill.random import generator
from segmill.report.colouring import colour_indices, enlarge, enlargement, overlay, to_rgb
from segmill.report.notion_colours import notion_colours, notion_overlay
from segmill.report.panels import bare, shortened
from segmill.report.style import (
    BLUE,
    ORANGE,
    TWO_COLUMNS_MM,
    colour_bar,
    mark_axes,
    new_figure,
    publication_style,
    save_figure,
)
from segmill.weights import weight_map

CLASS_COLOURS = ("#2B2B2B", BLUE, ORANGE, "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")


def elastic_example(
    image: np.ndarray,
    output: str | Path,
    alpha: float = 60.0,
    sigma: float = 4.0,
    seed: int = 0,
    spacing: int = 16,
) -> dict[str, Path]:
    """Draw an image and its elastic deformation with a grid that moves along, and the field.

    The field is one of :func:`segmill.augment.elastic.displacement`: the pixel at p of the deformed
    image shows the original at p + u(p).

    Parameters
    ----------
    image : (h, w) or (h, w, C)
    output : path ending in ``.svg``; PNG and CSV (u at the grid points, in pixels) beside it
    alpha, sigma : strength, and smoothness in pixels
    seed : of the random field
    spacing : of the grid lines, in pixels
    """
    shape = image.shape[:2]
    field = displacement(generator(seed, "report.elastic"), shape, alpha, sigma)
    factor = enlargement(shape, 600)
    gridded = _with_grid(enlarge(to_rgb(image), factor), spacing * factor)
    fine = cv2.resize(np.moveaxis(field, 0, 2), gridded.shape[1::-1]) * factor
    with publication_style():
        figure = new_figure(TWO_COLUMNS_MM, TWO_COLUMNS_MM / 3.35 * shape[0] / shape[1] + 6)
        axes = figure.subplots(1, 3)
        length = np.hypot(*field)
        pictures = (gridded, _warp(gridded, fine), length)
        titles = ("Original", f"Deformed, α = {alpha:g}, σ = {sigma:g} px", "Displacement")
        for ax, picture, title in zip(axes, pictures, titles, strict=True):
            drawn = ax.imshow(picture, cmap="cividis")
            ax.set_title(title, loc="center")
            bare(ax)
        colour_bar(figure, drawn, axes[2], label="px")
        mark_axes(axes)
        rows, columns = np.mgrid[0 : shape[0] : spacing, 0 : shape[1] : spacing].reshape(2, -1)
        data = {"row": rows, "column": columns}
        data |= {"u_row": field[0, rows, columns], "u_column": field[1, rows, columns]}
        return save_figure(figure, output, pd.DataFrame(data))


def _with_grid(rgb: np.ndarray, spacing: int) -> np.ndarray:
    """Orange lines every `spacing` pixels, drawn on a copy."""
    lines = np.zeros(rgb.shape[:2], bool)
    lines[spacing // 2 :: spacing] = True
    lines[:, spacing // 2 :: spacing] = True
    drawn = rgb.copy()
    drawn[cv2.dilate(lines.astype(np.uint8), np.ones((2, 2))) > 0] = (230, 159, 0)
    return drawn


def _warp(rgb: np.ndarray, field: np.ndarray) -> np.ndarray:
    """The image whose pixel p shows `rgb` at p + field[p]; field (h, w, 2) in rows, columns."""
    rows, columns = np.mgrid[: rgb.shape[0], : rgb.shape[1]].astype(np.float32)
    at = (columns + field[..., 1], rows + field[..., 0])
    return cv2.remap(rgb, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def weight_map_example(
    image: np.ndarray,
    semantic: np.ndarray,
    instances: np.ndarray,
    classes: Sequence[str],
    output: str | Path,
    w0: float = 10.0,
    sigma: float = 5.0,
) -> dict[str, Path]:
    """Draw image, classes and the weight that each pixel has in the cross entropy.

    Parameters
    ----------
    image : (h, w) or (h, w, C)
    semantic : (h, w) uint8 class ids
    instances : (h, w) integer object ids, 0 = background
    classes : names, index = id
    output : path ending in ``.svg``; PNG and CSV (pixels and weights by class) beside it
    w0, sigma : of the border term, see :func:`segmill.weights.weight_map`
    """
    weights = weight_map(semantic, instances, w0=w0, sigma=sigma)
    height, width = image.shape[:2]
    with publication_style():
        figure = new_figure(TWO_COLUMNS_MM, TWO_COLUMNS_MM / 3.8 * height / width + 7)
        axes = figure.subplots(1, 3)
        axes[0].imshow(to_rgb(image))
        count = len(classes)
        norm = BoundaryNorm(np.arange(count + 1) - 0.5, count)
        shown = axes[1].imshow(semantic, cmap=ListedColormap(CLASS_COLOURS[:count]), norm=norm)
        bar = colour_bar(figure, shown, axes[1], ticks=range(count))
        bar.ax.set_yticklabels(classes)
        low, high = weights[weights > 0].min(), weights.max()
        limits = LogNorm(low, max(high, low * 1.01))
        drawn = axes[2].imshow(weights, cmap="cividis", norm=limits)
        ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if low <= t <= high]
        colour_bar(figure, drawn, axes[2], ticks=ticks, format="%g")
        titles = ("Image", "Classes", "Weight of each pixel")
        for ax, title in zip(axes, titles, strict=True):
            ax.set_title(title, loc="center")
            bare(ax)
        mark_axes(axes)
        return save_figure(figure, output, _weights_by_class(semantic, weights, classes))


def _weights_by_class(semantic, weights, classes) -> pd.DataFrame:
    """Number of pixels and least, mean and greatest weight of each class, nan for an absent one."""
    values = pd.DataFrame({"id": semantic.ravel(), "weight": weights.ravel().astype(np.float64)})
    by_class = values.groupby("id")["weight"].agg(["count", "min", "mean", "max"])
    by_class = by_class.reindex(range(len(classes))).reset_index(drop=True)
    by_class.insert(0, "class", list(classes))
    return by_class.assign(count=by_class["count"].fillna(0).astype(int))


def contact_sheet(
    store, indices: Sequence[int], output: str | Path, columns: int = 6
) -> dict[str, Path]:
    """Draw samples of a dataset with their objects or notions outlined.

    Parameters
    ----------
    store : open store with `image`; its `notions`, `instances` or `semantic` are outlined
    indices : the samples shown, in order
    output : path ending in ``.svg``; PNG and CSV (the store's table rows) beside it
    columns : images side by side
    """
    columns = min(columns, len(indices))
    lines = -(-len(indices) // columns)
    images = [store.image(i) for i in indices]
    tallest = max(image.shape[0] / image.shape[1] for image in images)
    with publication_style():
        figure = new_figure(TWO_COLUMNS_MM, lines * (TWO_COLUMNS_MM / columns * tallest + 4.5))
        figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0.0, hspace=0.0)
        axes = figure.subplots(lines, columns, squeeze=False)
        for ax in axes.flat:
            bare(ax)
        for ax, i, image in zip(axes.flat, indices, images, strict=False):
            ax.imshow(_outlined(store, i, image))
            ax.set_xlabel(shortened(str(store.table["sample_id"].iloc[i])), fontsize=5.5)
        return save_figure(figure, output, store.table.iloc[list(indices)])


def _outlined(store, i: int, image: np.ndarray) -> np.ndarray:
    if "notions" in store.fields:
        names = store.attributes["notions"]
        masks = unpack(store.notions(i), len(names))
        return notion_overlay(image, masks, notion_colours(names), opacity=0.0, least_side=300)
    named = [name for name in ("instances", "semantic") if name in store.fields]
    if not named:
        return to_rgb(image)
    labels = store.read(named[0], i)
    return overlay(image, labels, colour_indices(labels), opacity=0.0, least_side=300)
