import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segmill.augment.mirror import mirrored_instances, quarter_and_mirror, separate_mirrored
from segmill.errors import SegmillError

RNG = np.random.default_rng(0)


@settings(deadline=None)
@given(st.integers(1, 13), st.integers(1, 13), st.integers(0, 3))
def test_the_quarter_stays_and_the_rest_mirrors_it(h, w, quarter):
    values = RNG.integers(0, 99, (h, w, 2))
    out = quarter_and_mirror(values, quarter)
    np.testing.assert_array_equal(out, out[::-1])
    np.testing.assert_array_equal(out, out[:, ::-1])
    rows = np.s_[h // 2 :] if quarter >= 2 else np.s_[: (h + 1) // 2]
    columns = np.s_[w // 2 :] if quarter % 2 else np.s_[: (w + 1) // 2]
    np.testing.assert_array_equal(out[rows, columns], values[rows, columns])


def test_top_left_quarter():
    out = quarter_and_mirror(np.arange(16).reshape(4, 4), 0)
    expected = [[0, 1, 1, 0], [4, 5, 5, 4], [4, 5, 5, 4], [0, 1, 1, 0]]
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("quarter", range(4))
def test_mirror_images_are_objects_of_their_own_unless_they_touch(quarter):
    rng = np.random.default_rng(quarter)
    seeds = np.zeros((40, 30), bool)
    seeds[tuple(rng.integers(0, [[40], [30]], (2, 25)))] = True
    blobs = ndimage.binary_dilation(seeds, iterations=2)
    instances = ndimage.label(blobs)[0].astype(np.int32) * 70_001
    out = mirrored_instances(instances, quarter)
    assert out.dtype == np.int32
    folded = quarter_and_mirror(instances, quarter)
    np.testing.assert_array_equal(out > 0, folded > 0)
    # Blobs never touch each other, so objects are the connected components, but for a blob that
    # its quarter's outer edge or the fold cuts in pieces.
    components, count = ndimage.label(folded)
    for i in range(1, count + 1):
        assert len(np.unique(out[components == i])) == 1
    whole = {v for v in np.unique(folded) if v and ndimage.label(folded == v)[1] == 4}
    assert whole
    for v in whole:
        assert len(np.unique(out[folded == v])) == 4


def test_an_object_across_the_mirror_is_one():
    instances = np.zeros((6, 6), np.int32)
    instances[2, :2] = 5  # reaches the horizontal axis, not the vertical one
    out = mirrored_instances(instances, 0)
    assert set(np.unique(out)) == {0, 5, 6}
    np.testing.assert_array_equal(out[2:4, :2], 5)
    np.testing.assert_array_equal(out[2:4, 4:], 6)


def test_new_ids_that_do_not_fit_are_refused():
    instances = np.full((1, 2), 2**31 - 1, np.int32)
    mirror, none = np.array([[0, 1]]), np.zeros((1, 2), np.int64)
    with pytest.raises(SegmillError, match="no room"):
        separate_mirrored(instances, none, mirror, {}, {})


def test_there_are_four_quarters():
    with pytest.raises(ValueError, match="found 4"):
        quarter_and_mirror(np.zeros((4, 4)), 4)
