import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segmill.augment import Level, apply, draw
from segmill.augment.transmission import (
    DARK,
    OwnLight,
    Scene,
    estimate_light,
    own_light,
    soft_cover,
    swap_background,
)
from segmill.samples import Sample

SHAPE = (60, 80)


def lamp(seed, shape=SHAPE, top=255, degree=2):
    """A smooth background (h, w, 3) between 0.3 and 0.9 of the range, a polynomial of a degree."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    light = sum(
        rng.normal(size=3) * (rows**i * columns**j)[:, :, None]
        for i in range(degree + 1)
        for j in range(degree + 1 - i)
    )
    low, high = light.min((0, 1)), light.max((0, 1))
    return (0.3 + 0.6 * (light - low) / (high - low)) * top


def sample_before(background, seed):
    """An image of a sample that lets through a share of the light, and where it is."""
    rng = np.random.default_rng(seed)
    through = ndimage.gaussian_filter(rng.uniform(0, 1, SHAPE), 2)
    foreground = np.zeros(SHAPE, bool)
    foreground[20:45, 30:] = True
    share = np.where(foreground, 0.2 + 0.6 * through, 1)[:, :, None]
    return share, foreground, share * background


def rounded(levels, dtype=np.uint8):
    return np.rint(np.clip(levels, 0, np.iinfo(dtype).max)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("feather", [0, 3])
def test_its_own_background_leaves_an_image_as_it_is(dtype, feather):
    background = rounded(lamp(0, top=np.iinfo(dtype).max), dtype)
    _, foreground, levels = sample_before(background, 1)
    image = rounded(levels, dtype)
    cover = soft_cover(foreground, feather)
    swapped = swap_background(image, background.astype(np.float32), cover, background)
    assert swapped.dtype == dtype
    np.testing.assert_allclose(swapped, image, atol=1)
    # So does a background that was estimated.
    own = own_light(image, foreground, None, feather, 2).values
    np.testing.assert_allclose(own[:, :, :3], background, rtol=0.005, atol=1)
    again = swap_background(image, own[:, :, :3], own[:, :, 3], background)
    np.testing.assert_allclose(again, image, rtol=0.005, atol=1.5)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.floats(0.5, 1.2))
def test_a_share_of_the_light_stays_when_the_light_is_another(seed, factor):
    old, new = lamp(seed), rounded(lamp(seed + 1))
    share, foreground, levels = sample_before(old, seed)
    cover = soft_cover(foreground, 2)
    swapped = swap_background(rounded(levels), old.astype(np.float32), cover, new, factor)
    light = np.minimum(new * factor, 255)
    expected = share * light
    # Exact but for rounding of the image, enlarged by the ratio of lights, and the dark offset.
    tolerance = 1 + light / old + DARK * 255 * np.abs(1 - light / old)
    assert (np.abs(swapped - expected) <= tolerance)[foreground].all()
    far = cover == 0
    np.testing.assert_allclose(swapped[far], light[far], atol=0.501)
    between = (cover > 0) & ~foreground
    assert between.any()
    assert (np.abs(swapped - expected) <= tolerance)[between].all()


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000))
def test_the_edge_is_a_mean_by_distance(seed):
    rng = np.random.default_rng(seed)
    foreground = rng.random((12, 15)) < 0.03
    foreground[3, 4] = True
    feather = float(rng.uniform(0, 4))
    places = np.argwhere(foreground)
    for (row, column), share in np.ndenumerate(soft_cover(foreground, feather)):
        distance = np.hypot(*(places - (row, column)).T).min()
        assert share == pytest.approx(max(0, 1 - distance / (feather + 1)), abs=1e-5)


def test_without_a_sample_only_the_background_is_left():
    image = rounded(lamp(0))
    own = own_light(image, np.zeros(SHAPE, bool))
    assert not own.values[:, :, 3].any()
    new = rounded(lamp(1))
    swapped = swap_background(image, own.values[:, :, :3], own.values[:, :, 3], new)
    np.testing.assert_array_equal(swapped, new)


def test_dust_and_unmarked_parts_do_not_tell_the_background():
    background = lamp(3, degree=3)
    _, foreground, levels = sample_before(background, 3)
    levels[40:50, 5:15] *= 0.3  # a part that nobody marked
    levels += np.random.default_rng(0).normal(0, 2, levels.shape)
    estimated = estimate_light(rounded(levels), ~foreground, 3)
    np.testing.assert_allclose(estimated, background, rtol=0.08)
    unaware = own_light(rounded(levels), np.zeros(SHAPE, bool), ignore=foreground, degree=3)
    np.testing.assert_allclose(unaware.values[:, :, :3], background, rtol=0.08)


@pytest.mark.parametrize(("count", "degree"), [(0, 3), (1, 3), (25, 3), (40, 3), (4800, 0)])
def test_few_pixels_of_background_lower_the_degree(count, degree):
    background = lamp(5)
    seen = np.zeros(SHAPE, bool)
    seen.ravel()[np.random.default_rng(0).permutation(seen.size)[:count]] = True
    estimated = estimate_light(rounded(background), seen, degree)
    assert estimated.dtype == np.float32
    assert np.isfinite(estimated).all()
    assert estimated.min() >= background.min() - 1
    assert estimated.max() <= background.max() + 1
    if count <= 25:
        assert (np.ptp(estimated, axis=(0, 1)) == 0).all()


def test_dark_and_saturated_places_stay_within_the_range():
    dark = np.zeros((4, 5, 1), np.uint8)
    bright = np.full((4, 5, 1), 255, np.uint8)
    whole = np.ones((4, 5), np.float32)
    for image in (dark, bright):
        for light in (0, 1e-3, 255):
            for new in (dark, bright):
                own = np.full((4, 5, 1), light, np.float32)
                swapped = swap_background(image, own, whole, new, 5.0)
                if not image.any():
                    assert not swapped.any()


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000))
def test_a_scene_moves_with_the_sample(seed):
    """Swap, then move, or move the swapped image: the same but for rounding and interpolation."""
    rng = np.random.default_rng(seed)
    old, new = rounded(lamp(seed)), rounded(lamp(seed + 1))
    _, foreground, levels = sample_before(old, seed)
    image = rounded(levels)
    cover = soft_cover(foreground, 2)
    own = OwnLight(np.dstack([old, cover]).astype(np.float32))
    level = Level(
        "a", flip=0.5, transpose=0.5, rotation=(-180, 180), zoom=(0.8, 1.2), shift=(-0.2, 0.2)
    )
    variation = draw(level, rng)
    swapped = swap_background(image, old.astype(np.float32), cover, new)
    box = (5, 8, 50, 61)
    moved = apply(Sample(swapped), variation, box, rng).image.astype(int)
    out = apply(Sample(image), variation, box, rng, scene=Scene(own, new)).image
    difference = np.abs(out - moved)
    assert np.median(difference) <= 1
    # At the edge of the sample, a product of means is no mean of products.
    assert np.quantile(difference, 0.9) <= 4
