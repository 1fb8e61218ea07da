"""Choose the post-processing of class maps on validation data, and only where it helps."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from segmill.errors import ConfigError
from segmill.inference.postprocess import ClassPostprocessing, postprocess_classes
from segmill.metrics.evaluation import paired_rows
from segmill.metrics.regions import class_counts, foreground_counts, ratio
from segmill.options import build_options
from segmill.store import Store


@dataclass(frozen=True)
class ClassPostprocessingChoice:
    """Outcome of :func:`choose_class_postprocessing`.

    Attributes
    ----------
    options : the options to use
    table : one row per options tried, the default first: the options, ``iou_foreground``,
        ``iou_<class>``, ``miou`` (mean of the classes), and ``chosen``
    """

    options: ClassPostprocessing
    table: pd.DataFrame


def choose_class_postprocessing(
    predictions: Iterable[np.ndarray],
    truths: Iterable[np.ndarray],
    grid: Mapping[str, Sequence[Any]],
    classes: Sequence[str],
    default: ClassPostprocessing | None = None,
    figure: str = "miou",
    least_gain: float = 0.0,
    ignores: Iterable[np.ndarray | None] | None = None,
    superpixels: Iterable[np.ndarray] | None = None,
) -> ClassPostprocessingChoice:
    """Try options on validation images; keep the best only if it beats the default.

    Figures are pooled over the images. Of equals the first tried wins, so that the default stays
    unless something is better by more than `least_gain`.

    Parameters
    ----------
    predictions : predicted class ids (h, w) of each validation image, read once, one by one
    truths : true class ids (h, w) of the same images
    grid : option of :class:`ClassPostprocessing` -> values to try, all combinations
    classes : names, position = id
    default : what the others must beat; by default no post-processing at all
    figure : ``"iou_foreground"``, ``"iou_<class>"`` or ``"miou"``
    least_gain : by how much they must beat it
    ignores : (h, w) bool of the same images, True = not annotated, or None
    superpixels : (h, w) labels of the same images, where the options have them vote

    Raises
    ------
    ConfigError
        for an unknown option, value or figure, votes without superpixels, or nothing to judge by.
    ValueError
        if there are not as many truths (or ignores, or superpixels) as predictions.
    """
    tried = _combinations(default or ClassPostprocessing(), grid)
    if superpixels is None and any(options.superpixels for options in tried):
        raise ConfigError("superpixels: expected superpixels of the images to vote, found none")
    sums = np.zeros((len(tried), 2, len(classes) + 1))
    given = {"truth": truths, "ignore": ignores, "superpixels": superpixels}
    given = {name: column for name, column in given.items() if column is not None}
    for prediction, *entries in zip(predictions, *given.values(), strict=True):
        image = dict(zip(given, entries, strict=True))
        truth, ignore = image["truth"], image.get("ignore")
        for k, options in enumerate(tried):
            found = postprocess_classes(prediction, options, image.get("superpixels"))
            both, either = class_counts(found, truth, len(classes), ignore)
            of_foreground = foreground_counts(found, truth, ignore)
            sums[k, 0] += [*both, of_foreground[0]]
            sums[k, 1] += [*either, of_foreground[1]]
    rows = [asdict(o) | _figures(s, classes) for o, s in zip(tried, sums, strict=True)]
    return _choose(tried, pd.DataFrame(rows), figure, least_gain)


def choose_class_postprocessing_of_stores(
    predictions: Store,
    truths: Store,
    grid: Mapping[str, Sequence[Any]],
    split: str | None = None,
    **options,
) -> ClassPostprocessingChoice:
    """:func:`choose_class_postprocessing` from a store of predictions and a store of truths.

    Parameters
    ----------
    predictions : store with `semantic`
    truths : store with `semantic` of the same classes; pixels under its `ignore` count for nothing
    split : judge by this split, by custom ``"val"``; None: all predictions
    grid, options : of :func:`choose_class_postprocessing`; superpixels in the order of the
        predictions

    Raises
    ------
    ConfigError, IntegrityError, StoreError
        as :func:`choose_class_postprocessing` and :func:`segmill.metrics.evaluate`.
    """
    pairs = paired_rows(predictions, truths, split)
    has_ignore = "ignore" in truths.fields
    return choose_class_postprocessing(
        (predictions.semantic(p) for p, _ in pairs),
        (truths.semantic(t) for _, t in pairs),
        grid,
        truths.classes,
        ignores=(truths.ignore(t) for _, t in pairs) if has_ignore else None,
        **options,
    )


def _choose(tried, table: pd.DataFrame, figure: str, least_gain: float):
    known = [c for c in table.columns if c == "miou" or c.startswith("iou_")]
    if figure not in known:
        raise ConfigError(f"figure: expected one of {', '.join(known)}, found {figure!r}")
    values = table[figure].to_numpy(float)
    if np.isnan(values[0]):
        raise ConfigError("the validation images have no pixel to choose a post-processing by")
    best = int(np.nanargmax(values))
    if not values[best] > values[0] + least_gain:
        best = 0
    chosen = np.arange(len(table)) == best
    return ClassPostprocessingChoice(tried[best], table.assign(chosen=chosen))


def _combinations(default: ClassPostprocessing, grid: Mapping[str, Sequence]):
    """The default, then every other combination of the grid's values over it."""
    tried = [default]
    for values in product(*grid.values()):
        changed = asdict(default) | dict(zip(grid, values, strict=True))
        options = build_options(ClassPostprocessing, changed, "post-processing to try")
        if options not in tried:
            tried.append(options)
    return tried


def _figures(sums: np.ndarray, classes: Sequence[str]) -> dict[str, float]:
    """IoU of the foreground and of each class, and their mean, from (2, classes + 1) sums."""
    iou = ratio(*sums)
    of_classes = dict(zip((f"iou_{name}" for name in classes), iou.tolist(), strict=False))
    known = iou[:-1][np.isfinite(iou[:-1])]
    mean = float(known.mean()) if known.size else float("nan")
    return of_classes | {"iou_foreground": float(iou[-1]), "miou": mean}
