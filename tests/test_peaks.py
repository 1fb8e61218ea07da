import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segmill.peaks import local_maxima, refined

maps = arrays(
    np.float32,
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    elements=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]),
)


def gaussian(shape, place, sigma, height=1.0):
    rows, columns = np.indices(shape)
    square = (rows - place[0]) ** 2 + (columns - place[1]) ** 2
    return (height * np.exp(-square / (2 * sigma**2))).astype(np.float32)


def maxima_by_loops(heights, threshold, distance, mask):
    """Candidates in descending order, each kept if none that was kept before is near."""
    candidates = []
    for r, c in np.ndindex(heights.shape):
        window = heights[max(r - 1, 0) : r + 2, max(c - 1, 0) : c + 2]
        if heights[r, c] == window.max() and heights[r, c] > threshold and mask[r, c]:
            candidates.append((-heights[r, c], r, c))
    kept = []
    for _, r, c in sorted(candidates):
        if all((r - y) ** 2 + (c - x) ** 2 > distance**2 for y, x in kept):
            kept.append((r, c))
    return sorted(kept)


@settings(max_examples=100, deadline=None)
@given(maps, st.sampled_from([0.0, 0.3]), st.sampled_from([1, 1.5, 2, 3.7]), st.integers(0, 9))
def test_maxima_are_those_of_the_definition(heights, threshold, distance, seed):
    mask = np.random.default_rng(seed).random(heights.shape) < 0.8
    found = local_maxima(heights, threshold, distance, mask)
    expected = maxima_by_loops(heights, threshold, distance, mask)
    assert [tuple(place) for place in found.tolist()] == expected


def test_a_plateau_is_one_maximum():
    heights = np.zeros((7, 9), np.float32)
    heights[3, 3:5] = 1
    assert local_maxima(heights, 0.5, 1).tolist() == [[3, 3]]
    assert local_maxima(np.zeros((5, 5), np.float32), 0.0, 1).shape == (0, 2)
    assert local_maxima(np.zeros((0, 5), np.float32), 0.0, 1).shape == (0, 2)


@settings(max_examples=50, deadline=None)
@given(st.floats(5, 9), st.floats(5, 9), st.floats(0.8, 4), st.floats(0.1, 2))
@example(5.5, 5.5, 1.0, 1.0)
def test_a_gaussian_peak_is_found_exactly(row, column, sigma, height):
    heights = gaussian((15, 15), (row, column), sigma, height)
    # Between four pixels all of them are highest: two lie farther apart than one pixel.
    place = local_maxima(heights, 0.01 * height, 1.5)
    np.testing.assert_allclose(refined(heights, place), [[row, column]], atol=2e-3)


def test_a_parabola_is_found_exactly_by_the_quadratic_vertex():
    rows, columns = np.indices((9, 9))
    heights = (5 - (rows - 4.3) ** 2 - 2 * (columns - 3.8) ** 2).astype(np.float32)
    found = refined(heights, np.array([[4, 4]]), "quadratic")
    np.testing.assert_allclose(found, [[4.3, 3.8]], atol=1e-5)
    assert refined(heights, np.array([[4, 4]]), "none").tolist() == [[4, 4]]


@pytest.mark.parametrize("method", ["gaussian", "quadratic"])
def test_at_the_edge_and_on_flat_ground_the_pixel_stays(method):
    heights = gaussian((9, 9), (0.3, 4.2), 1.5)
    ((row, column),) = refined(heights, np.array([[0, 4]]), method)
    assert row == 0
    assert 4 < column < 4.4
    flat = np.ones((5, 5), np.float32)
    assert refined(flat, np.array([[2, 2], [0, 0], [4, 4]]), method).tolist() == [
        [2, 2],
        [0, 0],
        [4, 4],
    ]


def test_negative_neighbours_move_a_place_by_half_a_pixel_at_most():
    heights = np.full((5, 5), -0.2, np.float32)
    heights[2, 2], heights[2, 3] = 1.0, 0.999
    ((row, column),) = refined(heights, np.array([[2, 2]]))
    assert row == 2
    assert 2 < column <= 2.5
