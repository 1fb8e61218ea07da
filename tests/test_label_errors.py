import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.measure import label as label_regions

from segmill.errors import ConfigError
from segmill.label_errors import (
    KINDS,
    LabelErrors,
    _smooth_noise,
    check_spoilable,
    dilate,
    drop,
    erode,
    noisy_contours,
    shift,
    spoil,
    spoil_sample,
)
from segmill.options import build_options
from segmill.random import generator
from segmill.samples import Sample

small = arrays(
    np.int32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 3)
)
distances = st.sampled_from([0.0, 0.9, 1.0, 1.5, 2.0, 3.0])


def around(labels, row, column, distance):
    """(distance, label) of all pixels within a distance of one, itself included."""
    for other in np.ndindex(labels.shape):
        far = np.hypot(other[0] - row, other[1] - column)
        if far <= distance:
            yield far, labels[other]


@settings(max_examples=60, deadline=None)
@given(small, distances)
def test_dilation_against_every_pair_of_pixels(labels, distance):
    found = dilate(labels, distance)
    assert found.dtype == labels.dtype
    for row, column in np.ndindex(labels.shape):
        near = [(far, value) for far, value in around(labels, row, column, distance) if value]
        if labels[row, column] or not near:
            assert found[row, column] == labels[row, column]
        else:
            least = min(near)[0]
            assert found[row, column] in {value for far, value in near if far == least}


@settings(max_examples=60, deadline=None)
@given(small, distances)
def test_erosion_against_every_pair_of_pixels(labels, distance):
    found = erode(labels, distance)
    assert found.dtype == labels.dtype
    for row, column in np.ndindex(labels.shape):
        own = labels[row, column]
        lost = any(value != own for _, value in around(labels, row, column, distance))
        assert found[row, column] == (0 if lost else own)


@given(small, st.integers(-4, 4), st.integers(-4, 4))
def test_a_shift_moves_every_label_and_repeats_the_edge(labels, rows, columns):
    found = shift(labels, rows, columns)
    height, width = labels.shape
    for row, column in np.ndindex(labels.shape):
        source = min(max(row - rows, 0), height - 1), min(max(column - columns, 0), width - 1)
        assert found[row, column] == labels[source]


@given(small, st.floats(0, 1), st.integers(0, 10), st.booleans())
def test_dropping_takes_whole_objects_and_as_many_as_asked(labels, share, seed, objects):
    found = drop(labels, share, generator(seed, "test"), objects)
    regions = labels if objects else label_regions(labels, connectivity=2)
    ids = set(regions[regions > 0].tolist())
    gone = set(regions[found != labels].tolist())
    assert int(share * len(ids)) <= len(gone) <= int(np.ceil(share * len(ids) + 1e-9))
    for region in ids:
        inside = regions == region
        assert np.array_equal(found[inside], labels[inside] * (region not in gone))


def test_the_share_dropped_is_exact_on_average():
    labels = np.arange(6, dtype=np.int32).reshape(1, 6)
    left = [np.count_nonzero(drop(labels, 0.3, generator(0, "d", i))) for i in range(400)]
    assert set(left) == {3, 4}
    assert np.mean(left) == pytest.approx(5 * 0.7, abs=0.06)


def test_noise_moves_a_contour_by_its_amplitude_over_its_length():
    """A straight edge: where it lies in each column is the displacement itself."""
    height, width, amplitude, length = 80, 4000, 4.0, 10.0
    labels = np.zeros((height, width), np.uint8)
    labels[height // 2 :] = 1
    found = noisy_contours(labels, amplitude, length, generator(3, "test"))
    position = height - found.sum(axis=0, dtype=float)
    moved = position - height / 2
    assert moved.mean() == pytest.approx(0, abs=0.6)
    assert moved.std() == pytest.approx(amplitude, rel=0.15)
    centred = moved - moved.mean()
    at_length = np.mean(centred[:-10] * centred[10:]) / centred.var()
    assert at_length == pytest.approx(np.exp(-0.5), abs=0.1)


@pytest.mark.parametrize("correlation", [0.5, 3.0, 20.0])
def test_the_noise_has_variance_one_and_its_correlation(correlation):
    noise = _smooth_noise((400, 500), correlation, generator(0, "n"))
    assert noise.shape == (400, 500)
    assert noise.std() == pytest.approx(1, rel=0.15)
    if correlation >= 3:
        lag = int(correlation)
        found = np.mean(noise[lag:] * noise[:-lag]) / noise.var()
        assert found == pytest.approx(np.exp(-(lag**2) / (2 * correlation**2)), abs=0.12)


def scene():
    labels = np.zeros((40, 50), np.int32)
    labels[5:15, 5:20], labels[15:30, 8:20], labels[20:35, 30:45] = 1, 2, 3
    return labels


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_changes_labels_by_its_seed_and_nothing_at_amount_zero(kind):
    labels = scene()
    some = LabelErrors(kind, 0.5 if kind == "drop" else 3.0)
    found = [spoil(labels, some, generator(seed, "test")) for seed in (0, 0, 2)]
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], labels)
    assert set(np.unique(found[0])) <= {0, 1, 2, 3}
    drawn = kind in ("shift", "drop", "contours")
    assert np.array_equal(found[0], found[2]) != drawn
    assert np.array_equal(spoil(labels, LabelErrors(kind, 0.0), generator(0, "test")), labels)


def test_a_shift_has_its_length_in_every_direction():
    labels = np.zeros((61, 61), np.uint8)
    labels[30, 30] = 1
    places = []
    for i in range(50):
        found = spoil(labels, LabelErrors("shift", 10.0), generator(0, "s", i))
        places.append(np.argwhere(found)[0] - 30)
    lengths = np.hypot(*np.transpose(places))
    assert np.all(np.abs(lengths - 10) < 1)
    assert np.all(np.ptp(places, axis=0) > 15)


def test_of_a_sample_the_labels_that_others_follow_from_are_spoiled():
    image, labels = np.zeros((40, 50, 1), np.uint8), scene()
    semantic = (labels > 0).astype(np.uint8)
    derived = {"semantic": {"kind": "cell_border", "width": 2}}
    errors, rng = LabelErrors("erode", 2.0), generator(0, "test")
    both = spoil_sample(Sample(image, semantic, labels), errors, rng, derived)
    assert np.array_equal(both.instances, erode(labels, 2))
    assert np.array_equal(both.semantic, semantic)
    classes = spoil_sample(Sample(image, semantic), errors, rng, {})
    assert np.array_equal(classes.semantic, erode(semantic, 2))
    assert classes.semantic.dtype == np.uint8
    assert classes.image is image


@pytest.mark.parametrize(
    ("fields", "derived", "found"),
    [
        (("image",), {}, "no labels"),
        (("image", "notions", "target"), {}, "notions, target"),
        (("image", "semantic", "instances"), {}, "instances, semantic"),
        (("image", "instances", "target"), {}, "instances, target"),
    ],
)
def test_labels_that_cannot_be_spoiled_together_are_refused(fields, derived, found):
    with pytest.raises(ConfigError, match=f"found {found}"):
        check_spoilable(fields, derived)


def test_options_that_have_no_sense():
    with pytest.raises(ConfigError, match="amount: expected a share of the objects"):
        build_options(LabelErrors, {"kind": "drop", "amount": 2}, "label_errors")
    with pytest.raises(ConfigError, match="kind: expected one of dilate, erode"):
        build_options(LabelErrors, {"kind": "dilat"}, "label_errors")
    with pytest.raises(ValueError, match=r"labels .* of integers, found float64"):
        dilate(np.zeros((2, 2)), 1)
