"""Which objects that the edge of an image cuts belong to the image."""

import numba
import numpy as np


def centred_in_view(labels: np.ndarray) -> np.ndarray:
    """Whether the centres of round objects lie in the image, also of those that its edge cuts.

    Counting the objects whose centre lies in the frame is unbiased, and in adjacent images none is
    counted twice: the associated point rule of stereology. Of a disc that an edge cuts, the centre
    lies on the near side where the part in view reaches deeper than half of its chord on the edge.
    In a corner, where both edges shorten the chords, this is an approximation.

    Parameters
    ----------
    labels : (h, w) integer ids from 1, 0 = background

    Returns
    -------
    (n + 1,) bool, n being the largest id; True also for ids that do not occur

    References
    ----------
    Miles, "The sampling, by quadrats, of planar aggregates", Journal of Microscopy 113, 1978.

    Examples
    --------
    >>> labels = np.zeros((9, 9), int)
    >>> labels[0, 1:6], labels[8, 8] = 1, 2
    >>> centred_in_view(labels).tolist()
    [True, False, True]
    """
    n = int(labels.max(initial=0))
    depth, chord = _reach(np.ascontiguousarray(labels), n)
    # Where nothing touches an edge, chord and depth are 0 and the object is whole.
    return ((2 * depth > chord) | (chord == 0)).all(axis=1)


@numba.njit(cache=True, nogil=True)
def _reach(labels, n):
    """Pixels that each id reaches from the top, bottom, left and right edge, and has on it.

    Both (n + 1, 4); ids that do not touch an edge have no chord on it.
    """
    height, width = labels.shape
    depth = np.zeros((n + 1, 4), np.int64)
    chord = np.zeros((n + 1, 4), np.int64)
    for r in range(height):
        for c in range(width):
            k = labels[r, c]
            if k == 0:
                continue
            places = (r, height - 1 - r, c, width - 1 - c)
            for edge in range(4):
                depth[k, edge] = max(depth[k, edge], places[edge] + 1)
                chord[k, edge] += places[edge] == 0
    return depth, chord
