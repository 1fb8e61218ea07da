import cv2
import numpy as np
import pytest
import tifffile

from segmill.datasets.images import ImageRules, read_image, to_channels
from segmill.errors import IntegrityError
from tests.datasets.conftest import save

RNG = np.random.default_rng(0)
RGBA = RNG.integers(0, 256, (6, 8, 4), dtype=np.uint8)


def test_grey_gets_a_channel_axis(tmp_path):
    array = RNG.integers(0, 256, (6, 8), dtype=np.uint8)
    image = read_image(save(tmp_path / "a.png", array), ImageRules())
    assert image.shape == (6, 8, 1)
    np.testing.assert_array_equal(image[..., 0], array)


def test_twelve_bit_values_in_sixteen_bits_stay(tmp_path):
    array = RNG.integers(0, 4096, (6, 8), dtype=np.uint16)
    image = read_image(save(tmp_path / "a.tif", array), ImageRules())
    assert image.dtype == np.uint16
    np.testing.assert_array_equal(image[..., 0], array)


def test_opaque_alpha_is_dropped(tmp_path):
    array = RGBA.copy()
    array[..., 3] = 255
    image = read_image(save(tmp_path / "a.png", array), ImageRules())
    np.testing.assert_array_equal(image, array[..., :3])


def test_transparency_is_refused_unless_allowed(tmp_path):
    array = RGBA.copy()
    array[..., 3] = 255
    array[0, :5, 3] = 0
    path = save(tmp_path / "a.png", array)
    with pytest.raises(IntegrityError) as caught:
        read_image(path, ImageRules())
    (problem,) = caught.value.problems
    assert problem.found == "5 transparent pixels"
    assert "images.alpha: drop" in problem.expected
    image = read_image(path, ImageRules(alpha="drop"))
    np.testing.assert_array_equal(image, array[..., :3])


def test_luminance_follows_bt601(tmp_path):
    array = RNG.integers(0, 65536, (6, 8, 3), dtype=np.uint16)
    expected = array @ np.array([0.299, 0.587, 0.114])
    found = to_channels(array, "grey")[..., 0]
    assert found.dtype == np.uint16
    # OpenCV works with fixed-point weights of 2^-14.
    assert np.abs(found - expected).max() <= 65535 * 3 / 2**14


def test_rgb_repeats_grey():
    array = RNG.integers(0, 256, (6, 8), dtype=np.uint8)
    assert (to_channels(array, "rgb") == array[..., None]).all()
    assert to_channels(array, "rgb").shape == (6, 8, 3)


@pytest.mark.parametrize("dtype", ["float32", "int16", "uint32"])
def test_other_dtypes_are_refused(tmp_path, dtype):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((6, 8), dtype))
    with pytest.raises(IntegrityError, match=f"8 or 16 bits, unsigned, found {dtype}"):
        read_image(tmp_path / "a.tif", ImageRules())


def test_one_bit_images_are_refused(tmp_path):
    path = save(tmp_path / "a.png", np.eye(8, dtype=bool))
    with pytest.raises(IntegrityError, match="found 1 bit"):
        read_image(path, ImageRules())


def test_deep_colour_png(tmp_path):
    array = RNG.integers(0, 65536, (6, 8, 3), dtype=np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), array[..., ::-1])
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", ImageRules()), array)
