"""Merging of adjacent superpixels that differ little along a long common boundary."""

import numba
import numpy as np


def merge_superpixels(
    labels: np.ndarray,
    colours: np.ndarray,
    count: int,
    length_power: float = 2.0,
    regions: np.ndarray | None = None,
) -> np.ndarray:
    """Merge pairs of neighbours, the cheapest first, until `count` superpixels are left.

    Merging i and j adds to the sum of squared distances of the colours to their superpixels' means

        |i| |j| / (|i| + |j|)  |mean_i - mean_j|^2

    (Ward 1963) and removes a boundary of length L (pairs of 4-neighbours). The cost of a pair is
    the former over L^length_power: with 1 the Mumford-Shah criterion of Koepfler, Lopez and Morel
    (SIAM Journal on Numerical Analysis 31, 1994); with 2 long boundaries count more, which leaves
    fewer boundary pixels and rounder superpixels. Of equal costs the lower labels count.

    Parameters
    ----------
    labels : (h, w) int32, 0 .. n - 1 without gaps
    colours : (h, w, C) float32
    count : number wanted; more are left where no neighbours may merge
    length_power : see above
    regions : (h, w) integers; superpixels lie inside one of their values, and only those of equal
        values merge

    Returns
    -------
    (h, w) int32, 0 .. m - 1 without gaps
    """
    n = int(labels.max()) + 1
    if n <= count:
        return labels
    walls = np.zeros((0, 0), np.int32) if regions is None else np.asarray(regions, np.int32)
    labels = np.ascontiguousarray(labels)
    heads, ends, lengths, following = _adjacency(labels, walls, n)
    areas, means = _means(labels, colours, n)
    parents = _merge(heads, ends, lengths, following, areas, means, n - count, float(length_power))
    return _renamed(labels, parents)


@numba.njit(cache=True, nogil=True)
def _edge(i, other, heads, ends, following):
    """The edge from i to another label, -1 where there is none."""
    e = heads[i]
    while e >= 0 and ends[e] != other:
        e = following[e]
    return e


@numba.njit(cache=True, nogil=True)
def _adjacency(labels, walls, n):
    """Neighbours of each label as chained lists: first edge of each, then per edge the label at its
    other end, the boundary's length and the next edge. Edges 2 m and 2 m + 1 are one seen from
    either side.
    """
    height, width = labels.shape
    heads = np.full(n, -1, np.int64)
    ends = np.empty(16 * n + 16, np.int64)
    lengths = np.empty_like(ends)
    following = np.empty_like(ends)
    used = 0
    last = np.array([-1, -1])
    for r in range(height):
        for c in range(width):
            k = labels[r, c]
            for down in (0, 1):
                rr, cc = r + down, c + 1 - down
                if rr >= height or cc >= width or labels[rr, cc] == k:
                    continue
                if walls.size and walls[rr, cc] != walls[r, c]:
                    continue
                low, high = min(k, labels[rr, cc]), max(k, labels[rr, cc])
                # Mostly that of the pair before.
                e = last[down]
                if e < 0 or ends[e] != high or ends[e + 1] != low:
                    e = _edge(low, high, heads, ends, following)
                if e < 0:
                    if used == ends.size:
                        ends = np.concatenate((ends, np.empty_like(ends)))
                        lengths = np.concatenate((lengths, np.empty_like(lengths)))
                        following = np.concatenate((following, np.empty_like(following)))
                    e = used
                    used += 2
                    ends[e], lengths[e], following[e] = high, 0, heads[low]
                    ends[e + 1], lengths[e + 1], following[e + 1] = low, 0, heads[high]
                    heads[low], heads[high] = e, e + 1
                lengths[e] += 1
                lengths[e + 1] += 1
                last[down] = e
    return heads, ends, lengths, following


@numba.njit(cache=True, nogil=True)
def _means(labels, colours, n):
    channels = colours.shape[2]
    areas = np.zeros(n, np.float64)
    means = np.zeros((n, channels), np.float64)
    for r in range(labels.shape[0]):
        for c in range(labels.shape[1]):
            k = labels[r, c]
            areas[k] += 1
            for j in range(channels):
                means[k, j] += colours[r, c, j]
    for k in range(n):
        for j in range(channels):
            means[k, j] /= areas[k]
    return areas, means


@numba.njit(cache=True, nogil=True)
def _cheapest(i, heads, ends, lengths, following, areas, means, power):
    """The cheapest merge of i: its cost and the other label; inf, -1 without neighbours."""
    least, partner = np.inf, -1
    e = heads[i]
    while e >= 0:
        j = ends[e]
        distance = 0.0
        for c in range(means.shape[1]):
            distance += (means[i, c] - means[j, c]) ** 2
        cost = distance * areas[i] * areas[j] / (areas[i] + areas[j]) / lengths[e] ** power
        if cost < least or (cost == least and j < partner):
            least, partner = cost, j
        e = following[e]
    return least, partner


@numba.njit(cache=True, nogil=True)
def _merge(heads, ends, lengths, following, areas, means, merges, power):
    """Merge in place; for each label the one it was merged into, itself where it is left."""
    n = heads.size
    parents = np.arange(n)
    costs = np.empty(n)
    partners = np.empty(n, np.int64)
    for i in range(n):
        costs[i], partners[i] = _cheapest(i, heads, ends, lengths, following, areas, means, power)
    for _ in range(merges):
        i = np.argmin(costs)
        if costs[i] == np.inf:
            break
        j = partners[i]
        whole = areas[i] + areas[j]
        for c in range(means.shape[1]):
            means[i, c] = (means[i, c] * areas[i] + means[j, c] * areas[j]) / whole
        areas[i] = whole
        parents[j] = i
        costs[j] = np.inf
        _unlink(i, j, heads, ends, following)
        e = heads[j]
        while e >= 0:
            after = following[e]
            q = ends[e]
            if q != i:
                _relink(q, j, i, heads, ends, lengths, following)
                own = _edge(i, q, heads, ends, following)
                if own < 0:
                    following[e] = heads[i]
                    heads[i] = e
                else:
                    lengths[own] += lengths[e]
            e = after
        costs[i], partners[i] = _cheapest(i, heads, ends, lengths, following, areas, means, power)
        e = heads[i]
        while e >= 0:
            q = ends[e]
            costs[q], partners[q] = _cheapest(
                q, heads, ends, lengths, following, areas, means, power
            )
            e = following[e]
    return parents


@numba.njit(cache=True, nogil=True)
def _unlink(i, other, heads, ends, following):
    """Remove the edge from i to another label."""
    e, before = heads[i], -1
    while e >= 0 and ends[e] != other:
        e, before = following[e], e
    if e >= 0:
        if before < 0:
            heads[i] = following[e]
        else:
            following[before] = following[e]


@numba.njit(cache=True, nogil=True)
def _relink(q, old, new, heads, ends, lengths, following):
    """The edge of q to `old` leads to `new`, added to one that does already."""
    e = _edge(q, old, heads, ends, following)
    present = _edge(q, new, heads, ends, following)
    if present < 0:
        ends[e] = new
    else:
        lengths[present] += lengths[e]
        _unlink(q, old, heads, ends, following)


@numba.njit(cache=True, nogil=True)
def _renamed(labels, parents):
    n = parents.size
    names = np.full(n, -1, np.int32)
    used = 0
    for k in range(n):
        if parents[k] == k:
            names[k] = used
            used += 1
    for k in range(n):
        root = k
        while parents[root] != root:
            root = parents[root]
        names[k] = names[root]
    renamed = np.empty(labels.shape, np.int32)
    for r in range(labels.shape[0]):
        for c in range(labels.shape[1]):
            renamed[r, c] = names[labels[r, c]]
    return renamed
