import heapq

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.segmentation import watershed

from segmill.inference.watershed import flood


def flood_by_heap(level, seeds, mask):
    """The same order of pixels (level, arrival) by a heap, in plain Python."""
    labels, heap, arrival = seeds.copy(), [], 0
    neighbours = ((-1, 0), (0, -1), (0, 1), (1, 0))
    inside = set(zip(*np.nonzero(mask), strict=True))
    for r, c in zip(*np.nonzero(seeds * mask), strict=True):
        heapq.heappush(heap, (level[r, c], arrival, r, c))
        arrival += 1
    while heap:
        _, _, r, c = heapq.heappop(heap)
        for dr, dc in neighbours:
            y, x = r + dr, c + dc
            if (y, x) in inside and labels[y, x] == 0:
                labels[y, x] = labels[r, c]
                heapq.heappush(heap, (level[y, x], arrival, y, x))
                arrival += 1
    return labels


@st.composite
def landscapes(draw):
    height, width = draw(st.integers(1, 10)), draw(st.integers(1, 10))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    level = rng.integers(0, draw(st.sampled_from([1, 3, 256])), (height, width)).astype(np.uint8)
    seeds = np.where(rng.random(level.shape) < 0.15, rng.integers(1, 6, level.shape), 0)
    return level, seeds.astype(np.int32), rng.random(level.shape) < draw(st.sampled_from([0.6, 1]))


@settings(max_examples=150, deadline=None)
@given(landscapes())
def test_equals_a_heap(landscape):
    np.testing.assert_array_equal(flood(*landscape), flood_by_heap(*landscape))


def test_equals_scikit_image_where_no_two_levels_are_equal():
    rng = np.random.default_rng(1)
    for _ in range(10):
        level = rng.permutation(256).reshape(16, 16).astype(np.uint8)
        seeds = np.zeros((16, 16), np.int32)
        seeds[2, 3], seeds[12, 5], seeds[7, 13] = 1, 2, 3
        mask = rng.random((16, 16)) < 0.9
        expected = watershed(level, np.where(mask, seeds, 0), mask=mask, connectivity=1)
        found = np.where(mask, flood(level, seeds, mask), 0)
        np.testing.assert_array_equal(found, expected)


def test_a_ridge_parts_two_basins():
    level = np.array([[0, 1, 2, 9, 2, 1, 0]], np.uint8)
    seeds = np.array([[1, 0, 0, 0, 0, 0, 2]], np.int32)
    found = flood(level, seeds, np.ones((1, 7), bool))
    assert found[0, :3].tolist() == [1, 1, 1]
    assert found[0, 4:].tolist() == [2, 2, 2]


def test_the_input_is_not_written_to():
    seeds = np.array([[1, 0]], np.int32)
    flood(np.zeros((1, 2), np.uint8), seeds, np.ones((1, 2), bool))
    assert seeds.tolist() == [[1, 0]]
