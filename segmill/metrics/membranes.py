"""How well cells divided by membranes are told apart: pixel, Rand and information scores.

Cells are the connected regions (4 neighbours) of the foreground, what divides them is class 0. As
in the challenge of ISBI 2012 (Arganda-Carreras et al. 2015, Crowdsourcing the creation of image
segmentation algorithms for connectomics, Frontiers in Neuroanatomy 9) true membranes count for
nothing, whose exact width is a matter of taste, and predicted membranes are thinned to nothing
first: each of their pixels joins the nearest predicted cell. A gap of one pixel in a
membrane thus merges two cells, while its width has no effect.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.ndimage import distance_transform_edt
from skimage.measure import label as label_regions
from skimage.metrics import contingency_table, variation_of_information

from segmill.labels import relabel
from segmill.options import option

Parts = dict[str, tuple[pd.Series, pd.Series]]


@dataclass(frozen=True)
class RegionOptions:
    """How regions are judged.

    Attributes
    ----------
    thin : whether predicted membranes are thinned to nothing; otherwise all of them together are
        one more region
    least_area : predicted cells of fewer pixels are membrane
    """

    thin: bool = option(True)
    least_area: int = option(0, low=0)


def cells_between(inside: np.ndarray, thin: bool = False, least_area: int = 0) -> np.ndarray:
    """Number the cells of a membrane image.

    Parameters
    ----------
    inside : (h, w) bool, True inside of a cell
    thin : whether membranes are divided among the cells, each pixel to the nearest one
    least_area : cells of fewer pixels are membrane

    Returns
    -------
    (h, w) int32, cells from 1; 0 = membrane, of which thinning leaves none unless all is membrane
    """
    labels = label_regions(inside, connectivity=1).astype(np.int32)
    if least_area > 1:
        small = np.bincount(labels.ravel()) < least_area
        labels = relabel(np.where(small[labels], 0, labels))
    if thin and labels.any():
        rows, columns = distance_transform_edt(
            labels == 0, return_distances=False, return_indices=True
        )
        labels = labels[rows, columns]
    return labels


def region_agreement(
    prediction: np.ndarray,
    truth: np.ndarray,
    ignore: np.ndarray | None = None,
    options: RegionOptions | None = None,
) -> dict[str, float]:
    """Sums of one image from which the scores of a set of images follow.

    Parameters
    ----------
    prediction, truth : (h, w) class ids, 0 = membrane
    ignore : (h, w) bool, True = not annotated, left out; None where all is annotated
    options : see :class:`RegionOptions`

    Returns
    -------
    ``pixel_errors``, pixels of membrane taken for cell or the other way round, and ``pixels``;
    ``rand_joint``, ``rand_true``, ``rand_predicted``, ordered pairs of different pixels that are in
    one cell in both, the truth, the prediction; ``split_bits`` and ``merge_bits``, conditional
    entropies H(prediction | truth) and H(truth | prediction) in bits times ``cell_pixels``, the
    pixels of true cells, which all but the first two are about.

    Raises
    ------
    ValueError
        if shapes differ.
    """
    options = options or RegionOptions()
    prediction, truth = np.asarray(prediction) != 0, np.asarray(truth) != 0
    if prediction.shape != truth.shape:
        raise ValueError(f"the prediction is {prediction.shape}, the truth {truth.shape}")
    annotated = np.ones(truth.shape, bool) if ignore is None else ~np.asarray(ignore, bool)
    judged = truth & annotated
    counts = {
        "pixel_errors": int(np.count_nonzero((prediction != truth) & annotated)),
        "pixels": int(np.count_nonzero(annotated)),
    }
    true_cells = cells_between(truth)[judged]
    found = cells_between(prediction, options.thin, options.least_area)[judged]
    return counts | pair_counts(found, true_cells) | information(found, true_cells)


def pair_counts(prediction: np.ndarray, truth: np.ndarray) -> dict[str, int]:
    """Ordered pairs of different pixels with one label in both, in the truth, in the prediction.

    Parameters
    ----------
    prediction, truth : (n,) integers from 0, labels of the same pixels

    Returns
    -------
    ``rand_joint``, ``rand_true``, ``rand_predicted``. With them 2 joint / (true + predicted) is 1
    minus :func:`skimage.metrics.adapted_rand_error`.
    """
    sums = dict.fromkeys(("rand_joint", "rand_true", "rand_predicted"), 0)
    if not prediction.size:
        return sums
    table = contingency_table(truth, prediction, sparse_type="array").astype(np.int64)
    margins = table.data, table.sum(axis=1).ravel(), table.sum(axis=0).ravel()
    pairs = [int(np.square(m).sum() - m.sum()) for m in margins]
    return dict(zip(sums, pairs, strict=True))


def information(prediction: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Conditional entropies of two labellings of the same pixels, times the number of pixels.

    Parameters: see :func:`pair_counts`.

    Returns
    -------
    ``split_bits``, ``merge_bits``, ``cell_pixels``. The first two over the last are the two terms
    of the variation of information (Meila 2007) as skimage defines them.
    """
    if not prediction.size:
        return {"split_bits": 0.0, "merge_bits": 0.0, "cell_pixels": 0}
    split, merge = variation_of_information(truth, prediction)
    n = int(prediction.size)
    return {"split_bits": float(split * n), "merge_bits": float(merge * n), "cell_pixels": n}


def region_figures(table: pd.DataFrame) -> Parts:
    """Figures of the columns of :func:`region_agreement`; none where the table has none of these.

    Returns
    -------
    dict
        Name of a figure -> its numerator and denominator: ``pixel_error``, share of wrong
        pixels; ``rand_score`` in 0 .. 1 (V-Rand of the challenge; 1 minus the adapted Rand error),
        ``rand_precision`` (low where cells are merged) and ``rand_recall`` (low where they are
        split); ``information_split`` and ``information_merge`` in bits, whose sum, ``information``,
        is the variation of information.
    """
    if "rand_joint" not in table:
        return {}
    joint, true, found = (table[f"rand_{name}"] for name in ("joint", "true", "predicted"))
    split, merge, pixels = (table[name] for name in ("split_bits", "merge_bits", "cell_pixels"))
    return {
        "pixel_error": (table["pixel_errors"], table["pixels"]),
        "rand_score": (2 * joint, true + found),
        "rand_precision": (joint, found),
        "rand_recall": (joint, true),
        "information": (split + merge, pixels),
        "information_split": (split, pixels),
        "information_merge": (merge, pixels),
    }
