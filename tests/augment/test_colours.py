import itertools

import numpy as np
import pytest

from segmill.augment.colours import ORDERS, channel_order, swap_channels, to_grey


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_numbers_stand_for_all_orders_alike(channels):
    orders = [tuple(p) for p in itertools.permutations(range(channels))]
    assert [tuple(channel_order(k, channels)) for k in range(len(orders))] == orders
    assert ORDERS % len(orders) == 0
    assert tuple(channel_order(len(orders) + 1, channels)) == orders[1 % len(orders)]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_channels_change_places_and_no_value(dtype):
    image = np.random.default_rng(0).integers(0, 250, (5, 6, 3)).astype(dtype)
    np.testing.assert_array_equal(swap_channels(image, 3), image[:, :, channel_order(3, 3)])
    assert swap_channels(image, 0) is image
    assert swap_channels(image[:, :, :1], 5).shape == (5, 6, 1)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_is_the_luminance(dtype):
    image = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (20, 30, 3)).astype(dtype)
    grey = to_grey(image)
    expected = image @ np.array([0.299, 0.587, 0.114])
    assert grey.dtype == dtype
    # OpenCV's weights have 14 or 15 bits.
    assert np.abs(grey - expected[:, :, None]).max() < 0.51 + np.iinfo(dtype).max / 2**14
    assert (grey == grey[:, :, :1]).all()
    assert to_grey(image[:, :, :1]).shape == (20, 30, 1)
    np.testing.assert_array_equal(to_grey(image[:, :, :2])[..., 1], np.rint(image[..., :2].mean(2)))
