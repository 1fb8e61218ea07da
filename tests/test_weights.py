import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from segmill.weights import border_term, class_weights, weight_map

instance_images = hnp.arrays(
    np.int32,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=30),
    elements=st.sampled_from([0] * 12 + [1, 2, 3, 70_000]),
)


def naive_border_term(instances, w0, sigma):
    """One distance transform per cell, as in the definition."""
    ids = np.unique(instances[instances > 0])
    if len(ids) < 2:
        return np.zeros(instances.shape)
    distances = np.sort([ndimage.distance_transform_edt(instances != i) for i in ids], axis=0)
    return w0 * np.exp(-((distances[0] + distances[1]) ** 2) / (2 * sigma**2))


@settings(deadline=None)
@given(instance_images, st.sampled_from([(10, 5), (3.5, 1.2), (200, 40)]))
def test_border_term_equals_one_distance_transform_per_cell(instances, parameters):
    got = border_term(instances, *parameters)
    assert got.dtype == np.float32
    tolerance = 1e-5 if parameters[0] <= 10 else 3e-5  # float32 has 7 digits of 200
    np.testing.assert_allclose(got, naive_border_term(instances, *parameters), atol=tolerance)


def test_border_term_of_round_cells():
    rng = np.random.default_rng(1)
    rows, columns = np.mgrid[:120, :150]
    instances = np.zeros((120, 150), np.int32)
    for i, (y, x, r) in enumerate(rng.uniform([0, 0, 6], [120, 150, 16], (14, 3))):
        instances[((rows - y) ** 2 + (columns - x) ** 2 < r**2) & (instances == 0)] = i + 1
    np.testing.assert_allclose(
        border_term(instances), naive_border_term(instances, 10, 5), atol=1e-5
    )


def test_gap_of_one_pixel_between_two_cells():
    instances = np.array([[1, 1, 0, 2, 2]], np.int32)
    # d1 = d2 = 1 in the gap; on a cell d1 = 0 and d2 leads to the other cell.
    expected = 10 * np.exp(-(np.array([3, 2, 2, 2, 3]) ** 2) / 50)
    np.testing.assert_allclose(border_term(instances)[0], expected, rtol=1e-6)


@pytest.mark.parametrize("ids", [[], [4]])
def test_fewer_than_two_cells_have_no_border_term(ids):
    instances = np.zeros((8, 8), np.int32)
    for i in ids:
        instances[2:4, 2:4] = i
    assert not border_term(instances).any()


def test_no_weight_at_all():
    assert not border_term(np.array([[1, 2]], np.int32), w0=0).any()


def test_class_weights_balance_the_classes_present():
    semantic = np.zeros((10, 10), np.uint8)
    semantic[:2] = 2
    weights = class_weights(semantic, 4)
    assert weights.dtype == np.float32
    # 100 / (2 * 80) and 100 / (2 * 20); classes 1 and 3 are absent.
    np.testing.assert_allclose(weights, [0.625, 0, 2.5, 0])
    assert weights[semantic].mean() == pytest.approx(1)


def test_class_weights_go_by_id_not_by_order_of_appearance():
    semantic = np.array([[2, 2, 2, 0]], np.uint8)
    np.testing.assert_allclose(class_weights(semantic, 3), [2, 0, 2 / 3])


def test_pixels_nobody_annotated_do_not_count():
    semantic = np.array([[0, 1, 9, 9]], np.uint8)
    ignore = semantic == 9
    np.testing.assert_allclose(class_weights(semantic, 2, ignore), [1, 1])
    assert not class_weights(semantic, 2, np.ones_like(ignore)).any()
    with pytest.raises(ValueError, match=r"below 2, found \[9\]"):
        class_weights(semantic, 2)


def test_weight_map_adds_both():
    instances = np.zeros((20, 20), np.int32)
    instances[4:8, 4:8], instances[4:8, 10:14] = 1, 2
    semantic = (instances > 0).astype(np.uint8)
    weights = weight_map(semantic, instances, w0=4, sigma=3)
    assert weights.dtype == np.float32
    expected = class_weights(semantic, 2)[semantic] + border_term(instances, 4, 3)
    np.testing.assert_array_equal(weights, expected)
    ignore = np.zeros((20, 20), bool)
    ignore[5:7] = True
    hidden = weight_map(semantic, instances, ignore=ignore)
    assert not hidden[ignore].any()
    assert hidden[~ignore].all()


def test_unbalanced_classes_weigh_one():
    instances = np.zeros((20, 20), np.int32)
    instances[4:8, 4:8], instances[4:8, 10:14] = 1, 2
    semantic = (instances > 0).astype(np.uint8)
    ignore = np.zeros((20, 20), bool)
    ignore[5:7] = True
    weights = weight_map(semantic, instances, 4, 3, ignore, balanced=False)
    assert weights.dtype == np.float32
    expected = np.where(ignore, 0, 1 + border_term(instances, 4, 3))
    np.testing.assert_array_equal(weights, expected)
    alone = weight_map(semantic, instances * (instances == 1), 4, 3, balanced=False)
    np.testing.assert_array_equal(alone, np.ones((20, 20), np.float32))


def test_what_is_no_instance_image_is_refused():
    with pytest.raises(ValueError, match="found float64"):
        border_term(np.zeros((3, 3)))
    with pytest.raises(ValueError, match="sigma"):
        border_term(np.zeros((3, 3), np.int32), sigma=0)
    with pytest.raises(ValueError, match="one frame"):
        weight_map(np.zeros((3, 3), np.uint8), np.zeros((3, 4), np.int32))
