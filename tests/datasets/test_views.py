"""Pixel sizes, families, heat maps and scales of sample-view images."""

import numpy as np
import pytest

from segmill.datasets.click_names import parse_name
from segmill.datasets.views import View
from segmill.errors import ConfigError

NAME = "100161_Fri_Jul_12_21:33:25_2019_double_click_zoom_5_y_573_x_682"


def view(config=None, **section):
    made = View(config or {}, section, "clicks")
    assert section == {}
    return made


def test_pixel_sizes():
    calibrated = view(calibration={1: 0.0016, "5": 0.0004}, rescale=0.5)
    assert calibrated.mm_per_px(1) == 0.0032
    assert calibrated.mm_per_px(5.0) == 0.0008
    assert np.isnan(calibrated.mm_per_px(None))
    assert np.isnan(calibrated.mm_per_px(float("nan")))
    with pytest.raises(ValueError, match=r"1, 5"):
        calibrated.mm_per_px(2)
    assert view({"pixel_size_um": 0.5}, rescale=0.25).mm_per_px(3) == 0.002
    assert np.isnan(view().mm_per_px(3))


def test_sigma_follows_the_sample_not_the_pixels():
    mm = view(click_sigma_mm=0.032, click_sigma_px=7.0)
    assert mm.sigma(0.0016) == pytest.approx(20)
    assert mm.sigma(0.0004) == pytest.approx(80)
    assert mm.sigma(np.nan) == 7
    assert view(click_sigma_px=7.0).sigma(0.0016) == 7
    # One standard deviation away from the click.
    heat = mm.target((50, 60), (20.0, 30.0), 0.0032)
    assert heat.shape == (50, 60, 1)
    assert heat[20, 30, 0] == 1
    assert heat[30, 30, 0] == heat[20, 40, 0] == np.float16(np.exp(-0.5))
    assert np.isnan(mm.target((5, 6), None, 0.0016)).all()


@pytest.mark.parametrize("scale", [1.0, 0.5, 0.37, 0.25])
@pytest.mark.parametrize("shape", [(64, 81), (101, 75)])
def test_positions_move_with_pixels(scale, shape):
    scaled = view(rescale=scale)
    rng = np.random.default_rng(0)
    at = rng.uniform(20, 40, 2)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    spot = np.exp(-((rows - at[0]) ** 2 + (columns - at[1]) ** 2) / (2 * 6.0**2))
    image = np.rint(spot * 60000).astype(np.uint16)[..., None]
    small = scaled.shrink(image)
    assert small.shape == (*scaled.size(shape), 1)
    assert small.dtype == np.uint16
    weights = small[..., 0] / small.sum()
    centre = [(weights * grid).sum() for grid in np.mgrid[: small.shape[0], : small.shape[1]]]
    # A hundredth of the width of the spot: the tails are cut and values rounded.
    np.testing.assert_allclose(centre, scaled.moved(at), atol=0.06)


def test_families():
    facts = parse_name(NAME)
    assert view().family(facts, NAME) == "100161_2019-07-12"
    assert view(family="time").family(facts, NAME) == "100161_2019-07-12T213325"
    by_zoom = view(family_regex=r"(?P<family>zoom_\d)")
    assert by_zoom.family(facts, NAME) == "zoom_5"
    assert by_zoom.family(facts, "other") is None


@pytest.mark.parametrize(
    ("config", "section", "expected"),
    [
        ({}, {"calibration": {1: 0.001, "two": 1}}, "two: 1"),
        ({}, {"calibration": {1: -1, 2: None}}, r"1: -1, 2: None"),
        ({"pixel_size_um": 1}, {"calibration": {1: 1}}, "beside pixel_size_um"),
        ({}, {"family_regex": "(zoom"}, "no regular expression"),
        ({}, {"family_regex": "zoom"}, "named group"),
        ({}, {"rescale": 2}, "rescale"),
        ({}, {"click_sigma_mm": 0}, "click_sigma_mm"),
    ],
)
def test_wrong_settings(config, section, expected):
    with pytest.raises(ConfigError, match=expected):
        View(config, section, "clicks")


def test_nothing_left():
    with pytest.raises(ConfigError, match="2 x 9"):
        view(rescale=0.1).shrink(np.zeros((2, 9, 3), np.uint8))
