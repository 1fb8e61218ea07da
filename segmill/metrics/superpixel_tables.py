"""Superpixels of a store against all annotators of each image: one row per image."""

from collections.abc import Hashable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from segmill.errors import Problem, SegmillError, StoreError, raise_problems
from segmill.metrics.bootstrap import bootstrap_intervals
from segmill.metrics.regions import ratio
from segmill.metrics.superpixels import METRICS, superpixels
from segmill.progress import track
from segmill.store import Store, open_store

# What is one image: annotators of a group share it, frames and files of a group do not.
IMAGE = ["group", "source", "frame"]
NUMBER = "n_superpixels"


def evaluate_superpixels(
    found: Store | str | Path, truths: Store | str | Path, split: str | None = None
) -> pd.DataFrame:
    """All metrics of the superpixels of each image, averaged over its annotators.

    Samples of the truth with equal `group`, `source` and `frame` are annotations of one image. Of
    the superpixels of such samples, which are all the same, the first are taken.

    Parameters
    ----------
    found : store of superpixels (`instances`), or its path
    truths : store with the image and the regions of every annotator (`instances`), or its path
    split : images of this split only; None: all of `found`

    Returns
    -------
    One row per image: sample_id (of the first annotator), group, split, annotators, and the values
    of :func:`segmill.metrics.superpixels`.

    Raises
    ------
    StoreError
        if a store has no instances, or `found` no sample of the split.
    IntegrityError
        naming every image that is only in one of the stores, or of another size in the other.
    """
    found, truths = _opened(found), _opened(truths)
    ours, theirs = images_of(found, split), images_of(truths, split)
    _check(found, truths, ours, theirs)
    rows = []
    for image, samples in track(ours.items(), len(ours), f"evaluate {found.path.name}", "image"):
        first, annotators = samples[0], theirs[image]
        values = superpixels(
            found.instances(first),
            [truths.instances(t) for t in annotators],
            truths.image(annotators[0]),
        )
        names = {name: found.table[name].iloc[first] for name in ("sample_id", "group", "split")}
        rows.append({**names, "annotators": len(annotators), **values})
    return pd.DataFrame(rows)


def summarise_superpixels(
    table: pd.DataFrame, confidence: float = 0.95, seed: int = 0, repeats: int = 2000
) -> pd.DataFrame:
    """Mean over the images of each metric, with bootstrap intervals over the images.

    Parameters
    ----------
    table : rows of :func:`evaluate_superpixels`
    confidence, seed, repeats : see :func:`segmill.metrics.bootstrap_intervals`

    Returns
    -------
    One row per metric: metric, value, low, high; images, in how many it is defined.

    Raises
    ------
    SegmillError
        if the table is empty.
    """
    if table.empty:
        raise SegmillError("nothing to summarise: no image with superpixels")
    names = [*METRICS, NUMBER]
    values = table[names].to_numpy(float)
    known = np.isfinite(values)
    m = len(names)

    def mean(sums: np.ndarray) -> np.ndarray:
        return ratio(sums[..., :m], sums[..., m:])

    columns = np.concatenate([np.where(known, values, 0), known], axis=1)
    ends = bootstrap_intervals(columns, mean, confidence, seed, repeats)
    return pd.DataFrame(
        {"metric": names, "value": ends.estimate, "low": ends.low, "high": ends.high}
        | {"images": known.sum(axis=0)}
    )


def images_of(store: Store, split: str | None = None) -> dict[Hashable, list[int]]:
    """Rows of a store by image, (group, source, frame), in the order of the store."""
    rows = np.arange(len(store)) if split is None else store.where(split=split)
    grouped = store.table.iloc[rows].assign(row=rows).groupby(IMAGE, sort=False)["row"]
    return {image: own.tolist() for image, own in grouped}


def _check(found: Store, truths: Store, ours: Mapping, theirs: Mapping) -> None:
    for store in (found, truths):
        if "instances" not in store.fields:
            raise StoreError(f"{store.path}: expected instances, found {store.fields}")
    if not ours:
        raise StoreError(f"{found.path} has no sample to evaluate")
    problems = []
    for store, own, other in ((truths, theirs, ours), (found, ours, theirs)):
        problems += [
            Problem(str(store.path), f"the image {_name(image)}", "none")
            for image in other
            if image not in own
        ]
    for image, samples in ours.items():
        for t in theirs.get(image, []):
            size, expected = found.extent[samples[0]].tolist(), truths.extent[t].tolist()
            if size != expected:
                where = f"{found.path}, {_name(image)}"
                problems.append(Problem(where, f"height and width {expected}", f"{size}"))
    raise_problems(problems, "the superpixels to evaluate")


def _name(image: tuple) -> str:
    return f"{image[0]} ({image[1]}, frame {image[2]})"


def _opened(store: Store | str | Path) -> Store:
    return open_store(store) if isinstance(store, str | Path) else store
