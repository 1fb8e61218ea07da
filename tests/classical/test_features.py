import cv2
import numpy as np
import pytest
from scipy import ndimage
from skimage import filters

from segmill.classical import features
from segmill.random import generator


@pytest.fixture
def image():
    rng = generator(1, "features")
    return ndimage.gaussian_filter(rng.normal(size=(60, 80)), 2).astype(np.float32) * 50 + 300


def test_blur_is_scipys(image):
    for sigma in (0.7, 2, 5):
        expected = ndimage.gaussian_filter(image, sigma)
        np.testing.assert_allclose(features.blur(image, sigma), expected, rtol=1e-4)
    assert features.blur(image, 0) is image


@pytest.mark.parametrize("window", [3, 5, 11])
def test_local_deviation_is_numpys(image, window):
    found = features.local_deviation(image, window)
    half = window // 2
    for row, column in ((20, 30), (40, 10 + half), (59 - half, 70)):
        patch = image[row - half : row + half + 1, column - half : column + half + 1]
        assert found[row, column] == pytest.approx(patch.astype(float).std(), rel=1e-3)


def test_thresholds_are_scikit_images(image):
    assert features.threshold_value(image, "otsu") == pytest.approx(filters.threshold_otsu(image))
    assert features.threshold_value(image, "li") == pytest.approx(filters.threshold_li(image), 1e-2)
    expected = filters.threshold_triangle(image)
    assert features.threshold_value(image, "triangle") == pytest.approx(expected)


def test_two_means_are_a_fixed_point_of_lloyds_algorithm(image):
    threshold = features.threshold_value(image, "kmeans")
    low, high = image[image <= threshold].mean(), image[image > threshold].mean()
    assert threshold == pytest.approx((low + high) / 2, rel=1e-5)
    two = np.concatenate([np.full(90, 1.0), np.full(10, 9.0)]).reshape(10, 10)
    assert features.threshold_value(two, "kmeans") == 5


def test_small_grey_opening_is_scipys(image):
    radius = 4
    side = 2 * radius + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)).astype(bool)
    expected = image - ndimage.grey_opening(image, footprint=disc)
    found = features.subtract_background(image, "tophat", radius)
    inner = (slice(10, -10), slice(10, -10))
    np.testing.assert_allclose(found[inner], expected[inner], atol=1e-3)


def test_distances_are_scipys_wherever_the_mask_lies_in_memory(image):
    mask = (image > 290).astype(np.uint8)
    expected = ndimage.distance_transform_edt(mask).astype(np.float32)
    for shift in range(16):
        memory = np.zeros(mask.size + 64, np.uint8)
        shifted = memory[shift : shift + mask.size].reshape(mask.shape)
        shifted[...] = mask
        np.testing.assert_array_equal(features.distance_to_background(shifted), expected)


def test_contrast_of_noise_is_below_that_of_cells():
    rng = generator(2, "contrast")
    noise = rng.normal(size=(200, 200))
    assert features.contrast(noise, noise > 0) == pytest.approx(2.27, abs=0.1)
    cells = noise.copy()
    cells[50:90, 50:90] += 10
    assert features.contrast(cells, cells > 5) == pytest.approx(10, abs=0.3)
    assert features.contrast(noise, np.zeros(noise.shape, bool)) == 0
    two = np.array([[0.0, 0, 0, 5]])
    assert features.contrast(two, two > 1) == np.inf
