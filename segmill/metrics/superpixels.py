"""How well superpixels follow annotated boundaries, and how regular they are.

Conventions, those of the study's public code and of Stutz et al.'s benchmark as far as both agree:

- A boundary pixel has a 4-neighbour of another label, so that a boundary is two pixels thick, one
  on either side ("thick" in scikit-image). The edge of the image is no boundary.
- A boundary pixel is found where the other image has one in the square window of side
  `tolerance` around it.
- The perimeter of a superpixel is the number of its pixels that have a 4-neighbour of another
  label or lie on the edge of the image. It is shorter than the sum of pixel edges, so that the
  compactness of small superpixels can exceed that of a disc.

References
----------
Martin, Fowlkes, Malik, "Learning to detect natural image boundaries", TPAMI 26, 2004 (recall,
precision). Neubert, Protzel, "Superpixel benchmark and comparison", Forum Bildverarbeitung, 2012
(undersegmentation). Liu et al., "Entropy rate superpixel segmentation", CVPR 2011 (achievable
segmentation accuracy). Schick, Fischer, Stiefelhagen, "Measuring and evaluating the compactness of
superpixels", ICPR 2012. Moore et al., "Superpixel lattices", CVPR 2008 (explained variation).
Machairas et al., "Waterpixels", TIP 24, 2015 (contour density). Stutz, Hermans, Leibe,
"Superpixels: an evaluation of the state-of-the-art", CVIU 166, 2018.
"""

from collections.abc import Sequence

import cv2
import numba
import numpy as np

TOLERANCES = (5, 3)
AGREEMENT = (
    *(f"boundary_{kind}_{side}" for side in TOLERANCES for kind in ("recall", "precision")),
    "undersegmentation",
    "undersegmentation_np",
    "achievable_accuracy",
)
SHAPE = ("compactness", "contour_density", "explained_variation")
METRICS = (*AGREEMENT, *SHAPE)


def superpixels(
    labels: np.ndarray, truths: np.ndarray | Sequence[np.ndarray], image: np.ndarray | None = None
) -> dict[str, float]:
    """All metrics of one image, averaged over its annotators.

    With superpixels S, annotated segments G and N pixels, sizes as absolute values:

    - ``boundary_recall_5``, ``boundary_recall_3``: share of the annotated boundary pixels that
      have a superpixel boundary in the window of 5 x 5 or 3 x 3 pixels around them;
    - ``boundary_precision_5``, ``boundary_precision_3``: share of the superpixels' boundary pixels
      that have an annotated one there;
    - ``undersegmentation``: 1/N sum_S (|S| - max_G |S and G|), max-overlap form;
    - ``undersegmentation_np``: 1/N sum_G sum_(S meets G) min(|S and G|, |S without G|), Neubert
      and Protzel;
    - ``achievable_accuracy``: 1/N sum_S max_G |S and G|, 1 - ``undersegmentation``;
    - ``compactness``: sum_S |S|/N 4 pi |S| / perimeter(S)^2, Schick et al.;
    - ``contour_density``: superpixel boundary pixels / N;
    - ``explained_variation``: sum_S |S| (mean_S - mean)^2 / sum of (value - mean)^2 over the
      pixels, both sums over all channels; nan without an image and for a constant one;
    - ``n_superpixels``: how many labels there are.

    Each value of a label image is a segment, 0 too: superpixels have no background. What has no
    denominator (the recall of an annotation without boundary) is nan and left out of the mean.

    Parameters
    ----------
    labels : (H, W) integers, one value per superpixel
    truths : (H, W), (A, H, W) or a sequence of (H, W) integers: one annotation, or one of each of A
        annotators
    image : (H, W) or (H, W, C) numbers, whose variation is explained

    Raises
    ------
    ValueError
        if there is no annotation or pixel, shapes differ, or labels are not integers.

    Examples
    --------
    >>> truth = np.repeat([[1, 1, 1, 1, 2, 2, 2, 2]], 6, axis=0)
    >>> found = superpixels(np.repeat([[1, 1, 2, 2, 3, 3, 4, 4]], 6, axis=0), [truth])
    >>> found["boundary_recall_5"], found["undersegmentation_np"], found["n_superpixels"]
    (1.0, 0.0, 4.0)
    >>> round(found["boundary_precision_3"], 3)
    0.667
    """
    labels = _checked(labels, "the superpixels")
    if labels.size == 0:
        raise ValueError(f"the superpixels have no pixel: {labels.shape}")
    if len(truths) == 0:
        raise ValueError("expected at least one annotation, found none")
    if np.ndim(truths[0]) == 1:
        truths = [truths]
    compact, n = _compact(labels)
    boundary = boundaries(compact)
    rows = []
    for k, truth in enumerate(truths):
        truth = _checked(truth, f"annotation {k}")
        if truth.shape != labels.shape:
            raise ValueError(f"annotation {k} is {truth.shape}, the superpixels {labels.shape}")
        rows.append(_agreement(compact, n, boundary, truth))
    found = dict(zip(AGREEMENT, _mean_of_defined(np.array(rows)).tolist(), strict=True))
    areas, perimeters = _sizes(compact, n)
    found["compactness"] = float(
        (4 * np.pi * areas.astype(float) ** 2 / perimeters**2).sum() / labels.size
    )
    found["contour_density"] = np.count_nonzero(boundary) / labels.size
    found["explained_variation"] = (
        float("nan") if image is None else explained_variation(compact, image)
    )
    found["n_superpixels"] = float(n)
    return found


def boundaries(labels: np.ndarray) -> np.ndarray:
    """Pixels with a 4-neighbour of another label, (H, W) uint8: 1 there, else 0.

    Equal to ``skimage.segmentation.find_boundaries(labels, connectivity=1, mode="thick")``.
    """
    return _boundaries(np.ascontiguousarray(labels))


def explained_variation(labels: np.ndarray, image: np.ndarray) -> float:
    """Share of the image's variance that the superpixels' means keep; nan for a constant image.

    Parameters
    ----------
    labels : (H, W) non-negative integers, not much larger than the number of pixels
    image : (H, W) or (H, W, C) numbers
    """
    image = np.asarray(image)
    if image.shape[:2] != labels.shape or image.ndim not in (2, 3):
        raise ValueError(f"the image is {image.shape}, the superpixels {labels.shape}")
    values = np.ascontiguousarray(image.reshape(labels.size, -1))
    if values.dtype == bool:
        values = values.astype(np.uint8)
    between, total = _variation(np.ascontiguousarray(labels).ravel(), values, int(labels.max()) + 1)
    return between / total if total > 0 else float("nan")


def _agreement(labels, n, boundary, truth) -> tuple[float, ...]:
    """The metrics `AGREEMENT` of one annotation."""
    segments, m = _compact(truth)
    annotated = boundaries(segments)
    found = []
    for side in TOLERANCES:
        found.append(_share(annotated, _widened(boundary, side)))
        found.append(_share(boundary, _widened(annotated, side)))
    table = _contingency(labels, segments, n, m)
    areas = table.sum(axis=1, keepdims=True)
    lost = 1 - table.max(axis=1).sum() / labels.size
    crossing = np.minimum(table, areas - table).sum() / labels.size
    return (*found, lost, crossing, 1 - lost)


def _widened(boundary: np.ndarray, side: int) -> np.ndarray:
    """Pixels with a boundary pixel in the window of `side` x `side` around them."""
    return cv2.dilate(boundary, np.ones((side, side), np.uint8))


def _share(of: np.ndarray, found: np.ndarray) -> float:
    total = np.count_nonzero(of)
    return np.count_nonzero(of & found) / total if total else float("nan")


def _mean_of_defined(rows: np.ndarray) -> np.ndarray:
    """Mean of each column without nan; nan for a column of nothing else."""
    defined = ~np.isnan(rows)
    count = defined.sum(axis=0)
    total = np.where(defined, rows, 0).sum(axis=0)
    return np.divide(total, count, out=np.full(rows.shape[1], np.nan), where=count > 0)


def _checked(labels, what: str) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.ndim != 2 or labels.dtype.kind not in "iub":
        raise ValueError(f"{what}: expected (H, W) integers, found {labels.dtype} {labels.shape}")
    return labels


def _compact(labels: np.ndarray) -> tuple[np.ndarray, int]:
    """The labels as 0 .. n - 1 in ascending order, (H, W) int32, and n."""
    low, high = int(labels.min()), int(labels.max())
    if high - low > 4 * labels.size:
        ids, position = np.unique(labels, return_inverse=True)
        return position.reshape(labels.shape).astype(np.int32), ids.size
    shifted = (labels.astype(np.int64) - low).astype(np.int32)
    new, n = _numbered(shifted.ravel(), high - low + 1)
    return new.reshape(labels.shape), n


@numba.njit(cache=True, nogil=True)
def _numbered(labels, top):
    """Labels 0 .. top - 1 renumbered without gaps, and how many occur."""
    number = np.zeros(top, np.int32)
    for p in range(labels.size):
        number[labels[p]] = 1
    n = 0
    for k in range(top):
        if number[k]:
            number[k] = n
            n += 1
    new = np.empty(labels.size, np.int32)
    for p in range(labels.size):
        new[p] = number[labels[p]]
    return new, n


@numba.njit(cache=True, nogil=True)
def _boundaries(labels):
    height, width = labels.shape
    found = np.zeros((height, width), np.uint8)
    for r in range(height):
        for c in range(width):
            if c + 1 < width and labels[r, c + 1] != labels[r, c]:
                found[r, c] = found[r, c + 1] = 1
            if r + 1 < height and labels[r + 1, c] != labels[r, c]:
                found[r, c] = found[r + 1, c] = 1
    return found


@numba.njit(cache=True, nogil=True)
def _sizes(labels, n):
    """Pixels of each label, and pixels of its perimeter."""
    height, width = labels.shape
    areas = np.zeros(n, np.int64)
    perimeters = np.zeros(n, np.int64)
    for r in range(height):
        for c in range(width):
            k = labels[r, c]
            areas[k] += 1
            if (
                r == 0
                or c == 0
                or r == height - 1
                or c == width - 1
                or labels[r - 1, c] != k
                or labels[r + 1, c] != k
                or labels[r, c - 1] != k
                or labels[r, c + 1] != k
            ):
                perimeters[k] += 1
    return areas, perimeters


@numba.njit(cache=True, nogil=True)
def _contingency(labels, segments, n, m):
    """Pixels that each superpixel shares with each segment, (n, m)."""
    table = np.zeros((n, m), np.int64)
    for r in range(labels.shape[0]):
        for c in range(labels.shape[1]):
            table[labels[r, c], segments[r, c]] += 1
    return table


@numba.njit(cache=True, nogil=True)
def _variation(labels, values, n):
    """Sums of squares between the labels and in all, over pixels and channels."""
    channels = values.shape[1]
    areas = np.zeros(n, np.int64)
    sums = np.zeros((n, channels))
    mean = np.zeros(channels)
    for p in range(labels.size):
        areas[labels[p]] += 1
        for k in range(channels):
            sums[labels[p], k] += values[p, k]
    for k in range(channels):
        mean[k] = sums[:, k].sum() / labels.size
    between = total = 0.0
    for p in range(labels.size):
        for k in range(channels):
            total += (values[p, k] - mean[k]) ** 2
    for i in range(n):
        if areas[i]:
            for k in range(channels):
                between += areas[i] * (sums[i, k] / areas[i] - mean[k]) ** 2
    return between, total
