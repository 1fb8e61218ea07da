"""Which objects of two label images overlap, and by how many pixels."""

from dataclasses import dataclass

import numba
import numpy as np

# Above this many cells (32 MiB of counts) a table of all id pairs gives way to sorted keys.
DENSE_CELLS = 2**22
_LARGEST_ID = 2**31 - 1


@dataclass(frozen=True)
class Overlaps:
    """Sparse contingency table of the objects of two label images; background is no object.

    Attributes
    ----------
    prediction_ids, truth_ids : (P,), (T,) int64, the ids that occur, ascending, without 0
    prediction_areas, truth_areas : (P,), (T,) int64, whole areas in pixels
    prediction, truth : (M,) int64, positions in the ids of each pair of objects that overlap,
        ordered by prediction, then truth
    areas : (M,) int64, pixels that the two objects of each pair share, above 0
    """

    prediction_ids: np.ndarray
    truth_ids: np.ndarray
    prediction_areas: np.ndarray
    truth_areas: np.ndarray
    prediction: np.ndarray
    truth: np.ndarray
    areas: np.ndarray

    @property
    def iou(self) -> np.ndarray:
        """(M,) float64: intersection over union of each overlapping pair."""
        areas = self.prediction_areas[self.prediction] + self.truth_areas[self.truth]
        return self.areas / (areas - self.areas)


def overlaps(prediction: np.ndarray, truth: np.ndarray) -> Overlaps:
    """Count the pixels of every object and of every overlap of two label images.

    One pass over runs of equal labels, then one count per run: exact, and about as fast as reading
    the images. Ids may be any non-negative integers, also beyond 32 bits.

    Parameters
    ----------
    prediction, truth : (H, W) integers or bool of equal shape, 0 = background

    Raises
    ------
    ValueError
        if the shapes differ, an image is not of integers, or an id is negative.

    Examples
    --------
    >>> table = overlaps(np.array([[7, 7, 0]]), np.array([[0, 3, 3]]))
    >>> table.prediction_ids.tolist(), table.truth_ids.tolist(), table.areas.tolist()
    ([7], [3], [1])
    """
    prediction, truth = np.asarray(prediction), np.asarray(truth)
    if prediction.shape != truth.shape:
        raise ValueError(f"the prediction is {prediction.shape}, the truth {truth.shape}")
    prediction_names, prediction = _as_int32(prediction, "prediction")
    truth_names, truth = _as_int32(truth, "truth")
    p, t, length = _runs(prediction.ravel(), truth.ravel())
    for ids, name in ((p, "prediction"), (t, "truth")):
        if ids.size and ids.min() < 0:
            raise ValueError(f"the {name} has the negative label {ids.min()}")
    p, t, area = _sum_runs(p, t, length)
    prediction_ids, prediction_of, prediction_areas = _objects(p, area)
    truth_ids, truth_of, truth_areas = _objects(t, area)
    both = (p > 0) & (t > 0)
    return Overlaps(
        prediction_ids=prediction_names(prediction_ids),
        truth_ids=truth_names(truth_ids),
        prediction_areas=prediction_areas,
        truth_areas=truth_areas,
        prediction=prediction_of[both],
        truth=truth_of[both],
        areas=area[both],
    )


def exclude_ignored(
    prediction: np.ndarray, truth: np.ndarray, ignore: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Take what nobody annotated out of two label images.

    Ignored pixels become background in both. An object, predicted or reference, that has more than
    half of its area on ignored pixels is taken out whole: nobody can say whether it is right, so
    it counts neither for nor against. The rest of an object that reaches into the ignored region
    by half or less is judged by its annotated part.

    Parameters
    ----------
    prediction, truth : (H, W) integers, 0 = background
    ignore : (H, W) bool, True = not annotated; None where all is

    Returns
    -------
    The two label images, copies where something was taken out.
    """
    if ignore is None or not np.any(ignore):
        return np.asarray(prediction), np.asarray(truth)
    ignore = np.asarray(ignore, bool)
    return _exclude(np.asarray(prediction), ignore), _exclude(np.asarray(truth), ignore)


def _exclude(labels: np.ndarray, ignore: np.ndarray) -> np.ndarray:
    table = overlaps(labels, ignore)
    mostly_ignored = 2 * table.areas > table.prediction_areas[table.prediction]
    gone = table.prediction_ids[table.prediction[mostly_ignored]]
    return np.where(ignore | np.isin(labels, gone), labels.dtype.type(0), labels)


def _as_int32(labels: np.ndarray, name: str):
    """Labels as int32 and the function from those to the given ids (int64)."""
    if labels.dtype.kind not in "iub":
        raise ValueError(f"the {name} has dtype {labels.dtype}, expected integer labels")
    if labels.dtype.itemsize < 4 or labels.dtype == np.int32:
        return _identity, labels.astype(np.int32, copy=False)
    if labels.size == 0 or labels.max() <= _LARGEST_ID:
        if labels.size and labels.min() < 0:
            raise ValueError(f"the {name} has the negative label {labels.min()}")
        return _identity, labels.astype(np.int32)
    ids, compact = np.unique(labels, return_inverse=True)
    # Object ids start at 1, whether or not there is a background pixel.
    first = 0 if ids[0] == 0 else 1
    if ids[0] < 0:
        raise ValueError(f"the {name} has the negative label {ids[0]}")
    if ids[-1] > np.iinfo(np.int64).max:
        raise ValueError(f"the {name} has the label {ids[-1]}, expected at most {2**63 - 1}")
    ids = ids.astype(np.int64)
    return lambda positions: ids[positions - first], (compact + first).astype(np.int32)


def _identity(ids: np.ndarray) -> np.ndarray:
    return ids


@numba.njit(cache=True)
def _runs(prediction, truth):
    """Runs of pixels along which both labels stay the same: (prediction, truth, length), int64."""
    n = prediction.size
    count = 0
    for i in range(n):
        if i == 0 or prediction[i] != prediction[i - 1] or truth[i] != truth[i - 1]:
            count += 1
    p = np.empty(count, np.int64)
    t = np.empty(count, np.int64)
    length = np.empty(count, np.int64)
    k = -1
    start = 0
    for i in range(n):
        if i == 0 or prediction[i] != prediction[i - 1] or truth[i] != truth[i - 1]:
            if k >= 0:
                length[k] = i - start
            k += 1
            start = i
            p[k] = prediction[i]
            t[k] = truth[i]
    if k >= 0:
        length[k] = n - start
    return p, t, length


def _sum_runs(p, t, length) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sum the lengths of the runs of each pair of ids; pairs ordered by p, then t."""
    if p.size == 0:
        return p, t, length
    columns = int(t.max()) + 1
    key = p * columns + t
    cells = (int(p.max()) + 1) * columns
    if cells <= DENSE_CELLS:
        keys, area = _sum_dense(key, length, cells)
        order = np.argsort(keys)
        keys, area = keys[order], area[order]
    else:
        keys, run = np.unique(key, return_inverse=True)
        # Weights are summed in float64, exact for whole numbers below 2^53.
        area = np.bincount(run, weights=length).astype(np.int64)
    return keys // columns, keys % columns, area


@numba.njit(cache=True)
def _sum_dense(key, length, cells):
    """Keys that occur, by first occurrence, and the sum of the lengths of each, through a table."""
    table = np.zeros(cells, np.int64)
    keys = np.empty(min(key.size, cells), np.int64)
    count = 0
    for i in range(key.size):
        if table[key[i]] == 0:
            keys[count] = key[i]
            count += 1
        table[key[i]] += length[i]
    keys = keys[:count].copy()
    return keys, table[keys]


def _objects(labels: np.ndarray, area: np.ndarray):
    """Ids without 0, the position of each table entry's id among them, the area of each id."""
    ids, position = np.unique(labels, return_inverse=True)
    areas = np.bincount(position, weights=area, minlength=ids.size).astype(np.int64)
    has_background = int(ids.size > 0 and ids[0] == 0)
    return ids[has_background:], position - has_background, areas[has_background:]
