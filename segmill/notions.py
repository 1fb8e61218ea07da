"""Overlapping notions of one image: a bit per notion in one (h, w) uint16 map.

A sample store holds them as `notions`; their names, in the order of the bits, are its attribute
``notions``. Position k of the names is bit k of the map and channel k of a network's output.
"""

from collections.abc import Mapping, Sequence

import numpy as np

FOREGROUND = "foreground"
# Parts of a sample on a goniometer at a beamline, in the order of the published network's heads.
BEAMLINE = ("crystal", "loop_inside", "loop", "stem", "pin", "capillary", "ice", FOREGROUND)
MOST_NOTIONS = 16


def pack(masks: np.ndarray) -> np.ndarray:
    """Bit map of masks.

    Parameters
    ----------
    masks : (h, w, K) bool, K at most 16

    Returns
    -------
    (h, w) uint16, bit k set where ``masks[..., k]``

    Examples
    --------
    >>> pack(np.array([[[True, False], [True, True]]])).tolist()
    [[1, 3]]
    """
    count = masks.shape[2]
    if count > MOST_NOTIONS:
        raise ValueError(f"expected at most {MOST_NOTIONS} notions, found {count}")
    bits = np.zeros(masks.shape[:2], np.uint16)
    for k in range(count):
        bits |= masks[:, :, k].astype(np.uint16) << np.uint16(k)
    return bits


def unpack(bits: np.ndarray, count: int) -> np.ndarray:
    """Masks (h, w, count) bool of a bit map (h, w) of integers; the inverse of :func:`pack`."""
    places = np.arange(count, dtype=bits.dtype)
    return (bits[:, :, None] >> places & 1).astype(bool)


def pack_named(
    masks: Mapping[str, np.ndarray], names: Sequence[str], shape: tuple[int, int]
) -> np.ndarray:
    """Bit map of named masks; where `names` has a foreground, it is the union of all masks.

    Parameters
    ----------
    masks : name -> (h, w) bool; may lack names, and may have parts that `names` does not know but
        that belong to the foreground all the same
    names : notions in the order of the bits
    shape : (h, w)

    Returns
    -------
    (h, w) uint16

    Examples
    --------
    >>> pin = np.array([[True, False]])
    >>> pack_named({"pin": pin}, ("loop", "pin", "foreground"), (1, 2)).tolist()
    [[6, 0]]
    """
    stacked = np.zeros((*shape, len(names)), bool)
    for k, name in enumerate(names):
        if name == FOREGROUND:
            for mask in masks.values():
                stacked[:, :, k] |= mask
        elif name in masks:
            stacked[:, :, k] = masks[name]
    return pack(stacked)
