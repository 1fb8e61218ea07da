"""Travel times of one front through a medium: the eikonal equation by fast marching."""

import numpy as np

from segmill.superpixels.marching import CHANNELS, NONE, march


def travel_times(
    slowness: np.ndarray, sources: np.ndarray, regions: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """When a front arrives at each pixel, and from which source.

    Solves |grad T| = slowness, T = 0 at the sources, by the first-order upwind scheme on the 4-grid
    with a spacing of 1, in float32: exact for the scheme but for rounding (about 1e-6 of T).

    Parameters
    ----------
    slowness : (h, w) numbers above 0, 1 / speed in pixels
    sources : (h, w) integers, 0 = none; pixels of one value are one source
    regions : (h, w) integers; the front does not pass from one value to another

    Returns
    -------
    times : (h, w) float32, inf where the front cannot come
    labels : (h, w) int32, value of the source that the front comes from, 0 where it cannot. A
        pixel has the label of the accepted neighbour that brought its time; where two sources are
        equally near, of the one that came first, pixels of equal time being accepted row by row.

    Raises
    ------
    ValueError
        if shapes differ, a slowness is not above 0 and finite, or a source is negative.

    Examples
    --------
    >>> times, labels = travel_times(np.full((1, 5), 2.0), np.array([[7, 0, 0, 0, 9]]))
    >>> times.tolist(), labels.tolist()
    ([[0.0, 2.0, 4.0, 2.0, 0.0]], [[7, 7, 7, 9, 9]])
    """
    slowness, sources = np.asarray(slowness, np.float32), np.asarray(sources)
    if slowness.ndim != 2 or sources.shape != slowness.shape:
        raise ValueError(f"the slowness is {slowness.shape}, the sources {sources.shape}")
    if regions is not None and np.shape(regions) != slowness.shape:
        raise ValueError(f"the regions are {np.shape(regions)}, the slowness {slowness.shape}")
    if slowness.size and not (slowness.min() > 0 and slowness.max() < np.inf):
        raise ValueError("expected a slowness above 0 and finite everywhere")
    if sources.size and sources.min() < 0:
        raise ValueError(f"expected sources of at least 0, found {sources.min()}")
    height, width = slowness.shape
    times = np.full((height + 2, width + 2), -1, np.float32)
    times[1:-1, 1:-1] = np.inf
    times = times.ravel()
    labels = np.full(times.size, NONE, np.int32)
    walls = np.zeros(0, np.int32)
    if regions is not None:
        walls = np.pad(np.asarray(regions, np.int32), 1).ravel()
    pixels = np.flatnonzero(np.pad(sources, 1))
    march(
        width + 2,
        np.zeros((times.size, CHANNELS), np.float32),
        np.pad(slowness, 1, constant_values=1).ravel(),
        walls,
        np.float32(0),
        True,
        False,
        True,
        times,
        times.view(np.uint32),
        labels,
        np.zeros((pixels.size, CHANNELS + 1)),
        pixels,
        0,
    )
    inside = (slice(1, -1), slice(1, -1))
    labels = labels.reshape(height + 2, -1)[inside]
    found = np.zeros((height, width), np.int32)
    found[labels >= 0] = sources[sources > 0][labels[labels >= 0]]
    return times.reshape(height + 2, -1)[inside].copy(), found
