import numpy as np
import pytest
from skimage import data
from skimage.measure import label

from segmill.classical import eikonal_superpixels
from segmill.errors import ConfigError
from segmill.metrics import superpixels
from segmill.superpixels import EikonalOptions, divide, travel_times
from segmill.superpixels.growing import Growth
from segmill.superpixels.options import (
    CompactWatershedOptions,
    FelzenszwalbOptions,
    SlicOptions,
)
from tests.superpixels.sweeping import patches

PLAIN = {"excess": 1, "sweeps": 0, "smoothing": 0, "least_spread": 0}


def is_numbered(labels, connectivity=1):
    """Ids 1 .. n in the order of their first pixels, each one connected region."""
    ids, first = np.unique(labels, return_index=True)
    pieces = label(labels, background=0, connectivity=connectivity).max()
    return (
        ids.tolist() == list(range(1, len(ids) + 1))
        and (np.diff(first) > 0).all()
        and pieces == len(ids)
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        PLAIN,
        {**PLAIN, "rounds": 9, "weight": 300},
        {**PLAIN, "power": 1, "weight": 7},
        {**PLAIN, "means": "seed"},
        {**PLAIN, "weight": 0, "edge_weight": 5},
        {**PLAIN, "spacing": 4, "margin": 10},
        {"excess": 4, "contour_weight": 0, "sweeps": 10},
        {"excess": 3, "length_power": 0, "contour_weight": 5},
    ],
)
def test_as_many_connected_superpixels_as_wanted(options):
    image = data.astronaut()[100:220, 150:310]
    for n in (1, 2, 57, 200):
        labels = eikonal_superpixels(image, n, **options)
        assert labels.dtype == np.int32
        assert labels.max() == n
        assert is_numbered(labels)


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1), (2, 2), (5, 7)])
def test_small_images(shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    for n in (1, 3, 100):
        labels = eikonal_superpixels(image, n)
        assert is_numbered(labels)
        assert labels.max() == min(n, labels.size)


@pytest.mark.parametrize("options", [{}, PLAIN])
def test_boundaries_follow_colours(options):
    image, truth = patches(noise=4)
    rows, columns = np.mgrid[:60, :90] // 9
    squares = superpixels(rows * 10 + columns, truth)
    found = superpixels(eikonal_superpixels(image, 60, **options), truth)
    assert found["undersegmentation"] < 0.3 * squares["undersegmentation"]
    assert found["boundary_recall_3"] > 0.9


@pytest.mark.parametrize("options", [{}, PLAIN, {**PLAIN, "spacing": 3, "rounds": 4}])
def test_none_crosses_an_annotation(options):
    image, _ = patches()
    rng = np.random.default_rng(1)
    truth = np.kron(rng.integers(1, 4, (6, 9)), np.ones((10, 10), int))
    truth[20:23, 30:34] = 7
    truth[0, 0] = 9
    labels = eikonal_superpixels(image, 80, truth=truth, **options)
    assert is_numbered(labels)
    assert labels.max() == 80
    for k in range(1, 81):
        assert np.unique(truth[labels == k]).size == 1
    # Fewer wanted than the annotation has pieces: one each.
    pieces = label(truth, background=-1, connectivity=1).max()
    few = eikonal_superpixels(image, 2, truth=truth, **options)
    assert few.max() >= pieces
    if options == {}:
        assert few.max() == pieces


def test_a_constant_image_is_divided_evenly():
    labels = eikonal_superpixels(np.full((80, 120), 7, np.uint8), 24, **PLAIN, spacing=1)
    areas = np.bincount(labels.ravel())[1:]
    assert areas.size == 24
    assert areas.max() < 3 * areas.min()


def test_the_same_every_time_and_for_every_kind_of_image():
    image, _ = patches()
    first = eikonal_superpixels(image, 50)
    np.testing.assert_array_equal(first, eikonal_superpixels(image, 50))
    opaque = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
    np.testing.assert_array_equal(first, eikonal_superpixels(opaque, 50))
    np.testing.assert_array_equal(first, eikonal_superpixels(image[:, ::-1][:, ::-1], 50))
    grey = image[..., 0]
    np.testing.assert_array_equal(
        eikonal_superpixels(grey, 50), eikonal_superpixels(grey[..., None], 50)
    )
    for dtype, factor in ((np.uint16, 257), (np.float64, 1 / 255)):
        other = (image * np.array(factor)).astype(dtype)
        agreement = np.mean(first == eikonal_superpixels(other, 50))
        assert agreement > 0.98, (dtype, agreement)


def test_growth_without_colour_solves_one_eikonal_equation_for_each_region():
    rng = np.random.default_rng(2)
    slowness = np.exp(rng.normal(0, 0.5, (25, 30))).astype(np.float32)
    seeds = np.array([[3, 4], [20, 25], [12, 14]])
    growth = Growth(np.zeros((25, 30, 3), np.float32), slowness, weight=0)
    growth.add(seeds)
    # The first to arrive of fronts that each go their own way.
    alone = []
    for row, column in seeds:
        source = np.zeros((25, 30), int)
        source[row, column] = 1
        alone.append(travel_times(slowness, source)[0])
    nearest = np.min(alone, axis=0)
    # Inside its region a front is alone; where regions meet, it cannot come round from outside.
    assert (growth.times >= nearest - 1e-4).all()
    assert np.mean(np.isclose(growth.times, nearest, rtol=1e-4)) > 0.9
    np.testing.assert_array_equal(growth.labels[tuple(seeds.T)], [0, 1, 2])


def test_seeds_added_later_take_what_they_reach_first():
    growth = Growth(np.zeros((1, 21, 1), np.float32), 1.0, weight=0)
    growth.add([[0, 0]])
    np.testing.assert_allclose(growth.times[0], np.arange(21))
    growth.add([[0, 20]])
    np.testing.assert_allclose(growth.times[0], np.minimum(np.arange(21), 20 - np.arange(21)))
    assert growth.labels[0].tolist() == [0] * 11 + [1] * 10


def test_running_means_follow_a_gradient_farther_than_the_seed():
    ramp = np.repeat(np.linspace(0, 10, 60, dtype=np.float32)[None, :, None], 4, axis=0)
    times = {}
    for running in (True, False):
        growth = Growth(ramp, 1.0, weight=1.0, power=1, running=running)
        growth.add([[1, 0]])
        times[running] = growth.times.copy()
    slowness = 1 + ramp[..., 0]
    source = np.zeros((4, 60), int)
    source[1, 0] = 1
    np.testing.assert_allclose(times[False], travel_times(slowness, source)[0], rtol=1e-5)
    assert times[True][1, -1] < 0.7 * times[False][1, -1]


def test_bad_requests_are_named_at_once():
    image = np.zeros((20, 20, 3), np.uint8)
    with pytest.raises(ConfigError) as error:
        eikonal_superpixels(image, 0, wieght=3, power=3)
    for part in (
        "n_segments: expected at least 1, found 0",
        "did you mean weight",
        "power: expected",
    ):
        assert part in str(error.value)
    for wrong, message in (
        (np.zeros((20, 20, 2), np.uint8), r"found uint8 \(20, 20, 2\)"),
        (np.zeros((0, 20), np.uint8), "no pixel"),
        (np.full((20, 20), np.nan), "400 values of the image not finite"),
        (np.zeros((20, 20), np.int64), "int64"),
    ):
        with pytest.raises(ValueError, match=message):
            eikonal_superpixels(wrong, 4)
    with pytest.raises(ValueError, match=r"the truth is int64 \(20, 21\)"):
        eikonal_superpixels(image, 4, truth=np.zeros((20, 21), np.int64))


@pytest.mark.parametrize(
    "options",
    [
        EikonalOptions(n_segments=50),
        SlicOptions(n_segments=50),
        CompactWatershedOptions(n_segments=50),
        FelzenszwalbOptions(min_size=50),
    ],
    ids=lambda o: type(o).__name__,
)
def test_every_method_gives_connected_superpixels(options):
    image, _ = patches()
    for case in (image, image[..., 0], np.full((20, 30, 3), 9, np.uint8)):
        labels = divide(case, options)
        assert labels.dtype == np.int32
        assert labels.shape == case.shape[:2]
        assert is_numbered(labels, 1 if isinstance(options, EikonalOptions) else 2)
    if hasattr(options, "n_segments"):
        assert 25 <= divide(image, options).max() <= 75
