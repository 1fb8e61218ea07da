"""Pixel weights of the cross entropy: rare classes and gaps between close cells weigh more.

weight = w_c + w0 exp(-(d1 + d2)^2 / (2 sigma^2)), with d1 and d2 the distances to the nearest and
the second nearest cell: O. Ronneberger, P. Fischer, T. Brox, "U-Net: Convolutional Networks for
Biomedical Image Segmentation", MICCAI 2015, equation 2.
"""

import numba
import numpy as np

# A term below this is set to 0: beside class weights near 1 it has no effect, and it bounds how far
# the search for the two cells must reach.
NEGLIGIBLE = 1e-6
_FAR = 1 << 28


def class_weights(
    semantic: np.ndarray, n_classes: int, ignore: np.ndarray | None = None
) -> np.ndarray:
    """Inverse class frequencies of one image, normalised so that the mean weight of a pixel is 1.

    With N annotated pixels, K classes present and n_c pixels of class c, w_c = N / (K n_c): every
    class present contributes the same to the loss, and the loss keeps its scale from image to
    image. A class that is absent has weight 0: no pixel of this image uses it.

    Parameters
    ----------
    semantic : (h, w) uint8 class ids
    n_classes : number of classes; entry c of the result is class id c, present or not
    ignore : (h, w) bool, True = not annotated and not counted

    Returns
    -------
    (n_classes,) float32

    Raises
    ------
    ValueError
        if a class id of an annotated pixel is not below `n_classes`.
    """
    labels = semantic.ravel() if ignore is None else semantic[~ignore]
    counts = np.bincount(labels, minlength=n_classes)
    if len(counts) > n_classes:
        found = np.flatnonzero(counts[n_classes:]) + n_classes
        raise ValueError(f"expected class ids below {n_classes}, found {found.tolist()}")
    present = counts > 0
    weights = np.zeros(n_classes, np.float32)
    weights[present] = counts.sum() / (np.count_nonzero(present) * counts[present])
    return weights


def border_term(instances: np.ndarray, w0: float = 10.0, sigma: float = 5.0) -> np.ndarray:
    """w0 exp(-(d1 + d2)^2 / (2 sigma^2)) at every pixel, exact but for terms below 1e-6.

    d1 and d2 are Euclidean distances between pixel centres to the nearest pixel of the nearest and
    of the second nearest cell. On a cell d1 = 0, and the formula is followed there too: the rim of
    a cell that faces another one weighs more, which is what tells touching cells apart where no
    background lies between them, and where the border class is made of cell pixels.

    The two nearest cells are found exactly in two separable passes: each of them is among the two
    nearest cells of some column, because two other cells that are nearer to the pixel within that
    column would be the two nearest themselves. Cost does not depend on the number of cells.

    Parameters
    ----------
    instances : (h, w) integer object ids, 0 = background
    w0 : weight where two cells meet
    sigma : of the decay with d1 + d2, in pixels, above 0

    Returns
    -------
    (h, w) float32; 0 everywhere with fewer than two cells.

    Raises
    ------
    ValueError
        if `instances` is no (h, w) integer array, `sigma` is not above 0, or `w0` is negative.
    """
    instances = np.asarray(instances)
    if instances.ndim != 2 or instances.dtype.kind not in "iu":
        raise ValueError(
            f"expected instances (h, w) of integers, found {instances.dtype} {instances.shape}"
        )
    if not 0 < sigma < np.inf or not 0 <= w0 < np.inf:
        raise ValueError(f"expected sigma above 0 and w0 of at least 0, found {sigma} and {w0}")
    if w0 <= NEGLIGIBLE:
        return np.zeros(instances.shape, np.float32)
    reach = sigma * np.sqrt(2 * np.log(w0 / NEGLIGIBLE))
    return _border_term(np.ascontiguousarray(instances), float(w0), float(sigma), float(reach))


def weight_map(
    semantic: np.ndarray,
    instances: np.ndarray,
    w0: float = 10.0,
    sigma: float = 5.0,
    ignore: np.ndarray | None = None,
    balanced: bool = True,
) -> np.ndarray:
    """w_c of the class of each pixel plus the border term; 0 where not annotated.

    A class that weighs more is predicted beyond its outline. Where classes are not balanced, w_c is
    1: gaps between cells weigh more, outlines of cells that stand alone stay where they are.

    Parameters
    ----------
    semantic : (h, w) uint8 class ids
    instances : (h, w) integer object ids, 0 = background
    w0, sigma : see :func:`border_term`
    ignore : (h, w) bool, True = not annotated
    balanced : w_c is that of :func:`class_weights`; False: 1 for every class

    Returns
    -------
    (h, w) float32
    """
    if semantic.shape != instances.shape:
        raise ValueError(
            f"semantic labels are {semantic.shape}, instances {instances.shape}: expected one frame"
        )
    of_class = class_weights(semantic, 256, ignore)[semantic] if balanced else np.float32(1)
    weights = of_class + border_term(instances, w0, sigma)
    if ignore is not None:
        weights[ignore] = 0
    return weights


@numba.njit(cache=True, nogil=True)
def _border_term(instances, w0, sigma, reach):
    height, width = instances.shape
    first, d_first, second, d_second = _column_pass(instances)
    term = np.zeros((height, width), np.float32)
    for y in range(height):
        _row_pass(first[y], d_first[y], second[y], d_second[y], w0, sigma, reach, term[y])
    return term


@numba.njit(cache=True, nogil=True)
def _column_pass(instances):
    """The two nearest cells of each pixel within its column: labels and squared distances."""
    height, width = instances.shape
    first, second = np.zeros_like(instances), np.zeros_like(instances)
    d_first = np.full((height, width), _FAR, np.int32)
    d_second = np.full((height, width), _FAR, np.int32)
    for downwards in (True, False):
        near, d_near = np.zeros(width, instances.dtype), np.zeros(width, np.int32)
        other, d_other = np.zeros(width, instances.dtype), np.zeros(width, np.int32)
        for step in range(height):
            y = step if downwards else height - 1 - step
            for x in range(width):
                label = instances[y, x]
                d_near[x] += 1
                d_other[x] += 1
                if label != 0:
                    if label != near[x]:
                        other[x], d_other[x] = near[x], d_near[x]
                        near[x] = label
                    d_near[x] = 0
                a = np.int32(_FAR) if near[x] == 0 else d_near[x] * d_near[x]
                b = np.int32(_FAR) if other[x] == 0 else d_other[x] * d_other[x]
                first[y, x], d_first[y, x], second[y, x], d_second[y, x] = _two_nearest(
                    first[y, x],
                    d_first[y, x],
                    second[y, x],
                    d_second[y, x],
                    near[x],
                    a,
                    other[x],
                    b,
                )
    return first, d_first, second, d_second


@numba.njit(cache=True, nogil=True, inline="always")
def _two_nearest(first, d_first, second, d_second, near, d_near, other, d_other):
    """The two nearest distinct cells of two ordered pairs (label, squared distance)."""
    if d_near < d_first:
        first, d_first, near, d_near = near, d_near, first, d_first
        second, d_second, other, d_other = other, d_other, second, d_second
    if near == first:
        near, d_near = other, d_other
    if d_near < d_second:
        second, d_second = near, d_near
    return first, d_first, second, d_second


@numba.njit(cache=True, nogil=True)
def _row_pass(first, d_first, second, d_second, w0, sigma, reach, term):
    """Fill the `term` of one row from what each of its columns found."""
    width = len(term)
    for x in range(width):
        a, d_a, b, d_b = first[x], d_first[x], second[x], d_second[x]
        limit = max(reach - np.sqrt(d_a), 0.5 * reach)
        k = 1
        # What lies k columns away is at least k away: once k has passed both bounds, it can neither
        # be nearer than the second cell nor make d1 + d2 fall below the reach.
        while k * k < d_b and k < limit:
            nearest = d_a
            for column in (x - k, x + k):
                if 0 <= column < width and d_first[column] + k * k < d_b:
                    a, d_a, b, d_b = _two_nearest(
                        a, d_a, b, d_b,
                        first[column], d_first[column] + k * k,
                        second[column], d_second[column] + k * k,
                    )  # fmt: skip
            if d_a != nearest:
                limit = max(reach - np.sqrt(d_a), 0.5 * reach)
            k += 1
        total = np.sqrt(d_a) + np.sqrt(d_b)
        if total < reach:
            term[x] = w0 * np.exp(-total * total / (2 * sigma * sigma))
