"""Slow, plain definitions that the metrics are checked against, and images to check them on."""

import itertools

import numpy as np
from hypothesis import strategies as st


def objects(labels):
    """{id: set of its pixels (row, column)}, background left out."""
    found = {}
    for r in range(labels.shape[0]):
        for c in range(labels.shape[1]):
            if labels[r, c] != 0:
                found.setdefault(int(labels[r, c]), set()).add((r, c))
    return found


def seg_scores(prediction, truth):
    """Score of each reference object by the wording of the Cell Tracking Challenge."""
    scores = []
    for _, reference in sorted(objects(truth).items()):
        score = 0.0
        for found in objects(prediction).values():
            if len(reference & found) > 0.5 * len(reference):
                score = len(reference & found) / len(reference | found)
        scores.append(score)
    return scores


def best_matching(prediction, truth, threshold):
    """(tp, sum of IoU) of the best of all one-to-one assignments, by trying each of them."""
    found, references = list(objects(prediction).values()), list(objects(truth).values())
    if len(found) > len(references):
        found, references = references, found
    score = [[len(a & b) / len(a | b) for b in references] for a in found]
    best = (0, 0.0)
    for choice in itertools.permutations(range(len(references)), len(found)):
        kept = [score[a][b] for a, b in enumerate(choice) if score[a][b] >= threshold]
        best = max(best, (len(kept), sum(kept)))
    return best


@st.composite
def label_images(draw, count=2, max_objects=5, max_side=9):
    """`count` label images of one shape, of overlapping rectangles with arbitrary ids."""
    height, width = draw(st.integers(1, max_side)), draw(st.integers(1, max_side))
    images = []
    for _ in range(count):
        image = np.zeros((height, width), np.int32)
        for _ in range(draw(st.integers(0, max_objects))):
            label = draw(st.sampled_from([1, 2, 3, 7, 255, 65536, 2**31 - 1]))
            top, left = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
            bottom, right = draw(st.integers(top, height)), draw(st.integers(left, width))
            image[top:bottom, left:right] = label
        images.append(image)
    return images
