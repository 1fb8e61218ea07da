import numpy as np
import pytest

from segmill.synthetic.phase_contrast import phase_contrast


def bar(width, delay=0.2, size=256):
    phase = np.zeros((size, size), np.float32)
    start = (size - width) // 2
    phase[:, start : start + width] = delay
    return phase


def test_an_empty_or_uniform_specimen_is_background():
    for delay in (0.0, 1.0):
        image = phase_contrast(np.full((64, 64), delay, np.float32), 6, 0.7)
        np.testing.assert_allclose(image, 1, atol=1e-5)


def test_a_thin_object_is_darker_by_the_zernike_contrast():
    # Without halo (a ring far wider than the object) the weak-phase contrast is 1 - 2 phi / t.
    image = phase_contrast(bar(4, 0.01, 512), 100, 0.8)
    assert 1 - image[256, 256] == pytest.approx(2 * 0.01 / 0.8, rel=0.06)


def test_halo_outside_and_shade_off_inside():
    image = phase_contrast(bar(120), 6, 0.7)[128]
    assert image[128 - 64 : 128 - 60].max() > 1.1
    assert image[128 - 59] < 0.85
    assert image[128] == pytest.approx(1, abs=0.01)
    assert image[10] == pytest.approx(1, abs=0.01)


def test_a_ring_that_transmits_less_gives_more_contrast():
    weak, strong = (phase_contrast(bar(10), 8, t)[128, 128] for t in (0.9, 0.5))
    assert strong < weak < 1
