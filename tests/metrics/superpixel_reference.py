"""Superpixel metrics by their definitions, one pixel and one segment after the other."""

import math

NEIGHBOURS = ((-1, 0), (0, -1), (0, 1), (1, 0))


def pixels(labels):
    return [(r, c) for r in range(labels.shape[0]) for c in range(labels.shape[1])]


def segments(labels):
    """{label: set of its pixels}."""
    found = {}
    for p in pixels(labels):
        found.setdefault(int(labels[p]), set()).add(p)
    return found


def boundary(labels):
    """Pixels with a 4-neighbour of another label."""
    inside = set(pixels(labels))
    return {
        (r, c)
        for r, c in inside
        for dr, dc in NEIGHBOURS
        if (r + dr, c + dc) in inside and labels[r + dr, c + dc] != labels[r, c]
    }


def share_found(of, among, side):
    """Share of the pixels `of` that have one of `among` in the window around them."""
    reach = side // 2
    near = [
        any(
            (r + dr, c + dc) in among
            for dr in range(-reach, reach + 1)
            for dc in range(-reach, reach + 1)
        )
        for r, c in of
    ]
    return sum(near) / len(near) if near else math.nan


def mean_of_defined(values):
    defined = [v for v in values if not math.isnan(v)]
    return sum(defined) / len(defined) if defined else math.nan


def undersegmentation(labels, truth):
    """Max-overlap form."""
    lost = 0
    for found in segments(labels).values():
        lost += len(found) - max(len(found & true) for true in segments(truth).values())
    return lost / labels.size


def undersegmentation_np(labels, truth):
    total = 0
    for true in segments(truth).values():
        for found in segments(labels).values():
            if found & true:
                total += min(len(found & true), len(found - true))
    return total / labels.size


def achievable_accuracy(labels, truth):
    kept = [
        max(len(found & true) for true in segments(truth).values())
        for found in segments(labels).values()
    ]
    return sum(kept) / labels.size


def perimeter(labels, found):
    """Pixels of a segment with a 4-neighbour outside of it or of the image."""
    return sum(any((r + dr, c + dc) not in found for dr, dc in NEIGHBOURS) for r, c in found)


def compactness(labels):
    total = 0
    for found in segments(labels).values():
        area = len(found)
        total += area / labels.size * 4 * math.pi * area / perimeter(labels, found) ** 2
    return total


def explained_variation(labels, image):
    between = total = 0.0
    for channel in range(image.shape[2]):
        values = {p: float(image[p][channel]) for p in pixels(labels)}
        mean = sum(values.values()) / len(values)
        total += sum((v - mean) ** 2 for v in values.values())
        for found in segments(labels).values():
            own = sum(values[p] for p in found) / len(found)
            between += len(found) * (own - mean) ** 2
    return between / total if total else math.nan


def superpixels(labels, truths, image):
    found = {}
    for side in (5, 3):
        pairs = [(boundary(labels), boundary(t)) for t in truths]
        recalls = [share_found(b, a, side) for a, b in pairs]
        precisions = [share_found(a, b, side) for a, b in pairs]
        found[f"boundary_recall_{side}"] = mean_of_defined(recalls)
        found[f"boundary_precision_{side}"] = mean_of_defined(precisions)
    for measure in (undersegmentation, undersegmentation_np, achievable_accuracy):
        found[measure.__name__] = mean_of_defined([measure(labels, t) for t in truths])
    found["compactness"] = compactness(labels)
    found["contour_density"] = len(boundary(labels)) / labels.size
    found["explained_variation"] = explained_variation(labels, image)
    found["n_superpixels"] = float(len(segments(labels)))
    return found
