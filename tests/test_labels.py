import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from skimage.segmentation import relabel_sequential

from segmill.errors import ConfigError
from segmill.labels import cell_border, derive, relabel

instance_images = hnp.arrays(
    np.int32,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=12),
    elements=st.sampled_from([0, 0, 1, 2, 3, 70_000]),
)


def border_by_distance_transform(instances, width):
    """One distance transform per object, distances between pixel centres."""
    semantic = np.zeros(instances.shape, np.uint8)
    for i in np.unique(instances[instances > 0]):
        inside = instances == i
        if inside.all():
            semantic[:] = 1
            continue
        distance = ndimage.distance_transform_edt(inside)
        semantic[inside] = np.where(distance[inside] <= width, 2, 1)
    return semantic


@settings(deadline=None)
@given(instance_images, st.sampled_from([0, 1, 1.5, 2, 2.9, 5]))
def test_border_equals_one_distance_transform_per_cell(instances, width):
    got = cell_border(instances, width)
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got, border_by_distance_transform(instances, width))


def test_touching_cells_get_a_border_each_and_the_image_edge_none():
    instances = np.repeat([[1] * 6 + [2] * 6], 3, axis=0)
    expected = [1, 1, 1, 1, 2, 2, 2, 2, 1, 1, 1, 1]
    np.testing.assert_array_equal(cell_border(instances, 2), [expected] * 3)


@settings(deadline=None)
@given(instance_images)
def test_relabel_agrees_with_scikit_image(instances):
    got = relabel(instances)
    assert got.dtype == np.int32
    np.testing.assert_array_equal(got, relabel_sequential(instances)[0])


def test_relabel_without_background_and_with_huge_ids():
    instances = np.array([[2**31 - 1, 5], [9, 5]], np.int32)
    np.testing.assert_array_equal(relabel(instances), [[3, 1], [2, 1]])
    assert relabel(np.zeros((0, 4), np.int32)).shape == (0, 4)


def test_derive_follows_the_specification():
    instances = np.pad(np.ones((9, 9), np.int32), 3)
    got = derive(instances, {"kind": "cell_border", "width": 3})
    np.testing.assert_array_equal(got, cell_border(instances, 3))


@pytest.mark.parametrize("spec", [
    {"kind": "skeleton"}, {}, None, {"kind": "cell_border", "width": -1},
    {"kind": "cell_border", "breadth": 2}, {"kind": "cell_border", "width": "2"},
])  # fmt: skip
def test_a_wrong_specification_is_named(spec):
    with pytest.raises(ConfigError, match=r"derived\.semantic"):
        derive(np.zeros((3, 3), np.int32), spec)


@pytest.mark.parametrize("function", [cell_border, relabel])
def test_what_is_no_instance_image_is_refused(function):
    with pytest.raises(ValueError, match="found float64"):
        function(np.zeros((3, 3)))
    with pytest.raises(ValueError, match=r"found int64 \(3,\)"):
        function(np.zeros(3, np.int64))


def test_bad_numbers_are_refused():
    with pytest.raises(ValueError, match="width"):
        cell_border(np.zeros((3, 3), np.int32), -1)
    with pytest.raises(ValueError, match="found -4"):
        relabel(np.full((3, 3), -4))
