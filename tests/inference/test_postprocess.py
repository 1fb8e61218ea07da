import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from skimage.morphology import remove_small_objects

from segmill.inference.postprocess import (
    ClassPostprocessing,
    disc,
    majority_vote,
    postprocess_classes,
    smooth_mask,
)

sides = st.integers(1, 12)
shapes = st.tuples(sides, sides)
masks = arrays(bool, shapes)
class_maps = arrays(np.uint8, shapes, elements=st.integers(0, 3))


def by_definition(mask, radius, grow):
    """Dilation or erosion pixel by pixel; what lies beyond the edge has no say."""
    found = np.zeros_like(mask)
    marked = np.argwhere(mask == grow)
    for row, column in np.ndindex(mask.shape):
        near = len(marked) and np.hypot(*(marked - (row, column)).T).min() <= radius
        found[row, column] = near if grow else not near
    return found


@settings(max_examples=40, deadline=None)
@given(masks, st.sampled_from([1.0, 1.5, 2.0]))
def test_opening_and_closing_against_their_definition(mask, radius):
    opened = by_definition(by_definition(mask, radius, False), radius, True)
    assert np.array_equal(smooth_mask(mask, ClassPostprocessing(opening=radius)), opened)
    closed = by_definition(by_definition(mask, radius, True), radius, False)
    assert np.array_equal(smooth_mask(mask, ClassPostprocessing(closing=radius)), closed)
    both = by_definition(by_definition(opened, radius, True), radius, False)
    options = ClassPostprocessing(opening=radius, closing=radius)
    assert np.array_equal(smooth_mask(mask, options), both)


@given(masks, st.integers(1, 6))
def test_small_regions_and_holes_against_other_libraries(mask, area):
    small = smooth_mask(mask, ClassPostprocessing(min_size=area))
    expected = remove_small_objects(mask, max_size=area - 1, connectivity=2)
    assert np.array_equal(small, expected)
    filled = smooth_mask(mask, ClassPostprocessing(max_hole=mask.size))
    assert np.array_equal(filled, ndimage.binary_fill_holes(mask, np.ones((3, 3))))


def test_a_disc_has_the_pixels_within_its_radius():
    assert disc(0.5).tolist() == [[1]]
    assert disc(1).tolist() == [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
    assert disc(1.5).all()
    assert disc(3).sum() == 29


@given(class_maps)
def test_by_default_nothing_is_done(classes):
    found = postprocess_classes(classes, ClassPostprocessing())
    assert found.dtype == np.uint8
    assert np.array_equal(found, classes)
    assert found is not classes


def two_regions():
    classes = np.zeros((12, 16), np.uint8)
    classes[1:11, 1:9] = 1
    classes[2:10, 11:15] = 2
    return classes


def test_a_class_gains_from_the_background_only():
    classes = two_regions()
    classes[4:7, 4:7] = 2  # inside of class 1, but no hole of the background
    expected = classes.copy()
    classes[8, 4] = 0
    found = postprocess_classes(classes, ClassPostprocessing(max_hole=9))
    assert np.array_equal(found, expected)


def test_what_a_class_loses_becomes_background():
    classes = two_regions()
    expected = classes.copy()
    classes[5, 9:11] = 1  # a spur as far as the other region
    classes[0, 15] = 3  # a speck
    found = postprocess_classes(classes, ClassPostprocessing(opening=1, min_size=9))
    corners = [(1, 1), (1, 8), (10, 1), (10, 8), (2, 11), (2, 14), (9, 11), (9, 14)]
    for corner in corners:
        expected[corner] = 0
    assert np.array_equal(found[:, :9], expected[:, :9])
    assert np.array_equal(found[:, 11:], expected[:, 11:])
    assert not found[5, 10]


@given(class_maps, st.integers(0, 5))
def test_the_vote_against_counting_by_hand(classes, seed):
    superpixels = np.random.default_rng(seed).integers(-1, 4, classes.shape) * 1000
    found = majority_vote(classes, superpixels)
    assert found.dtype == classes.dtype
    for region in np.unique(superpixels):
        inside = superpixels == region
        counts = [int((classes[inside] == k).sum()) for k in range(4)]
        assert (found[inside] == counts.index(max(counts))).all()


def test_superpixels_vote_before_the_morphology_and_must_be_there():
    classes = np.array([[1, 1, 0, 0, 0, 1]], np.uint8)
    superpixels = np.array([[1, 1, 1, 2, 2, 2]])
    options = ClassPostprocessing(superpixels=True, min_size=4)
    assert not postprocess_classes(classes, options, superpixels).any()
    options = ClassPostprocessing(superpixels=True, min_size=3)
    assert postprocess_classes(classes, options, superpixels).tolist() == [[1, 1, 1, 0, 0, 0]]
    with pytest.raises(ValueError, match="none were given"):
        postprocess_classes(classes, options)
    with pytest.raises(ValueError, match=r"classes are \(1, 6\), the superpixels \(2, 6\)"):
        postprocess_classes(classes, options, np.zeros((2, 6), int))
