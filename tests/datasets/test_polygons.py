"""Masks of polygons against rational arithmetic, matplotlib and scikit-image."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as Outline
from skimage.draw import polygon2mask

from segmill.datasets.polygons import outside, rasterise

SHAPE = (9, 11)
# Multiples of 1/4 px, also outside the image: corners and edges often meet centres of pixels.
quarters = st.integers(-12, 56).map(lambda k: k / 4)
corners = st.lists(st.tuples(quarters, quarters), min_size=3, max_size=9)


def even_odd(points, shape):
    """Centres in or on a polygon, one by one, in rational numbers."""
    exact = [(Fraction(x), Fraction(y)) for x, y in points]
    edges = list(zip(exact, exact[1:] + exact[:1], strict=True))
    mask = np.zeros(shape, bool)
    for r in range(shape[0]):
        for c in range(shape[1]):
            inside, on = False, False
            for (x0, y0), (x1, y1) in edges:
                turn = (x1 - x0) * (r - y0) - (y1 - y0) * (c - x0)
                between = min(x0, x1) <= c <= max(x0, x1) and min(y0, y1) <= r <= max(y0, y1)
                on |= turn == 0 and between
                if (y0 > r) != (y1 > r):
                    inside ^= c < x0 + (r - y0) * (x1 - x0) / (y1 - y0)
            mask[r, c] = inside or on
    return mask


@settings(max_examples=200, deadline=None)
@given(corners)
def test_equals_rational_arithmetic(points):
    np.testing.assert_array_equal(rasterise(np.array(points), SHAPE), even_odd(points, SHAPE))


@pytest.mark.parametrize("seed", range(20))
def test_equals_scikit_image(seed):
    rng = np.random.default_rng(seed)
    points = rng.uniform(-20, 90, (rng.integers(3, 40), 2))
    expected = polygon2mask((60, 80), points[:, ::-1])
    np.testing.assert_array_equal(rasterise(points, (60, 80)), expected)
    assert expected.any()


@pytest.mark.parametrize("seed", range(5))
def test_equals_matplotlib_for_simple_outlines(seed):
    # matplotlib takes the non-zero rule: equal where the outline does not cross itself.
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 25))
    radii = rng.uniform(5, 30, 25)
    points = 30 + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    rows, columns = np.mgrid[:60, :64]
    centres = np.stack([columns.ravel(), rows.ravel()], axis=1)
    expected = Outline(np.vstack([points, points[:1]])).contains_points(centres).reshape(60, 64)
    np.testing.assert_array_equal(rasterise(points, (60, 64)), expected)


def test_the_corners_of_the_image_cover_it():
    points = np.array([[0, 0], [10, 0], [10, 8], [0, 8]], float)
    assert rasterise(points, SHAPE).all()
    assert not rasterise(points + 20, SHAPE).any()
    assert not rasterise(points - 20, SHAPE).any()


def test_halves_leave_no_gap_and_no_overlap_but_the_edge():
    diagonal = np.array([[-1.3, -0.7], [12.9, 9.1]])
    upper = rasterise(np.vstack([diagonal, [[12.9, -5]]]), SHAPE)
    lower = rasterise(np.vstack([diagonal[::-1], [[-1.3, 9.1]]]), SHAPE)
    np.testing.assert_array_equal(upper ^ lower, np.ones(SHAPE, bool))


def test_a_crossed_outline_has_a_hole():
    star = np.array([[5, 0], [8, 8], [0, 3], [10, 3], [2, 8]], float)
    mask = rasterise(star, SHAPE)
    assert not mask[4, 5]
    np.testing.assert_array_equal(mask, even_odd(star, SHAPE))


def test_corners_outside():
    points = np.array([[-0.5, 0], [10.5, 8.5], [-0.6, 1], [3, 9.7], [np.inf, 0]])
    assert outside(points, SHAPE).tolist() == points[2:].tolist()
    assert outside(points, SHAPE, tolerance=0.15).tolist() == points[3:].tolist()
