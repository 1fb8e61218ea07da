"""Colours of instances: distinct for neighbours, the same from panel to panel; and overlays."""

import numpy as np
from skimage.segmentation import expand_labels, find_boundaries

from segmill.metrics.overlap import overlaps

# Eight hues at similar lightness, told apart with the common colour deficiencies. Six are enough
# for any map whose objects are in one piece, taken in smallest-last order (Matula and Beck, 1983).
INSTANCE_COLOURS = np.array(
    [
        (86, 180, 233),
        (230, 159, 0),
        (0, 158, 115),
        (240, 228, 66),
        (204, 121, 167),
        (213, 94, 0),
        (0, 114, 178),
        (170, 220, 140),
    ],
    np.uint8,
)
NEIGHBOUR_DISTANCE_PX = 6


def neighbours(labels: np.ndarray, distance: float = NEIGHBOUR_DISTANCE_PX) -> dict[int, set[int]]:
    """Ids of the objects whose mutual gap is at most about twice `distance` pixels, for each id.

    Parameters
    ----------
    labels : (h, w) integer object ids, 0 = background
    """
    grown = expand_labels(labels, distance)
    graph: dict[int, set[int]] = {int(i): set() for i in np.unique(labels) if i}
    shifts = [
        (grown[:, 1:], grown[:, :-1]),
        (grown[1:], grown[:-1]),
        (grown[1:, 1:], grown[:-1, :-1]),
        (grown[1:, :-1], grown[:-1, 1:]),
    ]
    for one, other in shifts:
        touch = (one != other) & (one != 0) & (other != 0)
        pairs = np.unique(np.column_stack([one[touch], other[touch]]), axis=0)
        for a, b in pairs.tolist():
            graph[a].add(b)
            graph[b].add(a)
    return graph


def colour_indices(
    labels: np.ndarray,
    reference: np.ndarray | None = None,
    reference_colours: dict[int, int] | None = None,
) -> dict[int, int]:
    """Index into ``INSTANCE_COLOURS`` for each object.

    Neighbours differ. With a reference, the object that overlaps a reference object most takes its
    colour, unless a neighbour already has it, so that an object keeps its colour from panel to
    panel; the others take one that no neighbour has.

    Parameters
    ----------
    labels : (h, w) integer object ids, 0 = background
    reference : label image of that shape, with its colours in `reference_colours`
    """
    graph = neighbours(labels)
    colours = {}
    if reference is not None:
        colours = _inherited(labels, reference, reference_colours or {}, graph)
    for label in _smallest_last(graph):
        if label not in colours:
            taken = [colours[n] for n in graph[label] if n in colours]
            colours[label] = _free_colour(label, taken)
    return colours


def _inherited(labels, reference, reference_colours: dict[int, int], graph) -> dict[int, int]:
    """Colour of the reference object for the predicted object that shares most pixels with it."""
    table = overlaps(labels, reference)
    colours: dict[int, int] = {}
    given = set()
    for pair in np.argsort(-table.areas, kind="stable"):
        label = int(table.prediction_ids[table.prediction[pair]])
        source = int(table.truth_ids[table.truth[pair]])
        if label in colours or source in given:
            continue
        colour = reference_colours[source]
        if all(colours.get(neighbour) != colour for neighbour in graph[label]):
            colours[label] = colour
            given.add(source)
    return colours


def _smallest_last(graph: dict[int, set[int]]) -> list[int]:
    """Ids in smallest-last order: each has few neighbours among those before it."""
    degrees = {label: len(around) for label, around in graph.items()}
    order = []
    while degrees:
        label = min(degrees, key=lambda one: (degrees[one], one))
        del degrees[label]
        order.append(label)
        for around in graph[label]:
            if around in degrees:
                degrees[around] -= 1
    return order[::-1]


def _free_colour(label: int, taken: list[int]) -> int:
    """A colour that no neighbour has, or that fewest have; the id chooses where to begin."""
    count = len(INSTANCE_COLOURS)
    candidates = [(label + i) % count for i in range(count)]
    return min(candidates, key=taken.count)


def to_rgb(image: np.ndarray) -> np.ndarray:
    """An image for the screen: (h, w, 3) uint8, stretched from its 0.5th to its 99.5th percentile.

    One channel becomes grey; the first three of more are taken as red, green, blue, and two get an
    empty blue. All channels are stretched together.
    """
    values = image[..., None] if image.ndim == 2 else image
    if values.shape[2] == 1:
        values = np.repeat(values, 3, axis=2)
    elif values.shape[2] == 2:
        values = np.concatenate([values, np.full_like(values[..., :1], values.min())], axis=2)
    values = values[..., :3].astype(np.float32)
    low, high = np.percentile(values, (0.5, 99.5))
    scale = 255.0 / (high - low) if high > low else 0.0
    return np.clip(np.rint((values - low) * scale), 0, 255).astype(np.uint8)


def overlay(
    image: np.ndarray,
    labels: np.ndarray,
    colours: dict[int, int],
    opacity: float = 0.45,
    least_side: int = 480,
) -> np.ndarray:
    """Objects filled transparently and outlined, on the image.

    Small images are enlarged by a whole factor first (pixels stay square and sharp), so that an
    outline is thinner than a pixel of the image.

    Parameters
    ----------
    image : (h, w) or (h, w, C)
    labels : (h, w) integer object ids, 0 = background
    colours : from :func:`colour_indices`
    opacity : of the filling, 0 .. 1; outlines are opaque
    least_side : the longer side of the result has at least as many pixels

    Returns
    -------
    (h k, w k, 3) uint8 with the whole factor k
    """
    factor = enlargement(image.shape[:2], least_side)
    canvas = enlarge(to_rgb(image), factor)
    ids = enlarge(labels, factor)
    known, position = np.unique(ids, return_inverse=True)
    chosen = np.array([INSTANCE_COLOURS[colours[i]] if i else (0, 0, 0) for i in known.tolist()])
    paint = chosen.reshape(-1, 3).astype(np.float32)[position.reshape(ids.shape)]
    inside = ids != 0
    canvas = canvas.astype(np.float32)
    canvas[inside] = (1 - opacity) * canvas[inside] + opacity * paint[inside]
    rim = find_boundaries(ids, mode="inner")
    canvas[rim] = paint[rim]
    return np.rint(canvas).astype(np.uint8)


def enlargement(shape: tuple[int, int], least_side: int) -> int:
    """Smallest whole factor that brings the longer side to `least_side` pixels."""
    return max(1, -(-least_side // max(shape)))


def enlarge(array: np.ndarray, factor: int) -> np.ndarray:
    """Repeat each pixel `factor` times along both image axes."""
    return np.repeat(np.repeat(array, factor, axis=0), factor, axis=1)
