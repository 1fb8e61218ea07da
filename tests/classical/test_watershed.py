import logging

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segmill.classical import Segmentation, WatershedOptions, segment_cells, watershed_instances
from segmill.errors import ConfigError
from segmill.metrics import match_instances
from segmill.random import generator
from segmill.synthetic import cells

ROW, COLUMN = np.indices((90, 120))


def disc(row, column, radius):
    return (ROW - row) ** 2 + (COLUMN - column) ** 2 <= radius**2


def scene(*discs, level=1000, background=100, noise=10, seed=0):
    image = np.full(ROW.shape, background, float)
    for one in discs:
        image[disc(*one)] = level
    image += generator(seed, "scene").normal(0, noise, image.shape)
    return np.clip(image, 0, 65535).astype(np.uint16)


def test_two_overlapping_discs_are_split_where_they_meet():
    image = scene((45, 40, 20), (45, 70, 20))
    found = watershed_instances(image, h=2)
    assert found.max() == 2
    assert found.dtype == np.int32
    left, right = found[45, 35], found[45, 75]
    assert left != right
    # The cut runs along the chord in which the discs meet.
    halves = (disc(45, 40, 20) | disc(45, 70, 20)) & (np.abs(COLUMN - 55) > 2)
    inside = halves & (found > 0)
    assert np.count_nonzero(inside) > 0.97 * np.count_nonzero(halves)
    assert (found[inside] == np.where(COLUMN[inside] < 55, left, right)).all()


@pytest.mark.parametrize("seeds", [{"seeds": "h_maxima", "h": 1}, {"seeds": "distance"}])
def test_an_ellipse_stays_one_object(seeds):
    image = np.where((ROW - 45) ** 2 / 20**2 + (COLUMN - 60) ** 2 / 40**2 < 1, 900, 100)
    found = watershed_instances(image.astype(np.uint16), min_distance=12, **seeds)
    assert found.max() == 1


@pytest.mark.parametrize(
    "threshold", ["otsu", "li", "triangle", "kmeans", "local", "local_variance"]
)
def test_every_threshold_finds_the_discs(threshold):
    discs = [(25, 25, 14), (60, 80, 16), (25, 90, 10)]
    image = scene(*discs, noise=20)
    options = {"window": 30} if threshold == "local" else {"window": 5, "closing": 6, "erosion": 2}
    truth = sum((k + 1) * disc(*one).astype(np.int32) for k, one in enumerate(discs))
    found = watershed_instances(image, threshold=threshold, **options, opening=3)
    assert match_instances(found, truth, 0.5).f1 == 1


@pytest.mark.parametrize("background", ["gaussian", "tophat", "rolling"])
def test_background_subtraction_flattens_uneven_light(background):
    image = scene((25, 25, 10), (60, 90, 10), level=400, background=100, noise=5)
    image = image + (5 * COLUMN).astype(np.uint16)
    found = watershed_instances(image, background=background, background_size=20, opening=2)
    truth = disc(25, 25, 10) + 2 * disc(60, 90, 10).astype(np.int32)
    assert match_instances(found, truth, 0.5).f1 == 1
    assert match_instances(watershed_instances(image), truth, 0.5).f1 < 1


def test_the_opposite_polarity_finds_the_same():
    image = scene((30, 30, 15), (50, 80, 20), (50, 55, 12))
    inverted = (60000 - image.astype(np.int64)).astype(np.uint16)
    found = watershed_instances(image, polarity="bright")
    np.testing.assert_array_equal(found, watershed_instances(inverted, polarity="dark"))
    assert found.max() >= 2


def test_the_result_does_not_depend_on_memory_or_threads():
    image = cells(6, 5, height=96, width=96, density_per_mm2=1200).image
    expected = watershed_instances(image)
    kept, threads = [], cv2.getNumThreads()
    try:
        for attempt in range(20):
            kept.append(np.zeros(1000 + 13 * attempt, np.uint8))
            cv2.setNumThreads(1 + attempt % 4)
            np.testing.assert_array_equal(watershed_instances(image.copy()), expected)
    finally:
        cv2.setNumThreads(threads)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_quarter_turns_and_flips_turn_the_result(seed):
    image = cells(seed, height=80, width=100, density_per_mm2=1500).image[..., 0]
    found = watershed_instances(image)
    for turned, back in (
        (np.rot90(image), lambda x: np.rot90(x, -1)),
        (image[::-1], lambda x: x[::-1]),
    ):
        again = back(watershed_instances(np.ascontiguousarray(turned)))
        np.testing.assert_array_equal(again > 0, found > 0)
        assert again.max() == found.max()
        if found.max():
            # Ties on the watershed line may fall to either side.
            assert match_instances(again, found, 0.8).f1 > 0.99


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 1000),
    threshold=st.sampled_from(["otsu", "li", "kmeans", "local"]),
    transform=st.sampled_from(["linear", "sqrt", "log"]),
    clear_border=st.booleans(),
    min_size=st.integers(1, 200),
)
def test_instances_are_connected_consecutive_and_of_legal_size(
    seed, threshold, transform, clear_border, min_size
):
    image = cells(seed, height=80, width=80, density_per_mm2=1500).image
    found = watershed_instances(
        image,
        threshold=threshold,
        transform=transform,
        clear_border=clear_border,
        min_size=min_size,
        max_size=900,
    )
    areas = np.bincount(found.ravel())
    assert (areas[1:] >= max(min_size, 1)).all()
    assert (areas[1:] <= 900).all()
    assert np.unique(found).tolist() == sorted({0, *range(areas.size)} & set(np.unique(found)))
    for label in range(1, areas.size):
        assert ndimage.label(found == label, np.ones((3, 3)))[1] == 1
    if clear_border:
        assert not any(edge.any() for edge in (found[0], found[-1], found[:, 0], found[:, -1]))


def test_dtypes_scale_and_channels_do_not_matter():
    image = (scene((30, 30, 15), (50, 80, 20)) // 8).astype(np.uint8)
    expected = watershed_instances(image)
    assert expected.max() == 2
    alpha = np.full(image.shape, 255, np.uint8)
    for same in (
        image.astype(np.uint16) * 257,
        image.astype(np.float64) / 255,
        image[..., None],
        np.dstack([image] * 3),
        np.dstack([image] * 3 + [alpha]),
    ):
        np.testing.assert_array_equal(watershed_instances(same), expected)


def test_colours_enter_by_their_luminance():
    image = np.zeros((60, 90, 3), np.uint8)
    image[10:30, 10:30] = (0, 255, 0)
    image[10:30, 60:80] = (0, 0, 20)
    found = watershed_instances(image)
    assert found.max() == 1
    assert found[20, 20] == 1
    assert found[20, 70] == 0


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.zeros((0, 5), np.uint8), "no pixel"),
        (np.full((50, 50), 700, np.uint16), "constant at 700"),
        (np.zeros((50, 50, 3), np.uint8), "constant at 0"),
        (generator(1, "noise").normal(500, 30, (200, 200)).astype(np.uint16), "contrast"),
        (generator(2, "noise").integers(0, 255, (100, 100)).astype(np.uint8), "contrast"),
    ],
)
def test_an_image_without_cells_has_none_and_says_why(image, reason, caplog):
    for threshold in ("otsu", "li", "kmeans", "local_variance"):
        found = segment_cells(image, WatershedOptions(threshold=threshold))
        assert isinstance(found, Segmentation)
        assert found.instances.shape == image.shape[:2]
        assert not found.instances.any()
        assert found.reason
    assert reason in segment_cells(image, WatershedOptions()).reason
    with caplog.at_level(logging.INFO, logger="segmill"):
        log = logging.getLogger("segmill")
        log.addHandler(caplog.handler)
        try:
            assert not watershed_instances(image).any()
        finally:
            log.removeHandler(caplog.handler)
    assert reason in caplog.text


def test_a_ramp_has_no_cells():
    ramp = np.tile(np.arange(200, dtype=np.uint8), (200, 1))
    for threshold in ("otsu", "kmeans"):
        assert "contrast" in segment_cells(ramp, WatershedOptions(threshold=threshold)).reason


def test_a_result_without_legal_objects_has_a_reason():
    found = segment_cells(scene((30, 30, 8)), WatershedOptions(min_size=5000))
    assert found.reason == "no object has a legal size"


def test_a_foreground_up_to_the_edges():
    image = np.full((60, 60), 900, np.uint16)
    image[:, :12] = 100
    found = watershed_instances(image)
    assert found.max() == 1
    assert (found[:, 13:] == 1).all()


def test_holes_are_filled_up_to_their_limit():
    image = scene((45, 60, 30), noise=1)
    image[disc(45, 50, 4)] = 100
    image[disc(45, 75, 8)] = 100
    options = {"smoothing": 0, "distance_smoothing": 0, "h": 50, "opening": 0}
    assert watershed_instances(image, **options)[45, 75] > 0
    part = watershed_instances(image, max_hole=100, **options)
    assert part[45, 50] > 0
    assert part[45, 75] == 0
    assert watershed_instances(image, fill_holes=False, **options)[45, 50] == 0


def test_bad_images_and_options():
    with pytest.raises(ValueError, match="found \\(3, 4, 5\\)"):
        watershed_instances(np.zeros((3, 4, 5)))
    with pytest.raises(ValueError, match="not finite"):
        watershed_instances(np.array([[1.0, np.nan], [0, 1]]))
    with pytest.raises(ValueError, match="complex"):
        watershed_instances(np.zeros((4, 4), complex))
    with pytest.raises(ConfigError) as error:
        watershed_instances(np.zeros((4, 4)), thresold="otsu", h=0, polarity="grey", max_size=2.5)
    for part in ("did you mean threshold", "h: ", "polarity: expected one of", "max_size: "):
        assert part in str(error.value)
    with pytest.raises(ConfigError, match="max_size: expected 0 or at least min_size 50"):
        watershed_instances(np.zeros((4, 4)), min_size=50, max_size=10)
