import numpy as np
import pytest
from scipy import ndimage

from segmill.augment.elastic import displacement, gaussian_kernel
from segmill.random import generator


@pytest.mark.parametrize(("alpha", "sigma"), [(60, 4), (7, 1.3)])
def test_field_is_scipys_gaussian_filter_of_its_noise(alpha, sigma):
    shape, radius = (40, 50), len(gaussian_kernel(sigma)) // 2
    rows, columns = (side + 2 * radius for side in shape)
    rng = generator(1, "noise")
    levels = rng.integers(0, 255, (2, rows, columns), dtype=np.uint8, endpoint=True)
    noise = (2 * levels.astype(float) - 255) / 256
    assert -1 < noise.min() < -0.99
    assert 0.99 < noise.max() < 1
    expected = alpha * np.stack([ndimage.gaussian_filter(plane, sigma) for plane in noise])
    field = displacement(generator(1, "noise"), shape, alpha, sigma)
    assert field.dtype == np.float32
    assert field.shape == (2, *shape)
    inside = np.s_[:, radius : radius + shape[0], radius : radius + shape[1]]
    np.testing.assert_allclose(field, expected[inside], atol=2e-4)


def test_statistics_are_those_of_uniform_noise_filtered_by_scipy():
    rng = np.random.default_rng(2)
    alpha, sigma, side = 60, 4, 700
    field = displacement(rng, (side, side), alpha, sigma)
    noise = rng.uniform(-1, 1, (2, side, side))
    reference = alpha * np.stack([ndimage.gaussian_filter(n, sigma, mode="wrap") for n in noise])
    # About (side / (2 sigma sqrt(pi)))^2 = 2400 independent values per component.
    assert field.std() == pytest.approx(reference.std(), rel=0.05)
    assert field.std() == pytest.approx(alpha / (sigma * np.sqrt(12 * np.pi)), rel=0.05)
    assert abs(field.mean()) < 0.2
    assert abs(np.corrcoef(field[0].ravel(), field[1].ravel())[0, 1]) < 0.1
    for distance in (2, 5, 8):
        expected = np.exp(-(distance**2) / (4 * sigma**2))
        for u in (field, reference):
            got = np.corrcoef(u[..., distance:].ravel(), u[..., :-distance].ravel())[0, 1]
            assert got == pytest.approx(expected, abs=0.04)


def test_edges_move_as_much_as_the_middle():
    fields = np.stack([displacement(np.random.default_rng(i), (8, 40), 60, 4) for i in range(400)])
    spread = fields.std(axis=(0, 1))
    assert spread.min() > 0.85 * spread.mean()
    assert spread.max() < 1.15 * spread.mean()


def test_alpha_scales_and_zero_is_still():
    one, ten = (displacement(np.random.default_rng(3), (9, 9), a, 2) for a in (1, 10))
    np.testing.assert_allclose(ten, 10 * one, atol=1e-5)
    assert not displacement(np.random.default_rng(3), (9, 9), 0, 2).any()


@pytest.mark.parametrize(("alpha", "sigma"), [(-1, 4), (3, 0), (3, float("inf"))])
def test_bad_parameters(alpha, sigma):
    with pytest.raises(ValueError, match="expected sigma above 0"):
        displacement(np.random.default_rng(0), (4, 4), alpha, sigma)
