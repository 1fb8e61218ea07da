import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segmill.augment.mirror import quarter_and_mirror
from segmill.augment.recipe import Level
from segmill.augment.transform import Variation, apply, draw
from segmill.labels import cell_border
from segmill.samples import Sample

DERIVED = {"semantic": {"kind": "cell_border", "width": 2}}
HARD = Level(
    "hard", flip=0.5, rotation=(-180, 180), mirror=0.3, zoom=(0.7, 1.5), shear=(-10, 10),
    alpha=(0, 50), brightness=(-0.1, 0.1), contrast=(0.8, 1.2), gamma=(0.8, 1.2), noise=(0, 0.05),
)  # fmt: skip


def cells(h=60, w=70, seed=0):
    """Blobs that do not touch, with ids beyond 16 bits, and an image of their grey levels."""
    rng = np.random.default_rng(seed)
    blobs = ndimage.gaussian_filter(rng.random((h, w)), 3) > 0.51
    instances = ndimage.label(blobs)[0].astype(np.int32) * 70_001
    return Sample(
        image=rng.integers(0, 65535, (h, w, 2), dtype=np.uint16),
        semantic=cell_border(instances),
        instances=instances,
        notions=(instances % 65536).astype(np.uint16),
        target=instances[..., None].astype(np.float32),
        ignore=rng.random((h, w)) < 0.1,
    )


def whole(sample):
    return 0, 0, *sample.shape


def test_nothing_drawn_changes_nothing():
    sample = cells()
    out = apply(sample, Variation(), whole(sample), np.random.default_rng(0), derived=DERIVED)
    for name, array in sample.arrays().items():
        np.testing.assert_array_equal(getattr(out, name), array, err_msg=name)


@settings(deadline=None, max_examples=40)
@given(st.integers(-20, 60), st.integers(-20, 60), st.integers(1, 50), st.integers(1, 50))
def test_a_crop_is_a_window_of_the_reflected_image(row, column, h, w):
    sample = cells()
    out = apply(sample, Variation(), (row, column, h, w), np.random.default_rng(0), derived=DERIVED)
    pad = 80
    wide = {
        name: np.pad(a, [(pad, pad)] * 2 + [(0, 0)] * (a.ndim - 2), mode="reflect")
        for name, a in sample.arrays().items()
    }
    window = np.s_[pad + row : pad + row + h, pad + column : pad + column + w]
    for name in ("image", "notions", "target", "ignore"):
        np.testing.assert_array_equal(getattr(out, name), wide[name][window], err_msg=name)
    np.testing.assert_array_equal(out.instances > 0, wide["instances"][window] > 0)
    # A border is the same whether it is derived before or after the crop.
    np.testing.assert_array_equal(out.semantic, cell_border(wide["instances"])[window])


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000))
def test_image_and_labels_move_together_and_no_label_is_new(seed):
    sample = cells()
    rng = np.random.default_rng(seed)
    variation = dataclasses.replace(draw(HARD, rng), brightness=0, contrast=1, gamma=1, noise=0)
    # An image whose grey levels tell their place, in 1/256 pixel: interpolation keeps it.
    h, w = sample.shape
    places = np.stack(np.mgrid[:h, :w], axis=2).astype(np.uint16) * 256
    out = apply(dataclasses.replace(sample, image=places), variation, (5, 10, 40, 30), rng)
    np.testing.assert_array_equal(out.instances > 0, out.notions > 0)
    for name in ("semantic", "notions"):
        assert set(np.unique(getattr(out, name))) <= set(np.unique(getattr(sample, name)))
    place = out.image / 256
    row, column = np.moveaxis(np.rint(place).astype(int), 2, 0)
    # At a fold of the reflection, or half-way between two pixels, the place is not known well.
    certain = (np.abs(place % 1 - 0.5) > 1 / 16).all(2)
    certain &= (row > 1) & (row < h - 2) & (column > 1) & (column < w - 2)
    assert certain.mean() > 0.3
    source = sample.notions[row[certain], column[certain]]
    np.testing.assert_array_equal(out.notions[certain], source)
    # One id, one code: objects may get new ids by mirroring, but never share one.
    pairs = {tuple(p) for p in np.stack([out.instances, out.notions], axis=2).reshape(-1, 2)}
    assert len(pairs) == len({i for i, _ in pairs})


def test_flipping_twice_is_the_input():
    sample = cells()
    flip = Variation(flip_rows=True, flip_columns=True)
    once = apply(sample, flip, whole(sample), np.random.default_rng(0))
    np.testing.assert_array_equal(once.instances, sample.instances[::-1, ::-1])
    twice = apply(once, flip, whole(sample), np.random.default_rng(0))
    for name, array in sample.arrays().items():
        np.testing.assert_array_equal(getattr(twice, name), array, err_msg=name)


def test_mirroring_applies_to_every_array():
    sample = cells(seed=3)
    out = apply(sample, Variation(quarter=2), whole(sample), np.random.default_rng(0))
    for name, array in sample.arrays().items():
        if name != "instances":
            np.testing.assert_array_equal(
                getattr(out, name), quarter_and_mirror(array, 2), err_msg=name
            )
    folded = quarter_and_mirror(sample.instances, 2)
    np.testing.assert_array_equal(out.instances > 0, folded > 0)
    assert len(np.unique(out.instances)) > len(np.unique(folded))


def test_a_derived_border_keeps_its_width_under_zoom():
    instances = np.zeros((60, 60), np.int32)
    instances[20:40, 20:40] = 1
    sample = Sample(np.zeros((60, 60, 1), np.uint8), cell_border(instances), instances)
    box, rng = whole(sample), np.random.default_rng(0)
    out = apply(sample, Variation(zoom=2.0), box, rng, derived=DERIVED)
    np.testing.assert_array_equal(out.semantic, cell_border(out.instances))
    resampled = apply(sample, Variation(zoom=2.0), box, rng)
    assert (resampled.semantic == 2).sum() > 1.5 * (out.semantic == 2).sum()


def test_a_reflected_object_is_another_one_unless_it_reaches_the_edge():
    instances = np.zeros((20, 20), np.int32)
    instances[3:5, 8:11] = 7
    instances[0:2, 15:18] = 9
    sample = Sample(np.zeros((20, 20, 1), np.uint8), instances=instances)
    out = apply(sample, Variation(), (-6, 0, 20, 20), np.random.default_rng(0))
    np.testing.assert_array_equal(out.instances[5:8, 15:18], 9)
    assert (out.instances[9:11, 8:11] == 7).all()
    assert (out.instances[2:4, 8:11] == 10).all()


def test_what_lies_outside_can_be_marked():
    sample = dataclasses.replace(cells(), ignore=None)
    rng = np.random.default_rng(0)
    out = apply(sample, Variation(), (-10, 5, 30, 30), rng, outside="ignore")
    expected = np.zeros((30, 30), bool)
    expected[:10] = True
    np.testing.assert_array_equal(out.ignore, expected)
    inside = apply(sample, Variation(), (0, 5, 30, 30), rng, outside="ignore")
    assert not inside.ignore.any()


def test_a_turned_crop_shows_what_lies_around_it():
    image = np.zeros((41, 41, 1), np.uint8)
    image[20, 7] = 255  # 13 left of the crop's centre, outside of the upright crop
    box, rng = (10, 10, 21, 21), np.random.default_rng(0)
    assert not apply(Sample(image), Variation(), box, rng).image.any()
    turned = apply(Sample(image), Variation(rotation=45.0), box, rng).image
    assert np.argwhere(turned > 100)[:, :2].tolist() == [[19, 1]]


def test_greys_change_and_labels_do_not():
    sample = cells()
    bright = Variation(brightness=0.3, noise=0.02)
    out = apply(sample, bright, whole(sample), np.random.default_rng(0))
    assert out.image.mean() > sample.image.mean() + 0.2 * 65535
    np.testing.assert_array_equal(out.instances, sample.instances)
    np.testing.assert_array_equal(out.target, sample.target)


def test_draws_lie_in_their_ranges_and_fill_them():
    draws = [draw(HARD, np.random.default_rng(i)) for i in range(400)]
    for name in ("rotation", "zoom", "shear", "alpha", "brightness", "contrast", "gamma", "noise"):
        low, high = getattr(HARD, name)
        values = np.array([getattr(d, name) for d in draws])
        assert low <= values.min() < low + 0.05 * (high - low)
        assert high - 0.05 * (high - low) < values.max() <= high
    assert np.median([d.zoom for d in draws]) == pytest.approx(np.sqrt(0.7 * 1.5), abs=0.06)
    assert np.mean([d.flip_rows for d in draws]) == pytest.approx(0.5, abs=0.1)
    quarters = [d.quarter for d in draws]
    assert set(quarters) == {-1, 0, 1, 2, 3}
    assert quarters.count(-1) == pytest.approx(280, abs=40)


def test_one_range_does_not_change_the_other_draws():
    other = dataclasses.replace(HARD, flip=0.0, rotation="quarter", zoom=(1, 1))
    a, b = (draw(level, np.random.default_rng(5)) for level in (HARD, other))
    assert b.rotation in (0, 90, 180, 270)
    assert dataclasses.replace(
        a, flip_rows=False, flip_columns=False, rotation=0, zoom=1
    ) == dataclasses.replace(b, rotation=0)


def test_later_keys_take_nothing_from_the_stream_of_older_ones():
    new = dataclasses.replace(
        HARD, transpose=1.0, shift=(0.1, 0.2), channel_swap=1.0, grey=1.0, background=1.0
    )
    for seed in range(5):
        plain, rng = np.random.default_rng(seed), np.random.default_rng(seed)
        before, after = draw(HARD, plain), draw(new, rng)
        assert after.transpose
        assert after.grey
        assert after.channel_swap > 0
        assert 0.1 <= after.shift_rows != after.shift_columns <= 0.2
        assert before == dataclasses.replace(
            after, transpose=False, grey=False, channel_swap=0, shift_rows=0, shift_columns=0
        )
        assert plain.bit_generator.state == rng.bit_generator.state
    # The stream itself: two flips, turn, mirror, quarter, seven ranges.
    stream = np.random.default_rng(3)
    stream.random(4)
    stream.integers(4)
    stream.random(7)
    used = np.random.default_rng(3)
    draw(new, used)
    assert used.bit_generator.state == stream.bit_generator.state


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 12), st.integers(1, 12), st.booleans(), st.booleans(),
    st.sampled_from([0, 90, 180, 270]), st.integers(-3, 3), st.integers(-3, 3),
)  # fmt: skip
def test_transposed_turned_flipped_and_shifted_pixels_are_copied(
    h, w, flip_rows, flip_columns, rotation, down, right
):
    """Whatever the shape of the crop, each of its pixels is a pixel of the image."""
    if rotation % 180 and (h - w) % 2:
        w += 1  # a quarter turn of such a crop falls between the pixels
    image = np.arange(60 * 70, dtype=np.uint16).reshape(60, 70, 1)
    variation = Variation(
        transpose=True, flip_rows=flip_rows, flip_columns=flip_columns, rotation=rotation,
        shift_rows=down / h, shift_columns=right / w,
    )  # fmt: skip
    box = (20, 30, h, w)
    labels = image[:, :, 0] + 1
    out = apply(Sample(image, notions=labels), variation, box, np.random.default_rng(0))
    np.testing.assert_array_equal(out.notions, out.image[:, :, 0] + 1)
    # By numpy: a square about the crop's centre, turned as a whole, then cut.
    row, column = 20 + (h - 1) // 2, 30 + (w - 1) // 2
    odd = [h % 2, w % 2]
    if h % 2 == w % 2:
        reach = 15
        square = image[
            row - reach : row + reach + 2 - odd[0], column - reach : column + reach + 2 - odd[1], 0
        ]
        square = np.rot90(square, rotation // 90)
        square = square[::-1] if flip_rows else square
        square = square[:, ::-1] if flip_columns else square
        square = np.roll(square.T, (down, right), (0, 1))
        top, left = reach - (h - 1) // 2, reach - (w - 1) // 2
        np.testing.assert_array_equal(out.image[:, :, 0], square[top : top + h, left : left + w])
    steps = np.abs(np.diff(out.image[:, :, 0].astype(int), axis=0))
    assert set(np.unique(steps)) <= ({70} if rotation % 180 else {1})


def test_transposing_a_square_is_numpys():
    sample = cells(60, 60)
    out = apply(sample, Variation(transpose=True), whole(sample), np.random.default_rng(0))
    for name, array in sample.arrays().items():
        np.testing.assert_array_equal(getattr(out, name), array.swapaxes(0, 1), err_msg=name)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000))
def test_every_notion_takes_the_nearest_pixel(seed):
    """Against a loop over pixels that moves each by the meaning of the steps."""
    rng = np.random.default_rng(seed)
    sample = Sample(
        np.zeros((40, 50, 1), np.uint8),
        notions=rng.integers(0, 256, (40, 50), dtype=np.uint16),
    )
    level = dataclasses.replace(
        HARD, mirror=0, alpha=(0, 0), noise=(0, 0), transpose=0.5, shift=(-0.3, 0.3)
    )
    variation = draw(level, rng)
    box = (5, 8, 31, 24)
    out = apply(sample, variation, box, rng)
    angle, lean = np.radians(variation.rotation), np.tan(np.radians(variation.shear))
    compared = 0
    for y in range(31):
        for x in range(24):
            row = y - 15 - round(31 * variation.shift_rows)
            column = x - 11.5 - round(24 * variation.shift_columns)
            if variation.transpose:
                row, column = column, row
            row = -row if variation.flip_rows else row
            column = -column if variation.flip_columns else column
            row, column = (
                np.cos(angle) * row + np.sin(angle) * column,
                np.cos(angle) * column - np.sin(angle) * row,
            )
            row, column = row / variation.zoom, (column - lean * row) / variation.zoom
            row, column = row + 20, column + 19.5
            near = np.rint([row, column]).astype(int)
            sure = np.abs([row % 1 - 0.5, column % 1 - 0.5]).min() > 1e-3
            if sure and 0 <= near[0] < 40 and 0 <= near[1] < 50:
                assert out.notions[y, x] == sample.notions[near[0], near[1]]
                compared += 1
    assert compared > 100


def test_channels_and_grey_change_the_image_alone():
    sample = dataclasses.replace(cells(), image=cells().image[:, :, [0, 1, 0]])
    rng = np.random.default_rng(0)
    out = apply(sample, Variation(channel_swap=1), whole(sample), rng)
    np.testing.assert_array_equal(out.image, sample.image[:, :, [0, 2, 1]])
    grey = apply(sample, Variation(grey=True), whole(sample), rng)
    assert (grey.image == grey.image[:, :, :1]).all()
    for name in ("semantic", "instances", "notions", "target", "ignore"):
        np.testing.assert_array_equal(getattr(grey, name), getattr(sample, name))


def test_a_plain_level_varies_nothing():
    assert draw(Level("plain"), np.random.default_rng(0)) == Variation()
