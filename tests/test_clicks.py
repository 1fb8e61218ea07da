"""Heat maps of clicks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmill.clicks import NO_CLICK, heat_map, most_likely_click, unknown


@given(st.floats(-5, 15), st.floats(-5, 15), st.floats(0.3, 20))
def test_heat_is_the_gaussian_of_the_distance(row, column, sigma):
    found = heat_map((9, 11), (row, column), sigma)
    rows, columns = np.mgrid[:9, :11]
    square = (rows - row) ** 2 + (columns - column) ** 2
    assert found.dtype == np.float32
    assert np.allclose(found, np.exp(-square / (2 * sigma**2)), atol=1e-6)


@given(st.integers(0, 8), st.integers(0, 10))
def test_the_most_likely_click_is_where_it_was(row, column):
    assert most_likely_click(heat_map((9, 11), (row, column), 2.0)) == (row, column)


def test_no_click_is_said():
    assert most_likely_click(heat_map((9, 11), None, 2.0)) == NO_CLICK
    assert most_likely_click(np.full((2, 2), 0.5)) == NO_CLICK
    assert most_likely_click(unknown((2, 2))) == NO_CLICK


def test_a_heat_map_without_width_is_refused():
    with pytest.raises(ValueError, match="above 0 pixels, found 0"):
        heat_map((3, 3), (1, 1), 0)
