"""How far predicted particles are from the true ones in place and in surface."""

import numpy as np
import pandas as pd

from segmill.metrics.bootstrap import Intervals, bootstrap_intervals
from segmill.metrics.matching import match_overlaps
from segmill.metrics.overlap import Overlaps, exclude_ignored, overlaps
from segmill.metrics.regions import ratio
from segmill.particles import centroids

MATCHED = "particles_matched"


def particle_counts(
    prediction: np.ndarray,
    truth: np.ndarray,
    ignore: np.ndarray | None = None,
    threshold: float = 0.5,
) -> dict[str, float]:
    """Sums over the pairs of predicted and true particles of one image.

    Particles are matched one to one as by :func:`segmill.metrics.match_instances`. A centre, true
    or predicted, is the centroid of the particle's pixels, so that every method is judged alike. Of
    a particle at the edge of the image, or of what is annotated, the part in view counts.

    Parameters
    ----------
    prediction, truth : (H, W) integers, 0 = background
    ignore : (H, W) bool, True = not annotated, see :func:`segmill.metrics.exclude_ignored`
    threshold : least IoU of a pair

    Returns
    -------
    ``particles_matched``, number of pairs; ``centre_error_sum`` and ``centre_error_squares``, sums
    of the distance of the centres in pixels and of its square; ``surface_error_sum``, sum of
    |predicted area - true area| / true area; ``surface_bias_sum``, the same with its sign
    """
    prediction, truth = exclude_ignored(prediction, truth, ignore)
    table = overlaps(prediction, truth)
    pairs = match_overlaps(table, threshold).pairs
    found, true = _of(pairs[:, 0], *centroids(prediction)), _of(pairs[:, 1], *centroids(truth))
    square = np.sum((found - true) ** 2, axis=1)
    surface = _relative_surface(table, pairs)
    return {
        MATCHED: len(pairs),
        "centre_error_sum": float(np.sqrt(square).sum()),
        "centre_error_squares": float(square.sum()),
        "surface_error_sum": float(np.abs(surface).sum()),
        "surface_bias_sum": float(surface.sum()),
    }


def particle_figures(table: pd.DataFrame) -> dict[str, tuple[pd.Series, pd.Series]]:
    """Numerator and denominator of the figures of particles, as far as the table has the columns.

    ``centre_error_px`` and ``surface_error`` (a share of the true surface), means over the matched
    pairs; ``surface_bias``, above 0 where predicted surfaces are too large; ``particles_predicted``
    and ``particles_true``, mean number in an image.
    """
    if MATCHED not in table:
        return {}
    pairs, images = table[MATCHED], pd.Series(1.0, index=table.index)
    return {
        "centre_error_px": (table["centre_error_sum"], pairs),
        "surface_error": (table["surface_error_sum"], pairs),
        "surface_bias": (table["surface_bias_sum"], pairs),
        "particles_predicted": (table["n_predicted"], images),
        "particles_true": (table["n_reference"], images),
    }


def particle_rms(table: pd.DataFrame, **bootstrap) -> dict[str, tuple[Intervals, int]]:
    """Root of the mean square distance of matched centres, with its interval, and of how many
    images it is known.

    Parameters
    ----------
    table : rows with the columns of :func:`particle_counts`
    bootstrap : options of :func:`segmill.metrics.bootstrap_intervals`
    """
    if MATCHED not in table:
        return {}
    values = table[["centre_error_squares", MATCHED]].to_numpy(np.float64)
    intervals = bootstrap_intervals(
        values, lambda sums: np.sqrt(ratio(sums[..., :1], sums[..., 1:])), **bootstrap
    )
    return {"centre_error_rms_px": (intervals, int((table[MATCHED] > 0).sum()))}


def _of(wanted: np.ndarray, ids: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The values of the ids `wanted`, `ids` being ascending."""
    return values[np.searchsorted(ids, wanted)]


def _relative_surface(table: Overlaps, pairs: np.ndarray) -> np.ndarray:
    predicted = _of(pairs[:, 0], table.prediction_ids, table.prediction_areas)
    true = _of(pairs[:, 1], table.truth_ids, table.truth_areas)
    return (predicted - true) / true
