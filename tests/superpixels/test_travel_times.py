import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import label

from segmill.superpixels import travel_times
from tests.superpixels.sweeping import sweep


@st.composite
def media(draw):
    """Slowness from constant to wild, sources, and walls."""
    height, width = draw(st.integers(1, 14)), draw(st.integers(1, 14))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spread = draw(st.sampled_from([0.0, 0.3, 3.0]))
    slowness = np.exp(rng.normal(0, spread, (height, width))).astype(np.float32)
    sources = np.where(rng.random((height, width)) < 0.05, rng.integers(1, 5, (height, width)), 0)
    sources[rng.integers(height), rng.integers(width)] = 9
    walls = None
    if draw(st.booleans()):
        walls = np.add.outer(np.arange(height) > height // 2, 2 * (np.arange(width) > width // 3))
    return slowness, sources, walls


@settings(max_examples=60, deadline=None)
@given(media())
def test_the_solution_is_that_of_fast_sweeping(medium):
    slowness, sources, walls = medium
    times, labels = travel_times(slowness, sources, walls)
    np.testing.assert_allclose(times, sweep(slowness, sources, walls), rtol=3e-6, atol=1e-6)
    assert ((labels > 0) == np.isfinite(times)).all()
    np.testing.assert_array_equal(labels[sources > 0], sources[sources > 0])
    for k in np.unique(labels[labels > 0]):
        # Each piece of a region has a source of its own.
        pieces = label(labels == k, connectivity=1)
        assert set(np.unique(pieces[pieces > 0])) <= set(pieces[sources == k])


def test_constant_speed_against_the_distance():
    rows, columns = np.mgrid[:81, :81] - 40
    distance = np.hypot(rows, columns)
    times, _ = travel_times(np.full((81, 81), 2.0), (distance == 0).astype(int))
    # First order: the error grows as h log h from a point source, largest on the diagonals.
    assert np.abs(times / 2 - distance).max() < 1.5
    np.testing.assert_allclose(times[40], 2 * np.abs(columns[0]), rtol=1e-6)


# scikit-fmm 2025.6.23: travel_time(column, speed, dx=1, order=1), a front from column 0; every
# ninth row, and every tenth column from 9, of a 30 x 40 image.
SKFMM = {
    "constant": [[6.0, 12.66667, 19.33333, 26.0]] * 4,
    "smooth": [
        [8.4616, 18.10227, 28.10227, 38.10099],
        [6.74718, 20.03491, 33.52613, 38.69523],
        [9.72098, 18.09796, 26.35789, 36.71594],
        [11.68965, 19.91143, 27.11571, 37.87312],
    ],
}


@pytest.mark.parametrize("speed", ["constant", "smooth"])
def test_times_of_scikit_fmm(speed):
    rows, columns = np.mgrid[:30, :40]
    varying = 1 + 0.5 * np.sin(rows / 5) * np.cos(columns / 7)
    speeds = np.full((30, 40), 1.5) if speed == "constant" else varying
    times, _ = travel_times(1 / speeds, (columns == 0).astype(int))
    np.testing.assert_allclose(times[::9, 9::10], SKFMM[speed], atol=2e-5)


def test_a_source_in_each_half():
    sources = np.zeros((5, 9), int)
    sources[2, 0], sources[2, 8] = 3, 4
    _, labels = travel_times(np.ones((5, 9)), sources)
    np.testing.assert_array_equal(labels[:, :4], 3)
    np.testing.assert_array_equal(labels[:, 5:], 4)


def test_ties_go_by_the_order_of_pixels():
    sources = np.zeros((1, 5), int)
    sources[0, 0], sources[0, 4] = 2, 1
    _, labels = travel_times(np.ones((1, 5)), sources)
    assert labels.tolist() == [[2, 2, 2, 1, 1]]
    _, flipped = travel_times(np.ones((1, 5)), sources[:, ::-1].copy())
    assert flipped.tolist() == [[1, 1, 1, 2, 2]]


def test_extreme_times_keep_their_order():
    slowness = np.ones((3, 40), np.float32)
    slowness[:, 20:] = 1e12
    slowness[:, :5] = 1e-12
    sources = np.zeros((3, 40), int)
    sources[1, 0] = 1
    times, labels = travel_times(slowness, sources)
    np.testing.assert_allclose(times, sweep(slowness, sources), rtol=1e-5)
    assert (labels == 1).all()


def test_no_source_no_arrival():
    times, labels = travel_times(np.ones((3, 4)), np.zeros((3, 4), int))
    assert np.isinf(times).all()
    assert not labels.any()


@pytest.mark.parametrize(
    ("slowness", "sources", "message"),
    [
        (np.ones((3, 4)), np.zeros((4, 3), int), "the sources"),
        (np.zeros((3, 4)), np.zeros((3, 4), int), "above 0"),
        (np.full((3, 4), np.nan), np.zeros((3, 4), int), "above 0 and finite"),
        (np.full((3, 4), np.inf), np.zeros((3, 4), int), "above 0 and finite"),
        (np.ones((3, 4)), np.full((3, 4), -1), "found -1"),
    ],
)
def test_bad_inputs_are_named(slowness, sources, message):
    with pytest.raises(ValueError, match=message):
        travel_times(slowness, sources)


def test_walls_of_another_shape():
    with pytest.raises(ValueError, match="the regions"):
        travel_times(np.ones((3, 4)), np.ones((3, 4), int), np.zeros((3, 3), int))
