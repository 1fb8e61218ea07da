"""Label images made from instances: the border class, consecutive ids."""

from collections.abc import Mapping

import numba
import numpy as np

from segmill.errors import ConfigError

BACKGROUND, CELL, BORDER = 0, 1, 2


def cell_border(instances: np.ndarray, width: float = 2) -> np.ndarray:
    """Classes background 0, cell 1 and border 2 of an instance image.

    A pixel of an instance is border where a pixel that is not of this instance lies at a Euclidean
    distance of at most `width` pixels, measured between pixel centres. Touching cells so get a
    border each. Beyond the edge of the image nothing is known: a cell cut by it has no border
    there.

    Parameters
    ----------
    instances : (h, w) integer object ids, 0 = background
    width : of the border in pixels, at least 0 (no border at all)

    Returns
    -------
    (h, w) uint8

    Raises
    ------
    ValueError
        if `instances` is no (h, w) integer array or `width` is negative or not finite.
    """
    instances = _checked(instances)
    if not 0 <= width < np.inf:
        raise ValueError(f"expected a border width of at least 0 pixels, found {width}")
    return _cell_border(instances, _disc(width))


def relabel(instances: np.ndarray) -> np.ndarray:
    """Give the objects the ids 1 .. n, in the order of their present ids.

    An id stays one object, however many pieces it has.

    Parameters
    ----------
    instances : (h, w) integer object ids, 0 = background, none negative

    Returns
    -------
    (h, w) int32

    Raises
    ------
    ValueError
        if `instances` is no (h, w) integer array or has a negative id.
    """
    instances = _checked(instances)
    if instances.size == 0:
        return instances.astype(np.int32)
    if instances.min() < 0:
        raise ValueError(f"expected ids of at least 0, found {instances.min()}")
    top = int(instances.max())
    if top > 4 * instances.size:
        ids, position = np.unique(instances, return_inverse=True)
        return (position.reshape(instances.shape) + (ids[0] != 0)).astype(np.int32)
    present = np.zeros(top + 1, bool)
    present[instances.ravel()] = True
    present[0] = False
    return np.where(present, np.cumsum(present), 0).astype(np.int32)[instances]


def check_derived(spec: Mapping) -> None:
    """Raise ConfigError unless :func:`derive` can follow `spec`; all offences at once."""
    if not isinstance(spec, Mapping) or spec.get("kind") != "cell_border":
        raise ConfigError(f"derived.semantic: expected kind 'cell_border', found {spec!r}")
    offences = [f"unknown key {key!r}" for key in spec if key not in ("kind", "width")]
    width = spec.get("width", 2)
    if isinstance(width, bool) or not isinstance(width, (int, float)) or not 0 <= width < np.inf:
        offences.append(f"width: expected a number of at least 0, found {width!r}")
    if offences:
        raise ConfigError("derived.semantic: " + "; ".join(offences))


def derive(instances: np.ndarray, spec: Mapping) -> np.ndarray:
    """Make the semantic labels that a store derives from its instances.

    Parameters
    ----------
    instances : (h, w) integer object ids, 0 = background
    spec : ``{"kind": "cell_border", "width": pixels}``, as in the store's attribute ``derived``

    Returns
    -------
    (h, w) uint8 class ids

    Raises
    ------
    ConfigError
        if `spec` names another kind or has an illegal value.
    """
    check_derived(spec)
    return cell_border(instances, spec.get("width", 2))


def _checked(instances: np.ndarray) -> np.ndarray:
    instances = np.asarray(instances)
    if instances.ndim != 2 or instances.dtype.kind not in "iu":
        raise ValueError(
            f"expected instances (h, w) of integers, found {instances.dtype} {instances.shape}"
        )
    return np.ascontiguousarray(instances)


def _disc(radius: float) -> np.ndarray:
    """(n, 2) offsets (row, column) at a distance above 0 and up to `radius`, nearest first."""
    reach = int(radius)
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1].reshape(2, -1)
    squared = rows**2 + columns**2
    order = np.argsort(squared, kind="stable")
    order = order[(squared[order] > 0) & (squared[order] <= radius**2)]
    return np.stack([rows[order], columns[order]], axis=1)


@numba.njit(cache=True, nogil=True)
def _cell_border(instances, offsets):
    height, width = instances.shape
    semantic = np.zeros((height, width), np.uint8)
    for y in range(height):
        for x in range(width):
            own = instances[y, x]
            if own == 0:
                continue
            semantic[y, x] = CELL
            for k in range(offsets.shape[0]):
                row, column = y + offsets[k, 0], x + offsets[k, 1]
                if 0 <= row < height and 0 <= column < width and instances[row, column] != own:
                    semantic[y, x] = BORDER
                    break
    return semantic
