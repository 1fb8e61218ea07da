import numpy as np
import pytest

from segmill.augment.photometric import add_noise, change_greys, grey_table

RNG = np.random.default_rng(0)
DTYPES = pytest.mark.parametrize("dtype", [np.uint8, np.uint16])


def reference(image, brightness, contrast, gamma):
    top = np.iinfo(image.dtype).max
    v = (image / top) ** gamma
    pivot = np.rint(v * top).mean() / top
    return np.clip((v - pivot) * contrast + pivot + brightness, 0, 1) * top


@DTYPES
@pytest.mark.parametrize("parameters", [(0.3, 1, 1), (-0.5, 1, 1), (0, 1.7, 1), (0, 1, 0.4),
                                        (0.2, 0.5, 2.0), (1, 3, 1)])  # fmt: skip
@pytest.mark.parametrize("channels", [1, 3])
def test_grey_levels_follow_the_formula_without_overflow(dtype, parameters, channels):
    image = RNG.integers(0, np.iinfo(dtype).max, (20, 30, channels), endpoint=True).astype(dtype)
    out = change_greys(image, *parameters)
    assert out.dtype == dtype
    assert out.shape == image.shape
    assert np.abs(out - reference(image, *parameters)).max() <= 0.5 + 1e-6


@DTYPES
def test_nothing_to_do_changes_nothing(dtype):
    table = grey_table(dtype)
    np.testing.assert_array_equal(table, np.arange(len(table)))
    image = RNG.integers(0, 255, (5, 5, 1)).astype(dtype)
    np.testing.assert_array_equal(change_greys(image), image)
    np.testing.assert_array_equal(add_noise(image, RNG, 0), image)


@DTYPES
def test_noise_has_its_deviation_and_stays_in_range(dtype):
    top = np.iinfo(dtype).max
    image = np.full((300, 300, 1), top // 2, dtype)
    noise = add_noise(image, np.random.default_rng(1), 0.05).astype(float) - top // 2
    assert noise.std() == pytest.approx(0.05 * top, rel=0.02)
    assert abs(noise.mean()) < 0.001 * top
    edges = add_noise(np.array([[[0], [top]]] * 50, dtype), np.random.default_rng(1), 0.2)
    assert edges.dtype == dtype
    assert (edges[:, 0] < top * 0.9).all()  # nothing wraps around
    assert (edges[:, 1] > top * 0.1).all()
