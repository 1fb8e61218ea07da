import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, uniform_filter

from segmill.inference.tiling import TilingOptions, predict_tiled

MODES = ["whole", "blend", "exact", "grid"]
sides = st.integers(1, 40)


def picture(height, width, channels=1):
    values = np.random.default_rng(height * 100 + width).integers(0, 256, (channels, height, width))
    return values.astype(np.uint8)


def pointwise(tiles):
    """Two scores of each pixel that depend on nothing else."""
    x = tiles[:, :1].astype(np.float32) / 255
    return np.concatenate([x, 1 - x**2], axis=1)


def box_mean(tiles, reach=2):
    """Mean over a square, zero beyond the edge of the tile, as a convolution has it."""
    x = tiles.astype(np.float32)
    return uniform_filter(x, (0, 0, 2 * reach + 1, 2 * reach + 1), mode="constant")


@settings(max_examples=60, deadline=None)
@given(sides, sides, st.sampled_from(MODES), st.integers(1, 20), st.sampled_from([1, 2, 4, 8]))
def test_what_looks_at_one_pixel_does_not_notice_tiles(height, width, mode, size, multiple):
    image = picture(height, width, 3)
    options = TilingOptions(mode=mode, size=size, grid=3, margin=3)
    found = predict_tiled(pointwise, image, options, multiple)
    assert found.shape == (2, height, width)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, pointwise(image[None])[0], atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(sides, sides, st.integers(1, 16), st.integers(2, 6), st.sampled_from([1, 2, 4]))
def test_a_margin_that_covers_the_receptive_field_is_exact(height, width, size, margin, multiple):
    image = picture(height, width)
    whole = predict_tiled(box_mean, image, TilingOptions(mode="whole"), multiple)
    tiled = predict_tiled(box_mean, image, TilingOptions(mode="exact", size=size), multiple, margin)
    np.testing.assert_allclose(tiled, whole, atol=1e-4)


def test_a_margin_that_does_not_cover_it_shows():
    image = picture(32, 32)
    whole = predict_tiled(box_mean, image, TilingOptions(mode="whole"))
    tiled = predict_tiled(box_mean, image, TilingOptions(mode="exact", size=8, margin=1))
    assert np.abs(tiled - whole).max() > 1


@settings(max_examples=40, deadline=None)
@given(sides, sides, st.sampled_from(MODES), st.integers(1, 20), st.sampled_from([1, 4]))
def test_tiles_have_legal_sizes_and_bounded_batches(height, width, mode, size, multiple):
    seen = []

    def network(tiles):
        seen.append(tiles.shape)
        return pointwise(tiles)

    options = TilingOptions(mode=mode, size=size, margin=2, batch=3)
    predict_tiled(network, picture(height, width), options, multiple)
    for batch, _, h, w in seen:
        assert batch <= 3
        assert h % multiple == w % multiple == 0
        if mode == "blend":
            assert max(h, w) <= size + multiple - 1
        if mode == "exact":
            assert max(h, w) <= size + multiple - 1 + 2 * (2 + multiple - 1)


def test_whole_pads_by_reflection_at_the_bottom_and_the_right():
    image = picture(5, 6)
    seen = []

    def network(tiles):
        seen.append(tiles[0, 0])
        return pointwise(tiles)

    predict_tiled(network, image, TilingOptions(mode="whole"), multiple=8)
    np.testing.assert_array_equal(seen[0], np.pad(image[0], ((0, 3), (0, 2)), mode="reflect"))


def test_grid_parts_are_images_of_their_own():
    image = picture(9, 8)
    found = predict_tiled(box_mean, image, TilingOptions(mode="grid", grid=2), multiple=1)
    for rows in (slice(0, 4), slice(4, 9)):
        for columns in (slice(0, 4), slice(4, 8)):
            part = image[:, rows, columns]
            np.testing.assert_array_equal(found[:, rows, columns], box_mean(part[None])[0])


def test_a_grid_finer_than_the_image_has_a_part_per_pixel():
    image = picture(2, 3)
    found = predict_tiled(pointwise, image, TilingOptions(mode="grid", grid=5))
    np.testing.assert_allclose(found, pointwise(image[None])[0])


def test_blending_weighs_tiles_by_a_gaussian_of_an_eighth_of_their_size():
    image = np.zeros((1, 1, 48), np.uint8)
    calls = []

    def numbered(tiles):
        scores = np.full((len(tiles), 1, *tiles.shape[2:]), float(len(calls)), np.float32)
        calls.append(1)
        return scores

    options = TilingOptions(mode="blend", size=32, step=0.5, batch=1)
    found = predict_tiled(numbered, image, options)[0, 0]
    x = np.arange(48)
    near = [np.exp(-0.5 * ((x - start - 15.5) / 4) ** 2) for start in (0, 16)]
    near[0][32:] = near[1][:16] = 0
    np.testing.assert_allclose(found, near[1] / (near[0] + near[1]), atol=1e-6)


def test_blending_leaves_no_seam():
    image = gaussian_filter(np.random.default_rng(0).random((1, 96, 96)), (0, 3, 3))
    blend = predict_tiled(box_mean, image, TilingOptions(mode="blend", size=32))
    whole = predict_tiled(box_mean, image, TilingOptions(mode="whole"))
    # Every edge inside the image is predicted by a tile that sees beyond it.
    inner = (slice(None), slice(8, -8), slice(8, -8))
    assert np.abs(blend - whole)[inner].max() < 0.02
    grid = predict_tiled(box_mean, image, TilingOptions(mode="grid", grid=3))
    assert np.abs(grid - whole)[inner].max() > 0.1


@pytest.mark.parametrize(
    ("margin", "max_pixels", "expected"),
    [(4, 100, "whole"), (4, 99, "exact"), (None, 99, "blend"), (9, 99, "blend")],
)
def test_auto_is_whole_while_small_then_exact_then_blended(margin, max_pixels, expected):
    image = picture(10, 10)

    def shapes(mode):
        seen = []

        def network(tiles):
            seen.append(tiles.shape)
            return pointwise(tiles)

        options = TilingOptions(mode=mode, size=8, max_pixels=max_pixels)
        predict_tiled(network, image, options, margin=margin)
        return seen

    assert shapes("auto") == shapes(expected)


def test_dtype_of_the_image_reaches_the_network():
    def network(tiles):
        assert tiles.dtype == np.uint16
        return pointwise(tiles)

    predict_tiled(network, picture(4, 4).astype(np.uint16), TilingOptions())


def test_what_cannot_be_tiled_is_refused():
    with pytest.raises(ValueError, match=r"with pixels, found \(1, 0, 4\)"):
        predict_tiled(pointwise, np.zeros((1, 0, 4)), TilingOptions())
    with pytest.raises(ValueError, match="mode exact needs a margin"):
        predict_tiled(pointwise, picture(4, 4), TilingOptions(mode="exact"))
