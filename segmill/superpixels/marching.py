"""Fast marching with labels, compiled: fronts start from seeds and share out an image.

A front of region k arrives at a pixel p at the time T(p) that solves the discrete eikonal equation

    max(T - T_h, 0)^2 + max(T - T_v, 0)^2 = slowness_k(p)^2,
    slowness_k(p) = base(p) + weight |colour(p) - mean_k|^power,

first-order upwind on the 4-grid, where T_h and T_v are the smaller times of the accepted horizontal
and vertical neighbours. p gets the label of the accepted neighbour that brought its last, smallest
time, so that each region is 4-connected as it grows.

Pixels are accepted in the order of their times, equal ones row by row. Images are flat, padded by
one pixel all round: no index leaves them.

References
----------
Sethian, "A fast marching level set method for monotonically advancing fronts", PNAS 93, 1996.
Rouy, Tourin, "A viscosity solutions approach to shape-from-shading", SINUM 29, 1992.
Buyssens, Gardin, Ruan, "Eikonal based region growing for superpixels generation", SIPAIM 2014.
"""

import math

import numba
import numpy as np

# Channels of a colour; fewer are filled up with 0.
CHANNELS = 4
NONE = -1
# A pixel that the front of region k is to take is labelled PLANNED - k.
PLANNED = -2
# The queue. An entry is one integer: the bits of its time as float32, which order as times do
# because none is negative, above its pixel. Entries that share the leading bits of their time with
# the one that left last are in a binary heap, small enough for the nearest cache; later ones wait
# unordered in chained lists, one for each value of these bits (1/128 of the time wide).
_PIXEL = np.uint64(0xFFFFFFFF)
_LAST = np.uint64(0xFFFFFFFFFFFFFFFF)
_SHIFT = np.uint64(32)
_WITHIN = np.uint32(16)
_LISTS = 1 << 15
_END = -1


@numba.njit(cache=True, nogil=True, inline="always")
def upwind(a, b, slowness):
    """T of max(T - a, 0)^2 + max(T - b, 0)^2 = slowness^2 (Godunov); a or b may be inf."""
    low, high = min(a, b), max(a, b)
    gap = high - low
    if gap >= slowness:
        return low + slowness
    return np.float32(0.5) * (
        low + high + math.sqrt(np.float32(2) * slowness * slowness - gap * gap)
    )


# One long function: handed to functions of its own, the queue's arrays would be counted as
# references at each call, which doubles the time.
@numba.njit(cache=True, nogil=True)
def march(
    stride,
    colours,
    base,
    regions,
    weight,
    squared,
    running,
    shared,
    times,
    bits,
    labels,
    sums,
    seeds,
    first,
):
    """Let fronts run from `seeds` until no pixel is reached earlier than it was, all in place.

    Parameters
    ----------
    stride : pixels in a padded row
    colours : (P, CHANNELS) float32
    base : (P,) float32 above 0
    regions : (P,) int32, no front passes from one value to another; (0,): no such walls
    weight, squared : of the distance of colours; `squared` is power 2, else 1
    running : mean_k is the mean colour of the pixels of k, else that of its seed
    shared : times follow from accepted neighbours of any region, as in one eikonal equation;
        else from those of k only
    times : (P,) float32, arrival times, inf where none, -1 in the padding
    bits : `times` viewed as uint32
    labels : (P,) int32, region of each accepted pixel, else NONE
    sums : (n, CHANNELS + 1) float64, sums of the colours of the pixels of each region, and their
        number; of a region without running means the row is its seed's colour and 1
    seeds : (s,) int64 distinct pixels where new fronts start at time 0
    first : label of the first of them; n = first + s
    """
    walled = regions.size > 0
    means = np.zeros((sums.shape[0], CHANNELS), np.float32)
    for k in range(first):
        for j in range(CHANNELS):
            means[k, j] = sums[k, j] / max(sums[k, CHANNELS], 1)
    # A pixel enters once for each neighbour that is accepted, or as a seed.
    room = 4 * times.size + seeds.size
    heap = np.empty(room + 2, np.uint64)
    waiting = np.empty(room, np.int32)
    following = np.empty(room, np.int32)
    heads = np.full(_LISTS, _END, np.int32)
    in_heap, current, used, free = 0, -1, 0, _END
    for i in range(seeds.size):
        p = np.uint64(seeds[i])
        for j in range(CHANNELS):
            means[first + i, j] = colours[p, j]
        old = labels[p]
        if old >= 0 and running:
            for j in range(CHANNELS):
                sums[old, j] -= colours[p, j]
            sums[old, CHANNELS] -= 1
        times[p] = 0
        labels[p] = PLANNED - (first + i)
        waiting[used] = p
        following[used] = heads[0]
        heads[0] = used
        used += 1
    # Unsigned, which spares the check for indices from the end.
    row, one = np.uint64(stride), np.uint64(1)
    steps = (np.uint64(0) - row, np.uint64(0) - one, one, row)
    while True:
        if in_heap == 0:
            # The next list becomes the heap.
            current += 1
            while current < _LISTS and heads[current] == _END:
                current += 1
            if current == _LISTS:
                break
            place = np.int64(heads[current])
            while place != _END:
                p = np.uint64(waiting[place])
                # Not what has been accepted since, or has moved to an earlier list.
                if labels[p] < 0 and np.int64(bits[p] >> _WITHIN) == current:
                    key = (np.uint64(bits[p]) << _SHIFT) | p
                    i = in_heap
                    in_heap += 1
                    while i > 0 and heap[(i - 1) >> 1] > key:
                        heap[i] = heap[(i - 1) >> 1]
                        i = (i - 1) >> 1
                    heap[i] = key
                after = np.int64(following[place])
                following[place] = free
                free = place
                place = after
            heads[current] = _END
            if in_heap == 0:
                continue
        p = heap[0] & _PIXEL
        in_heap -= 1
        key = heap[in_heap]
        heap[in_heap] = _LAST
        i = 0
        child = 1
        while child < in_heap:
            child += np.int64(heap[child + 1] < heap[child])
            if key <= heap[child]:
                break
            heap[i] = heap[child]
            i = child
            child = 2 * i + 1
        heap[i] = key
        if labels[p] >= 0:
            continue
        t = times[p]
        k = PLANNED - labels[p]
        labels[p] = k
        if running:
            for j in range(CHANNELS):
                sums[k, j] += colours[p, j]
            sums[k, CHANNELS] += 1
            share = 1 / sums[k, CHANNELS]
            for j in range(CHANNELS):
                means[k, j] = sums[k, j] * share
        for d in range(4):
            q = p + steps[d]
            if times[q] <= t or (walled and regions[q] != regions[p]):
                continue
            distance = np.float32(0)
            for j in range(CHANNELS):
                e = colours[q, j] - means[k, j]
                distance += e * e
            if not squared:
                distance = math.sqrt(distance)
            a = b = np.float32(np.inf)
            if shared:
                for side in range(4):
                    x = q + steps[side]
                    if labels[x] >= 0 and (not walled or regions[x] == regions[q]):
                        if side == 0 or side == 3:
                            a = min(a, times[x])
                        else:
                            b = min(b, times[x])
            else:
                if labels[q - row] == k:
                    a = times[q - row]
                if labels[q + row] == k:
                    a = min(a, times[q + row])
                if labels[q - one] == k:
                    b = times[q - one]
                if labels[q + one] == k:
                    b = min(b, times[q + one])
            u = upwind(a, b, base[q] + weight * distance)
            if u >= times[q]:
                continue
            old = labels[q]
            if old >= 0 and running:
                for j in range(CHANNELS):
                    sums[old, j] -= colours[q, j]
                sums[old, CHANNELS] -= 1
            list_before = np.int64(bits[q] >> _WITHIN)
            times[q] = u
            labels[q] = PLANNED - k
            key = (np.uint64(bits[q]) << _SHIFT) | q
            list_of = np.int64(bits[q] >> _WITHIN)
            if list_of <= current:
                i = in_heap
                in_heap += 1
                while i > 0 and heap[(i - 1) >> 1] > key:
                    heap[i] = heap[(i - 1) >> 1]
                    i = (i - 1) >> 1
                heap[i] = key
            elif old >= NONE or list_of < list_before:
                place = free
                if place == _END:
                    place = used
                    used += 1
                else:
                    free = np.int64(following[place])
                waiting[place] = q
                following[place] = heads[list_of]
                heads[list_of] = place
