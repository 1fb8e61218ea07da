import numpy as np
import pytest

from segmill.random import generator
from segmill.synthetic import camera

SHAPE = (200, 200)


@pytest.mark.parametrize(
    ("electrons", "gain", "offset", "read_noise"),
    [(100.0, 2.0, 50.0, 4.0), (400.0, 0.7, 100.0, 0.0), (0.0, 3.0, 20.0, 2.0), (5.0, 1, 10, 1.5)],
)
def test_noise_follows_the_linear_camera_model(electrons, gain, offset, read_noise):
    rng = generator(1, "test", 0)
    image = camera.expose(rng, np.full(SHAPE, electrons), gain, offset, read_noise, 16)
    values = image.astype(float)
    variance = gain**2 * (electrons + read_noise**2) + 1 / 12
    standard_error = np.sqrt(variance / values.size)
    assert image.dtype == np.uint16
    assert abs(values.mean() - offset - gain * electrons) < 5 * standard_error
    assert values.var() == pytest.approx(variance, rel=0.05)


def test_noise_is_independent_from_pixel_to_pixel():
    values = camera.expose(generator(2, "test"), np.full(SHAPE, 100.0), 1, 0, 3, 16).astype(float)
    values -= values.mean()
    neighbours = (values[:, 1:] * values[:, :-1]).mean() / values.var()
    assert abs(neighbours) < 5 / np.sqrt(values.size)


@pytest.mark.parametrize(("bits", "dtype"), [(8, np.uint8), (12, np.uint16), (16, np.uint16)])
def test_grey_levels_saturate(bits, dtype):
    image = camera.expose(generator(3, "test"), np.full((20, 20), 1e6), 1, 0, 0, bits)
    assert image.dtype == dtype
    assert (image == 2**bits - 1).all()


@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.5, 6.0])
def test_band_noise_has_unit_variance_and_its_correlation_length(sigma):
    noise = np.stack([camera.band_noise(generator(4, "n", i), SHAPE, sigma) for i in range(4)])
    assert noise.shape[1:] == SHAPE
    assert noise.std() == pytest.approx(1, rel=0.2)
    if sigma >= 1:
        # White noise filtered by a Gaussian has the autocorrelation exp(-d^2 / (4 sigma^2)).
        lag = max(1, round(sigma))
        found = (noise[..., lag:] * noise[..., :-lag]).mean() / noise.var()
        assert found == pytest.approx(np.exp(-(lag**2) / (4 * sigma**2)), abs=0.12)


def test_blur_keeps_the_light_and_spreads_it():
    image = np.zeros((61, 61), np.float32)
    image[30, 30] = 1000
    blurred = camera.blur(image, 2.0)
    row = np.arange(61) - 30
    assert blurred.sum() == pytest.approx(1000, rel=1e-4)
    spread = np.sqrt((blurred.sum(axis=1) * row**2).sum() / blurred.sum())
    assert spread == pytest.approx(2.0, rel=0.03)
    assert camera.blur(image, 0) is image


def test_illumination_is_flat_where_asked_and_falls_where_asked():
    flat = camera.illumination(generator(5, "i"), SHAPE, 0, 0)
    assert (flat == 1).all()
    uneven = camera.illumination(generator(5, "i"), SHAPE, 0.4, 0.2)
    assert uneven.max() == 1
    assert 0.2 < uneven.min() < 0.8
    slope = camera.illumination(generator(6, "i"), SHAPE, 0, 0.3)
    assert slope.min() == pytest.approx(0.7, abs=0.01)


def test_texture_patch_wraps():
    texture = np.arange(16.0).reshape(4, 4)
    patch = camera.texture_patch(generator(7, "t"), texture, 8)
    np.testing.assert_array_equal(patch[:4], patch[4:])
    assert set(patch.ravel()) == set(texture.ravel())
