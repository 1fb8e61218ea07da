"""What a dataset holds, as tables and a figure: image sizes, objects per image, categories."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from segmill.report.style import (
    BLUE,
    GREEN,
    TWO_COLUMNS_MM,
    VERMILION,
    mark_axes,
    new_figure,
    publication_style,
    save_figure,
)
from segmill.store import Store, open_store

# Categories that the figure names; the table has all of them.
MOST_CATEGORIES = 20
ALL = "all"
COLOURS = {"train": BLUE, "val": VERMILION, "test": GREEN}
# Numbers of objects from which the axis is logarithmic.
MANY = 100


def dataset_samples(store: Store | str | Path) -> pd.DataFrame:
    """One row per sample of a store: sample_id, split, height, width, objects, class_counts.

    `objects` and `class_counts` (class -> number of objects) are the source's where it has counted
    them (COCO), and else those of the `instances` that are seen in the store; the class of an
    object is the commonest of its pixels in `semantic`. `objects` is missing without instances.
    """
    store = open_store(store) if isinstance(store, str | Path) else store
    table = store.table[["sample_id", "split"]].copy()
    table["height"], table["width"] = store.extent.T
    if "class_counts" in store.table and "objects" in store.table:
        counts: Iterable[dict] = map(json.loads, store.table["class_counts"])
        table["objects"] = store.table["objects"]
    elif "instances" in store.fields:
        seen = [_count(store, i) for i in range(len(store))]
        counts = [own for _, own in seen]
        table["objects"] = [number for number, _ in seen]
    else:
        return table.assign(objects=np.nan, class_counts=[{} for _ in range(len(table))])
    return table.assign(class_counts=list(counts))


def _count(store: Store, i: int) -> tuple[int, dict[str, int]]:
    """Number of objects in a sample, and of those of each class."""
    instances = store.instances(i)
    inside = instances > 0
    ids, place = np.unique(instances[inside], return_inverse=True)
    if "semantic" not in store.fields or not store.classes:
        return ids.size, {}
    classes = np.bincount(place * 256 + store.semantic(i)[inside], minlength=ids.size * 256)
    commonest = classes.reshape(-1, 256).argmax(axis=1)
    names = [store.classes[k] for k in commonest.tolist()]
    return ids.size, dict(Counter(names))


def dataset_table(store: Store | str | Path) -> pd.DataFrame:
    """Numbers of a dataset, split by split and altogether.

    Returns
    -------
    Columns: split; images; empty, images without object; objects; objects_per_image (mean),
    objects_median, objects_most; height_least, height_most, width_least, width_most (px);
    categories, classes of which there is an object. The last row, split `all`, is the whole.
    """
    samples = dataset_samples(store)
    splits = [(split, samples[samples["split"] == split]) for split in samples["split"].unique()]
    rows = [_summary(split, own) for split, own in [*splits, (ALL, samples)]]
    return pd.DataFrame(rows)


def _summary(split: str, samples: pd.DataFrame) -> dict:
    objects = samples["objects"]
    known = bool(objects.notna().all())
    named = {name for counts in samples["class_counts"] for name in counts}
    return {
        "split": split,
        "images": len(samples),
        "empty": int((objects == 0).sum()) if known else None,
        "objects": int(objects.sum()) if known else None,
        "objects_per_image": float(objects.mean()),
        "objects_median": float(objects.median()),
        "objects_most": float(objects.max()),
        "height_least": int(samples["height"].min()),
        "height_most": int(samples["height"].max()),
        "width_least": int(samples["width"].min()),
        "width_most": int(samples["width"].max()),
        "categories": len(named),
    }


def category_table(store: Store | str | Path) -> pd.DataFrame:
    """Objects, and images with at least one, of each category: split, category, objects, images.

    Categories are in the order of all their objects, the commonest first; split `all` is the whole.
    """
    return _categories(dataset_samples(store))


def _categories(samples: pd.DataFrame) -> pd.DataFrame:
    columns = ["split", "category", "objects", "images"]
    rows = [
        (split, name, number, 1)
        for split, counts in zip(samples["split"], samples["class_counts"], strict=True)
        for name, number in counts.items()
    ]
    if not rows:
        return pd.DataFrame({name: [] for name in columns})
    table = pd.DataFrame(rows, columns=columns)
    total = table.assign(split=ALL)
    summed = pd.concat([table, total]).groupby(["split", "category"], as_index=False).sum()
    rank = summed[summed["split"] == ALL].set_index("category")["objects"]
    order = {name: k for k, (_, name) in enumerate(sorted((-n, name) for name, n in rank.items()))}
    summed = summed.assign(rank=summed["category"].map(order))
    return summed.sort_values(["rank", "split"])[columns].reset_index(drop=True)


def dataset_figure(store: Store | str | Path, output: str | Path) -> dict[str, Path]:
    """Draw image sizes, numbers of objects per image and the commonest categories of a store.

    Parameters
    ----------
    output : path ending in ``.svg``; PNG and CSV are written beside it

    Returns
    -------
    paths by kind, see :func:`segmill.report.style.save_figure`. The CSV has a row per drawn value:
    panel (sizes, objects, categories), split, x, y, images: width and height in px; number of
    objects and number of images; category and number of objects.
    """
    samples = dataset_samples(store)
    data = pd.concat(
        [_size_points(samples), _object_points(samples), _category_points(samples)],
        ignore_index=True,
    )
    panels = [name for name in ("sizes", "objects", "categories") if (data["panel"] == name).any()]
    draw = {"sizes": _draw_sizes, "objects": _draw_objects, "categories": _draw_categories}
    with publication_style():
        figure = new_figure(TWO_COLUMNS_MM, 70)
        axes = figure.subplots(1, len(panels), squeeze=False)[0]
        for ax, name in zip(axes, panels, strict=True):
            draw[name](ax, data[data["panel"] == name])
        mark_axes(axes)
        return save_figure(figure, output, data)


def _size_points(samples: pd.DataFrame) -> pd.DataFrame:
    """Each size that occurs, and how often."""
    sizes = samples.groupby(["split", "width", "height"], as_index=False, sort=True).size()
    return pd.DataFrame(
        {
            "panel": "sizes",
            "split": sizes["split"],
            "x": sizes["width"],
            "y": sizes["height"],
            "images": sizes["size"],
        }
    )


def _object_points(samples: pd.DataFrame) -> pd.DataFrame:
    """Each number of objects that occurs, and how often."""
    known = samples[samples["objects"].notna()]
    counts = known.groupby(["split", "objects"], as_index=False, sort=True).size()
    return pd.DataFrame(
        {
            "panel": "objects",
            "split": counts["split"],
            "x": counts["objects"],
            "y": counts["size"],
            "images": counts["size"],
        }
    )


def _category_points(samples: pd.DataFrame) -> pd.DataFrame:
    """Objects of the commonest categories, the commonest first."""
    table = _categories(samples)
    shown = table["category"].drop_duplicates().iloc[:MOST_CATEGORIES]
    table = table[table["category"].isin(shown) & (table["split"] != ALL)]
    return pd.DataFrame(
        {
            "panel": "categories",
            "split": table["split"],
            "x": table["category"],
            "y": table["objects"],
            "images": table["images"],
        }
    )


def _draw_sizes(ax: Axes, data: pd.DataFrame) -> None:
    for split, rows in data.groupby("split", sort=False):
        area = 6 + 60 * rows["images"] / data["images"].max()
        label = f"{split} ({rows['images'].sum():.0f})"
        x, y = rows["x"].astype(float), rows["y"].astype(float)
        ax.scatter(x, y, s=area, color=COLOURS[split], alpha=0.5, lw=0, label=label)
    ax.set(xlabel="Width (px)", ylabel="Height (px)")
    ax.margins(0.12)
    ax.legend(title="split (images)", loc="best")


def _draw_objects(ax: Axes, data: pd.DataFrame) -> None:
    """The share of images with at least so many objects: readable for one object and for 1000."""
    for split, rows in data.groupby("split", sort=False):
        rows = rows.sort_values("x")
        numbers = rows["x"].to_numpy(float)
        reached = rows["y"].to_numpy(float)[::-1].cumsum()[::-1]
        x = np.concatenate([[0], numbers, [numbers[-1] + 1]])
        y = np.concatenate([[1], reached / reached[0], [0]])
        ax.step(x, y, where="pre", color=COLOURS[split], label=split)
    ax.set(xlabel="Objects in an image, at least", ylabel="Share of images", ylim=(-0.02, 1.02))
    if data["x"].max() > MANY:
        ax.set_xscale("symlog", linthresh=10)
        ax.xaxis.set_major_formatter("{x:g}")
    ax.set_xlim(left=0)


def _draw_categories(ax: Axes, data: pd.DataFrame) -> None:
    names = list(dict.fromkeys(data["x"]))
    left = np.zeros(len(names))
    for split, rows in data.groupby("split", sort=False):
        values = rows.set_index("x")["y"].reindex(names).fillna(0).to_numpy(float)
        ax.barh(names, values, left=left, color=COLOURS[split], label=split)
        left += values
    ax.invert_yaxis()
    ax.set(xlabel="Objects")
    ax.grid(axis="y", visible=False)
    ax.tick_params(axis="y", labelsize=5)
