"""Choose how scores become objects on validation data, and only where it helps."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from segmill.errors import ConfigError
from segmill.inference.instances import InstanceOptions, instances_from_scores
from segmill.inference.particles import ParticleOptions, find_particles
from segmill.metrics.evaluation import THRESHOLDS, object_counts, paired_rows
from segmill.metrics.regions import ratio
from segmill.options import build_options
from segmill.particles import CENTRE, MASK
from segmill.store import Store

Options = InstanceOptions | ParticleOptions


@dataclass(frozen=True)
class PostprocessingChoice:
    """Outcome of :func:`choose_postprocessing`.

    Attributes
    ----------
    options : the options to use
    table : one row per options tried, the default first: the options, ``seg``, ``f1_<percent>``,
        ``mean_f1`` (over the thresholds), and ``chosen``
    """

    options: Options
    table: pd.DataFrame

    @property
    def kind(self) -> str:
        """Option of a prediction that they are: ``"instances"`` or ``"particles"``."""
        return "particles" if isinstance(self.options, ParticleOptions) else "instances"


def choose_postprocessing(
    scores: Iterable[np.ndarray],
    truths: Iterable[np.ndarray],
    grid: Mapping[str, Sequence[Any]],
    default: Options | None = None,
    figure: str = "seg",
    least_gain: float = 0.0,
    ignores: Iterable[np.ndarray | None] | None = None,
    thresholds: Sequence[float] = THRESHOLDS,
) -> PostprocessingChoice:
    """Try options on validation images; keep the best only if it beats the default.

    Figures are pooled over the images. Of equals the first tried wins, so that the default stays
    unless something is better by more than `least_gain`.

    Parameters
    ----------
    scores : probabilities (h, w, K) of each validation image, read once, one after the other; to
        choose options of particles, maps of mask and centre (h, w, 2)
    truths : label images (h, w) of the same images, 0 = background
    grid : option of :class:`InstanceOptions` or :class:`ParticleOptions` -> values to try, all
        combinations
    default : what the others must beat; its class says whether objects are made of classes or of a
        mask and a map of centres
    figure : ``"seg"``, ``"f1_<percent>"`` or ``"mean_f1"``
    least_gain : by how much they must beat it
    ignores : (h, w) bool of the same images, True = not annotated, or None
    thresholds : of the instance matching

    Raises
    ------
    ConfigError
        for an unknown option, value or figure, or no validation object to judge by.
    ValueError
        if there are not as many truths as scores.
    """
    default = default or InstanceOptions()
    tried = _combinations(default, grid)
    ignores = _forever_none() if ignores is None else ignores
    totals = [pd.Series(dtype=float)] * len(tried)
    truths, ignores = iter(truths), iter(ignores)
    for image_scores in scores:
        truth, ignore = next(truths, None), next(ignores, None)
        if truth is None:
            raise ValueError("found fewer truths than scores")
        for k, options in enumerate(tried):
            found = _objects(image_scores, options)
            counts = pd.Series(object_counts(found, truth, ignore, thresholds), dtype=float)
            totals[k] = totals[k].add(counts, fill_value=0)
    if next(truths, None) is not None:
        raise ValueError("found more truths than scores")
    rows = [asdict(o) | _figures(total) for o, total in zip(tried, totals, strict=True)]
    table = pd.DataFrame(rows)
    return _choose(tried, table, figure, least_gain)


def choose_postprocessing_of_stores(
    predictions: Store,
    truths: Store,
    grid: Mapping[str, Sequence[Any]],
    split: str | None = None,
    **options,
) -> PostprocessingChoice:
    """:func:`choose_postprocessing` from a store of predictions and a store of truths.

    Parameters
    ----------
    predictions : store with `scores` of exclusive classes, or of targets with mask and centre
    truths : store with `instances`; pixels under its `ignore` count for nothing
    split : judge by this split, by custom ``"val"``; None: all predictions
    grid, options : of :func:`choose_postprocessing`

    Raises
    ------
    ConfigError, IntegrityError, StoreError
        as :func:`choose_postprocessing` and :func:`segmill.metrics.evaluate`, or where scores or
        instances are missing.
    """
    pairs = paired_rows(predictions, truths, split)
    has_ignore = "ignore" in truths.fields
    targets = list(predictions.attributes.get("targets") or ())
    channels = [targets.index(MASK), targets.index(CENTRE)] if targets else slice(None)
    return choose_postprocessing(
        (predictions.scores(p)[:, :, channels] for p, _ in pairs),
        (truths.instances(t) for _, t in pairs),
        grid,
        ignores=(truths.ignore(t) for _, t in pairs) if has_ignore else None,
        **options,
    )


def _choose(tried, table: pd.DataFrame, figure: str, least_gain: float) -> PostprocessingChoice:
    known = [c for c in table.columns if c in ("seg", "mean_f1") or c.startswith("f1_")]
    if figure not in known:
        raise ConfigError(f"figure: expected one of {', '.join(known)}, found {figure!r}")
    values = table[figure].to_numpy(float)
    if np.isnan(values[0]):
        raise ConfigError("the validation images have no object to choose a post-processing by")
    best = int(np.argmax(np.nan_to_num(values, nan=-np.inf)))
    if not values[best] > values[0] + least_gain:
        best = 0
    return PostprocessingChoice(tried[best], table.assign(chosen=np.arange(len(table)) == best))


def _objects(scores: np.ndarray, options: Options) -> np.ndarray:
    """Label image (h, w) int32 of scores."""
    if isinstance(options, ParticleOptions):
        maps = np.asarray(scores, np.float32)
        return find_particles(maps[:, :, 0], maps[:, :, 1], options).instances
    return instances_from_scores(scores, options)


def _combinations(default: Options, grid: Mapping[str, Sequence]) -> list[Options]:
    """The default, then every other combination of the grid's values over it."""
    tried = [default]
    for values in product(*grid.values()):
        changed = asdict(default) | dict(zip(grid, values, strict=True))
        options = build_options(type(default), changed, "post-processing to try")
        if options not in tried:
            tried.append(options)
    return tried


def _figures(totals: pd.Series) -> dict[str, float]:
    """SEG and F1 from summed counts; nan without objects."""
    if totals.empty:
        raise ConfigError("there are no validation images to choose a post-processing by")
    figures = {"seg": float(ratio(totals["seg_sum"], totals["n_reference"]))}
    percents = [name.removeprefix("tp_") for name in totals.index if name.startswith("tp_")]
    for percent in sorted(percents, key=int):
        tp, fp, fn = (totals[f"{kind}_{percent}"] for kind in ("tp", "fp", "fn"))
        figures[f"f1_{percent}"] = float(ratio(2 * tp, 2 * tp + fp + fn))
    f1 = [value for name, value in figures.items() if name.startswith("f1_")]
    return figures | {"mean_f1": float(np.mean(f1))}


def _forever_none():
    while True:
        yield None
