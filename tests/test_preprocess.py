import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segmill.errors import ConfigError
from segmill.preprocess import Preprocessing, percentiles

RNG = np.random.default_rng(0)


@given(
    hnp.arrays(np.uint8, st.integers(1, 60)),
    st.lists(st.floats(0, 100), min_size=1, max_size=3),
)
def test_percentiles_of_a_histogram_are_numpys(values, q):
    got = percentiles(np.bincount(values, minlength=256), tuple(q))
    np.testing.assert_allclose(got, np.percentile(values, q), rtol=0, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_percentile_normalisation_fills_the_range_of_the_dtype(dtype):
    image = RNG.integers(20, 120, (40, 50, 1)).astype(dtype)
    normalise = {"mode": "percentile", "low": 5, "high": 95}
    out = Preprocessing(normalise=normalise).apply(image)
    low, high = np.percentile(image, [5, 95])
    top = np.iinfo(dtype).max
    expected = np.rint(np.clip((image.astype(float) - low) / (high - low), 0, 1) * top)
    assert out.dtype == dtype
    np.testing.assert_array_equal(out, expected)
    assert out.min() == 0
    assert out.max() == top


def test_minmax_and_dtype():
    image = RNG.integers(20, 120, (9, 8, 3)).astype(np.uint8)
    image[0, 0], image[0, 1] = 20, 119
    out = Preprocessing(normalise={"mode": "minmax"}).apply(image)
    np.testing.assert_array_equal(out, np.rint((image.astype(float) - 20) / 99 * 255))
    np.testing.assert_array_equal(Preprocessing().apply(image), image)


def test_channels_are_measured_together_or_each_on_its_own():
    image = np.zeros((2, 2, 2), np.uint8)
    image[..., 0] = [[0, 50], [100, 100]]
    image[..., 1] = [[10, 20], [20, 200]]
    joint = Preprocessing(normalise={"mode": "minmax"}).apply(image)
    assert joint[..., 0].max() in (127, 128)  # 100 of 200
    own = Preprocessing(normalise={"mode": "minmax", "per_channel": True}).apply(image)
    assert own.max(axis=(0, 1)).tolist() == [255, 255]
    assert own.min(axis=(0, 1)).tolist() == [0, 0]


def test_rare_bright_pixels_survive_coinciding_percentiles():
    image = np.full((50, 50, 1), 7, np.uint16)
    image[3, 4] = 900
    out = Preprocessing(normalise={"mode": "percentile", "low": 1, "high": 99}).apply(image)
    assert out[3, 4] == 65535
    assert np.count_nonzero(out) == 1


def test_a_constant_image_becomes_zero():
    image = np.full((5, 5, 1), 7, np.uint8)
    assert not Preprocessing(normalise={"mode": "minmax"}).apply(image).any()


@pytest.mark.parametrize(("mode", "count", "expected"), [
    ("as_is", 2, 2), ("grey", 1, 1), ("grey", 3, 1), ("grey", 4, 1), ("rgb", 1, 3), ("rgb", 4, 3),
])  # fmt: skip
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_channels(mode, count, expected, dtype):
    image = RNG.integers(0, np.iinfo(dtype).max, (6, 7, count)).astype(dtype)
    preprocessing = Preprocessing(channels=mode)
    out = preprocessing.apply(image)
    assert out.shape == (6, 7, expected)
    assert out.dtype == dtype
    assert preprocessing.output_channels(count) == expected
    if mode == "grey" and count > 1:
        luminance = image[..., :3] @ np.array([0.299, 0.587, 0.114])
        assert np.abs(out[..., 0] - luminance).max() <= 3
    elif mode == "rgb":
        np.testing.assert_array_equal(out, np.broadcast_to(image[..., :3], out.shape))


def test_two_channels_are_no_colour():
    with pytest.raises(ConfigError, match=r"channels: 'grey'.* found 2"):
        Preprocessing(channels="grey").apply(np.zeros((4, 4, 2), np.uint8))


def test_halving_averages_blocks_of_four():
    image = RNG.integers(0, 255, (8, 10, 5)).astype(np.uint8)
    out = Preprocessing(rescale=0.5).apply(image)
    blocks = image.reshape(4, 2, 5, 2, 5).mean(axis=(1, 3))
    assert np.abs(out - blocks).max() <= 0.5


def test_doubling_interpolates_linearly():
    image = RNG.integers(0, 255, (8, 10, 1)).astype(np.uint8)
    out = Preprocessing(rescale=2).apply(image)
    expected = cv2.resize(image[..., 0], (20, 16), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(out[..., 0], expected)


@settings(max_examples=60)
@given(st.integers(1, 30), st.integers(1, 30), st.floats(0.2, 4))
def test_labels_follow_the_image_and_are_never_mixed(h, w, rescale):
    labels = (np.arange(h * w, dtype=np.int32) * 70_001).reshape(h, w)
    preprocessing = Preprocessing(rescale=rescale)
    out = preprocessing.apply_labels(labels)
    shape = preprocessing.output_shape((h, w))
    assert out.dtype == np.int32
    assert out.shape == shape == preprocessing.apply(np.zeros((h, w, 1), np.uint8)).shape[:2]
    for _ in range(20):
        r, c = RNG.integers(shape[0]), RNG.integers(shape[1])
        # The output pixel's centre, in the frame where both images span the unit square.
        source = labels[int((r + 0.5) / shape[0] * h + 1e-9), int((c + 0.5) / shape[1] * w + 1e-9)]
        near = labels[int((r + 0.5) / shape[0] * h - 1e-9), int((c + 0.5) / shape[1] * w - 1e-9)]
        assert out[r, c] in (source, near)


def test_scores_come_back_to_the_raw_frame():
    rows, columns = np.mgrid[0:40, 0:60].astype(np.float32)
    scores = np.stack([rows, columns, rows + columns, rows, columns], axis=2)
    preprocessing = Preprocessing(rescale=0.5)
    small = preprocessing.apply_values(scores)
    assert small.shape == (20, 30, 5)
    back = preprocessing.restore_values(small, (40, 60))
    assert back.shape == scores.shape
    np.testing.assert_allclose(back[2:-2, 2:-2], scores[2:-2, 2:-2], atol=1e-3)


def test_round_trip_through_a_dict():
    preprocessing = Preprocessing(normalise={"mode": "percentile"}, rescale=0.5, channels="grey")
    assert preprocessing.normalise == {"mode": "percentile", "low": 1.0, "high": 99.8}
    assert Preprocessing.from_dict(preprocessing.to_dict()) == preprocessing
    assert Preprocessing.from_dict(None) == Preprocessing()


def test_every_offence_is_named_at_once():
    bad = {
        "normalise": {"mode": "percentile", "low": 90, "high": 10, "clip": 1},
        "rescale": 0,
        "channels": "lab",
        "size": 3,
    }
    with pytest.raises(ConfigError) as error:
        Preprocessing.from_dict(bad)
    for part in ("'clip'", "low 90", "rescale", "'lab'", "'size'"):
        assert part in str(error.value)


@pytest.mark.parametrize("bad", [
    {"normalise": {"mode": "zscore"}}, {"normalise": {"mode": "minmax", "low": 3}},
    {"normalise": {"mode": "percentile", "high": 101}}, {"normalise": "percentile"},
    {"normalise": {"mode": "minmax", "per_channel": 1}}, {"rescale": float("nan")}, 3,
])  # fmt: skip
def test_bad_values(bad):
    with pytest.raises(ConfigError, match="preprocessing"):
        Preprocessing.from_dict(bad)


@pytest.mark.parametrize("bad", [np.zeros((4, 4)), np.zeros((0, 4, 1), np.uint8)])
def test_bad_images(bad):
    with pytest.raises(ConfigError, match="expected an image"):
        Preprocessing().apply(bad)
