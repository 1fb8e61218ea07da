import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segmill.augment.elastic import displacement
from segmill.augment.geometry import (
    affine_matrix,
    coordinate_map,
    nearest_pixels,
    reflections,
    take,
    warp_image,
)

RNG = np.random.default_rng(0)
sides = st.integers(1, 24)
dtypes = st.sampled_from([np.uint8, np.uint16, np.float32])


def image_of(shape, dtype, channels=1):
    top = 1 if dtype == np.float32 else np.iinfo(dtype).max
    return (RNG.random((*shape, channels)) * top).astype(dtype)


def middle(shape):
    return (shape[0] - 1) / 2, (shape[1] - 1) / 2


def move(values, matrix, shape=None):
    """Image and labels through the same map; the labels are the image's first channel."""
    shape = shape or values.shape[:2]
    coordinates = coordinate_map(shape, middle(values.shape), matrix)
    pixels, _ = nearest_pixels(coordinates, values.shape[:2])
    return warp_image(values, coordinates), take(values[..., 0], pixels)


@settings(deadline=None)
@given(sides, sides, dtypes, st.integers(1, 6))
def test_identity_returns_the_input(h, w, dtype, channels):
    values = image_of((h, w), dtype, channels)
    image, labels = move(values, np.eye(2))
    assert image.dtype == dtype
    np.testing.assert_array_equal(image, values)
    np.testing.assert_array_equal(labels, values[..., 0])


@settings(deadline=None)
@given(sides, sides, st.booleans(), st.booleans())
def test_flips_are_numpys_and_involutions(h, w, rows, columns):
    values = image_of((h, w), np.uint16)
    matrix = affine_matrix(flip_rows=rows, flip_columns=columns)
    expected = values[:: -1 if rows else 1, :: -1 if columns else 1]
    once, labels = move(values, matrix)
    np.testing.assert_array_equal(once, expected)
    np.testing.assert_array_equal(labels, expected[..., 0])
    np.testing.assert_array_equal(move(once, matrix)[0], values)


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, -1])
def test_quarter_turns_are_exact_and_counter_clockwise(turns):
    values = image_of((9, 14), np.uint8)
    expected = np.rot90(values, turns)
    image, labels = move(values, affine_matrix(rotation=90.0 * turns), expected.shape[:2])
    np.testing.assert_array_equal(image, expected)
    np.testing.assert_array_equal(labels, expected[..., 0])


def test_rotation_agrees_with_scipy():
    smooth = ndimage.gaussian_filter(RNG.random((61, 61)), 3).astype(np.float32)
    turned, _ = move(smooth[..., None], affine_matrix(rotation=25))
    expected = ndimage.rotate(smooth, 25, reshape=False, order=1, mode="mirror")
    np.testing.assert_allclose(turned[..., 0], expected, atol=1e-3)


def test_zoom_and_shear_move_a_point_where_they_should():
    values = np.zeros((41, 41, 1), np.uint8)
    values[25, 20] = 1  # 5 below the centre
    _, zoomed = move(values, affine_matrix(zoom=2))
    rows, columns = np.nonzero(zoomed)
    assert (rows.mean(), columns.mean()) == pytest.approx((30, 20), abs=0.51)
    _, sheared = move(values, affine_matrix(shear=45))
    assert np.argwhere(sheared).tolist() == [[25, 25]]


@settings(deadline=None, max_examples=50)
@given(
    st.floats(-180, 180), st.floats(0.5, 2), st.floats(-30, 30), st.booleans(), st.booleans(),
    st.integers(0, 1000), st.sampled_from(["linear", "cubic"]),
)  # fmt: skip
def test_image_follows_the_coordinates_and_labels_take_the_nearest(
    rotation, zoom, shear, rows, columns, seed, interpolation
):
    shape, source = (20, 25), (60, 70)
    matrix = affine_matrix(rotation, zoom, shear, rows, columns)
    field = displacement(np.random.default_rng(seed), shape, 30, 3)
    coordinates = coordinate_map(shape, (30, 35), matrix, field)
    pixels, beyond = nearest_pixels(coordinates, source)
    # An image that says where it was taken from. OpenCV rounds positions to 1/32 pixel, and its
    # cubic kernel (a = -0.75) bends a ramp a little.
    tolerance = 1 / 32 if interpolation == "linear" else 0.09
    image = np.stack(np.mgrid[: source[0], : source[1]], axis=2).astype(np.float32)
    shown = np.moveaxis(warp_image(image, coordinates, interpolation), 2, 0)
    inside = (coordinates > 3).all(0) & (coordinates < np.array(source)[:, None, None] - 4).all(0)
    np.testing.assert_allclose(shown[:, inside], coordinates[:, inside], atol=tolerance)
    at = np.stack([take(image[..., 0], pixels), take(image[..., 1], pixels)])
    assert np.abs(at - coordinates)[:, inside].max(initial=0) <= 0.5
    assert beyond == bool(np.any([r != 0 for r in reflections(coordinates, source)]))


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 7), st.integers(1, 7), st.integers(0, 20))
def test_beyond_the_image_it_is_reflected_alike(h, w, margin):
    values = image_of((h, w), np.uint8)
    shape = (h + 2 * margin, w + 2 * margin)
    image, labels = move(values, np.eye(2), shape)
    expected = np.pad(values, ((margin, margin), (margin, margin), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(image, expected)
    np.testing.assert_array_equal(labels, expected[..., 0])


def test_mirror_images_are_counted_from_the_source():
    coordinates = coordinate_map((1, 13), (0, 2), np.eye(2))  # columns -4 .. 8 of a row of 3
    rows, columns = reflections(coordinates, (1, 3))
    assert not rows.any()
    assert columns[0].tolist() == [-2, -2, -1, -1, 0, 0, 0, 1, 1, 2, 2, 3, 3]


def test_labels_of_any_id_survive():
    labels = np.array([[0, 2**31 - 1], [70_000, 2**24 + 1]], np.int32)
    coordinates = coordinate_map((2, 2), (0.5, 0.5), affine_matrix(rotation=180))
    pixels, _ = nearest_pixels(coordinates, (2, 2))
    np.testing.assert_array_equal(take(labels, pixels), labels[::-1, ::-1])


def test_a_source_too_large_for_opencv_is_refused():
    wide = np.zeros((1, 40_000, 1), np.uint8)
    with pytest.raises(ValueError, match="32766"):
        warp_image(wide, coordinate_map((1, 1), (0, 0)))
