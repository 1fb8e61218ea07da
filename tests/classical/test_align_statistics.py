import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segmill.classical.sweep_statistics import grey_frames, sweep_statistics
from segmill.random import generator


@settings(max_examples=25, deadline=None)
@given(
    frames=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=4, min_side=1, max_side=9)),
    data=st.data(),
)
def test_sums_are_exact(frames, data):
    chosen = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(frames), max_size=len(frames)))
    )
    chosen[0] = True
    found = sweep_statistics(frames, chosen)
    wide = frames[chosen].astype(np.int64)
    assert found.count == len(wide)
    np.testing.assert_array_equal(found.sum, wide.sum(axis=0))
    np.testing.assert_array_equal(found.squares, (wide**2).sum(axis=0))
    np.testing.assert_array_equal(found.least, wide.min(axis=0))
    np.testing.assert_array_equal(found.most, wide.max(axis=0))
    np.testing.assert_allclose(found.mean, wide.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(found.variance, wide.var(axis=0), rtol=1e-5, atol=1e-9)


def test_many_bright_frames_do_not_overflow():
    frames = np.full((3000, 2, 3), 255, np.uint8)
    frames[::2] = 254
    found = sweep_statistics(frames)
    np.testing.assert_allclose(found.variance, 0.25)


def test_views_count_as_what_they_show():
    frames = generator(0, "views").integers(0, 256, (6, 12, 14), dtype=np.uint8)
    found = sweep_statistics(frames[::2, :, ::3])
    np.testing.assert_array_equal(found.sum, frames[::2, :, ::3].astype(int).sum(axis=0))


def test_luminance_of_colour_frames():
    frames = generator(1, "colour").integers(0, 256, (3, 7, 5, 3), dtype=np.uint8)
    expected = frames @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(grey_frames(frames), expected, atol=0.6)
    grey = frames[..., 0]
    assert grey_frames(grey) is grey
    np.testing.assert_array_equal(grey_frames(frames[..., :1]), grey)


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        (np.zeros((2, 3, 3)), "uint8, found float64"),
        (np.zeros((3, 3), np.uint8), r"found uint8 \(3, 3\)"),
        (np.zeros((0, 3, 3), np.uint8), "1 to 66051 frames, found 0"),
    ],
)
def test_wrong_frames_are_refused(frames, reason):
    with pytest.raises(ValueError, match=reason):
        sweep_statistics(frames)
