"""Ground truth of the Berkeley segmentation data set: the segmentations of an image by several."""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from segmill.datasets.raster import offence
from segmill.errors import IntegrityError, Problem

KEY = "groundTruth"
# What scipy says of files that are damaged, of another kind, or of MATLAB 7.3.
_DAMAGE = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    NotImplementedError,
    MatReadError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True)
class Annotation:
    """What one annotator drew.

    Attributes
    ----------
    segmentation : (h, w) int32 region ids from 1
    boundaries : (h, w) bool, one pixel wide, or None where the file has none
    """

    segmentation: np.ndarray
    boundaries: np.ndarray | None


def read_annotations(
    path: Path, shape: tuple[int, int] | None = None, boundaries: bool = False
) -> list[Annotation]:
    """All annotators of a ``.mat`` file, in its order.

    Parameters
    ----------
    shape : (h, w) of the image in px; None: whatever the first segmentation has
    boundaries : whether they must be there

    Raises
    ------
    IntegrityError
        naming the file and each annotator that is wrong in it: no `groundTruth`, no segmentation,
        one of another size than the image, ids that are not whole numbers from 1.
    """
    if not path.is_file():
        raise offence(path, "a MATLAB file", "no such file")
    try:
        content = loadmat(path, variable_names=[KEY], appendmat=False)
    except _DAMAGE as error:
        cause = " ".join(str(error).split()) or "damaged data"
        raise offence(path, "a MATLAB file", f"{type(error).__name__}: {cause}") from error
    cells = content.get(KEY)
    if not isinstance(cells, np.ndarray) or cells.dtype != object or cells.size == 0:
        found = "none" if cells is None else f"{np.asarray(cells).dtype} {np.shape(cells)}"
        raise offence(path, f"a cell array {KEY} with an annotator in each cell", found)
    found, problems = [], []
    for number, cell in enumerate(cells.ravel(), start=1):
        where = f"{path}, annotator {number}"
        try:
            annotation = _annotation(where, cell, shape, boundaries)
            shape = shape or annotation.segmentation.shape
            found.append(annotation)
        except IntegrityError as error:
            problems += error.problems
    if problems:
        raise IntegrityError(problems, str(path))
    return found


def _annotation(
    where: str, cell: np.ndarray, shape: tuple[int, int] | None, boundaries: bool
) -> Annotation:
    labels = _member(cell, "Segmentation")
    if labels is None:
        raise offence(where, "a Segmentation", "none")
    if not _whole(labels) or labels.min() < 1 or labels.max() >= 2**31:
        values = f"{labels.dtype} from {labels.min(initial=0)} to {labels.max(initial=0)}"
        raise offence(where, "a Segmentation of whole numbers from 1", values)
    edges = _member(cell, "Boundaries")
    problems = [_size_problem(where, "Segmentation", labels, shape or labels.shape)]
    if edges is not None and boundaries:
        problems.append(_size_problem(where, "Boundaries", edges, shape or labels.shape))
        if not np.isin(edges, (0, 1)).all():
            values = f"values up to {edges.max()}"
            problems.append(Problem(where, "Boundaries of 0 and 1", values))
    elif boundaries:
        problems.append(Problem(where, "Boundaries", "none"))
    problems = [problem for problem in problems if problem is not None]
    if problems:
        raise IntegrityError(problems, where)
    return Annotation(labels.astype(np.int32), None if edges is None else edges != 0)


def _member(cell: np.ndarray, name: str) -> np.ndarray | None:
    """A matrix of MATLAB's struct; None where it has no such matrix."""
    names = getattr(cell, "dtype", np.dtype(object)).names or ()
    if name not in names or np.size(cell) != 1:
        return None
    values = np.asarray(cell[name].item())
    return values if values.ndim == 2 and values.size and values.dtype.kind in "buif" else None


def _whole(labels: np.ndarray) -> bool:
    return bool((np.isfinite(labels) & (labels == np.round(labels))).all())


def _size_problem(
    where: str, what: str, values: np.ndarray, shape: tuple[int, int]
) -> Problem | None:
    if values.shape == tuple(shape):
        return None
    expected = f"{what} of {shape[0]} x {shape[1]} px (rows x columns) as its image"
    return Problem(where, expected, "{} x {}".format(*values.shape))
