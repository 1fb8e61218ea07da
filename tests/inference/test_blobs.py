import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from skimage.measure import label, regionprops

from segmill.inference.blobs import find_blobs


def random_mask(seed, shape=(23, 31)):
    """Blobs of many shapes: smooth noise above a level, and some single pixels."""
    rng = np.random.default_rng(seed)
    smooth = gaussian_filter(rng.normal(size=shape), rng.uniform(0.6, 3))
    return (smooth > np.quantile(smooth, rng.uniform(0.5, 0.95))) | (rng.random(shape) > 0.99)


def angle_apart(a, b):
    """Degrees between two axes, 0 to 90."""
    return abs((a - b + 90) % 180 - 90)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6))
def test_blobs_are_those_of_scikit_image(seed):
    mask = random_mask(seed)
    expected = {props.coords[0].tobytes(): props for props in regionprops(label(mask))}
    found = find_blobs(mask)
    assert len(found) == len(expected)
    assert [blob.area for blob in found] == sorted((blob.area for blob in found), reverse=True)
    by_box = {(p.bbox, p.area): p for p in expected.values()}
    for blob in found:
        props = by_box[blob.bbox, blob.area]
        np.testing.assert_allclose(blob.centroid, props.centroid, atol=1e-9)
        np.testing.assert_allclose(blob.major_axis, props.axis_major_length, atol=1e-6)
        np.testing.assert_allclose(blob.minor_axis, props.axis_minor_length, atol=1e-4)
        if blob.major_axis - blob.minor_axis > 1e-6:
            # scikit-image measures from the downward axis.
            assert angle_apart(blob.orientation, math.degrees(props.orientation) + 90) < 1e-4
        right = props.coords[:, 1].max()
        assert blob.extreme[1] == right
        assert mask[blob.extreme]


def test_the_order_of_equal_blobs_is_that_of_reading():
    mask = np.zeros((9, 9), bool)
    mask[4, 0] = mask[0, 8] = mask[0, 2] = mask[8, 4] = True
    mask[6, 6:9] = True
    assert [blob.centroid for blob in find_blobs(mask)] == [
        (6, 7), (0, 2), (0, 8), (4, 0), (8, 4),
    ]  # fmt: skip


def test_a_pixel_a_line_a_square_and_nothing():
    mask = np.zeros((7, 9), bool)
    assert find_blobs(mask) == ()
    mask[3, 5] = True
    (pixel,) = find_blobs(mask)
    assert (pixel.area, pixel.centroid, pixel.bbox) == (1, (3, 5), (3, 5, 4, 6))
    assert (pixel.major_axis, pixel.minor_axis, pixel.orientation) == (0, 0, None)
    assert (pixel.extreme, pixel.box) == ((3, 5), (3, 5, 1, 1))
    mask[2:5, 4:7] = True
    (square,) = find_blobs(mask)
    assert square.major_axis == square.minor_axis == pytest.approx(4 * np.sqrt(2 / 3))
    assert square.orientation is None


@pytest.mark.parametrize(
    ("step", "orientation"), [((0, 1), 0), ((1, 0), 90), ((1, 1), -45), ((-1, 1), 45)]
)
@pytest.mark.parametrize("n", [2, 3, 17])
def test_lines_have_no_width(step, orientation, n):
    mask = np.zeros((40, 40), bool)
    for k in range(n):
        mask[20 + k * step[0], 10 + k * step[1]] = True
    (line,) = find_blobs(mask)
    length = np.hypot(*step)
    assert line.major_axis == pytest.approx(4 * length * np.sqrt((n**2 - 1) / 12))
    assert line.minor_axis == 0
    assert line.orientation == orientation


def test_extreme_points_are_farthest_from_the_side_of_entry():
    mask = np.zeros((11, 13), bool)
    mask[5, 2:12] = mask[1:10, 6] = True
    expected = {"left": (5, 11), "right": (5, 2), "top": (9, 6), "bottom": (1, 6)}
    for side, point in expected.items():
        assert find_blobs(mask, side)[0].extreme == point
    with pytest.raises(ValueError, match="expected a side among left"):
        find_blobs(mask, "above")


def test_of_several_farthest_pixels_the_middle_one_counts():
    mask = np.zeros((9, 6), bool)
    mask[1:6, 1:4] = True
    assert find_blobs(mask)[0].extreme == (3, 3)
    mask[6, 1:4] = True
    assert find_blobs(mask)[0].extreme == (3, 3)
    assert find_blobs(mask, "bottom")[0].extreme == (1, 2)


def test_sides_that_are_touched():
    mask = np.zeros((6, 8), bool)
    mask[2:4, 2:4] = True
    assert find_blobs(mask)[0].borders == ()
    mask[2, :4] = True
    assert find_blobs(mask)[0].borders == ("left",)
    mask[:] = True
    assert find_blobs(mask)[0].borders == ("left", "right", "top", "bottom")


def test_small_blobs_can_be_left_out():
    mask = np.zeros((6, 8), bool)
    mask[0, 0] = mask[3, 3:6] = True
    assert [blob.area for blob in find_blobs(mask, min_size=3)] == [3]
    assert find_blobs(mask, min_size=4) == ()


def test_large_blobs_do_not_overflow():
    # The number of pixels times their second moment is 7.5e19 here, beyond 64 bits.
    mask = np.zeros((2500, 2500), bool)
    mask[10:2490, 20:2480] = True
    (blob,) = find_blobs(mask)
    assert blob.area == 2480 * 2460
    assert blob.major_axis == pytest.approx(4 * np.sqrt((2480**2 - 1) / 12), rel=1e-12)
    assert blob.minor_axis == pytest.approx(4 * np.sqrt((2460**2 - 1) / 12), rel=1e-12)
    assert blob.orientation == 90
