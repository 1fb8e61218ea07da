import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmill.augment.donors import Donor, Donors, collect_donors, mean_level, whole_instances
from segmill.augment.paste_options import PasteOptions
from segmill.augment.prepare import Prepared
from segmill.errors import ConfigError
from segmill.samples import Sample


def scene(seed=0, shape=(40, 50), ignore=False):
    """Rectangles of random size at random places; some touch the edge, some each other."""
    rng = np.random.default_rng(seed)
    instances = np.zeros(shape, np.int32)
    for number in rng.choice(1000, 8, replace=False) + 1:
        row, column = rng.integers(0, [shape[0] - 3, shape[1] - 3])
        height, width = rng.integers(2, 12, 2)
        instances[row : row + height, column : column + width] = number
    image = rng.integers(0, 256, (*shape, 2)).astype(np.uint8)
    hidden = np.zeros(shape, bool)
    hidden[:, 20:23] = True
    return Prepared(Sample(image, instances=instances, ignore=hidden if ignore else None), shape)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.booleans(), st.integers(0, 4))
def test_whole_instances_are_those_that_touch_neither_edge_nor_unannotated_pixels(
    seed, ignore, reach
):
    prepared = scene(seed, ignore=ignore)
    instances, image = prepared.sample.instances, prepared.sample.image
    hidden = prepared.sample.ignore if ignore else np.zeros(instances.shape, bool)
    donors = list(whole_instances(prepared, reach))
    expected = []
    for number in np.unique(instances[instances > 0]):
        rows, columns = np.nonzero(instances == number)
        inside = rows.min() > 0 and columns.min() > 0
        inside &= rows.max() < instances.shape[0] - 1 and columns.max() < instances.shape[1] - 1
        if inside and not hidden[rows, columns].any():
            expected.append((number, rows, columns))
    assert len(donors) == len(expected)
    for donor, (number, rows, columns) in zip(donors, expected, strict=True):
        window = np.s_[
            max(rows.min() - reach, 0) : rows.max() + reach + 1,
            max(columns.min() - reach, 0) : columns.max() + reach + 1,
        ]
        labels = instances[window]
        assert donor.area == len(rows)
        np.testing.assert_array_equal(donor.mask, labels == number)
        np.testing.assert_array_equal(donor.image, image[window])
        np.testing.assert_array_equal(donor.free, np.isin(labels, (0, number)) & ~hidden[window])
        seen = image[window][(labels == 0) & ~hidden[window]]
        if len(seen):
            np.testing.assert_allclose(donor.level, seen.mean(axis=0))
        else:
            assert np.isnan(donor.level).all()


def donor(area):
    mask = np.zeros((1, area), bool) | True
    return Donor(np.zeros((1, area, 1), np.uint8), mask, mask, np.zeros(1))


@pytest.mark.parametrize("power", [-4, -1, 0, 0.5, 2])
def test_donors_are_drawn_with_weights_area_to_a_power(power):
    areas = [3, 50, 7]
    donors = Donors.of([donor(area) for area in areas], power)
    expected = np.array(areas, float) ** power
    np.testing.assert_allclose(donors.weights, expected / expected.sum())
    rng = np.random.default_rng(0)
    drawn = [donors.draw(rng).area for _ in range(3000)]
    share = [drawn.count(area) / 3000 for area in areas]
    np.testing.assert_allclose(share, donors.weights, atol=0.04)


def test_only_so_many_images_lend_the_same_for_a_seed():
    asked = []

    def prepared(i):
        asked.append(i)
        return scene(i)

    sources = np.arange(10, 30)
    first = collect_donors(sources, prepared, PasteOptions(images=4), 1, "store")
    assert len(asked) == 4
    assert set(asked) <= set(sources.tolist())
    again = collect_donors(sources, scene, PasteOptions(images=4), 1, "store")
    assert [d.image.tobytes() for d in first.pool] == [d.image.tobytes() for d in again.pool]
    asked.clear()
    collect_donors(sources, prepared, PasteOptions(images=20), 1, "store")
    assert asked == sources.tolist()


def test_images_without_a_whole_instance_are_refused():
    instances = np.zeros((5, 5), np.int32)
    instances[0] = 1
    empty = Prepared(Sample(np.zeros((5, 5, 1), np.uint8), instances=instances), (5, 5))
    with pytest.raises(ConfigError, match=r"my\.zarr.*none that lies inside one of 2 training"):
        collect_donors(np.arange(2), lambda i: empty, PasteOptions(), 0, "my.zarr")


def test_mean_level():
    image = np.array([[[1, 10], [3, 30]]], np.uint8)
    np.testing.assert_array_equal(mean_level(image, np.array([[True, True]])), [2, 20])
    assert np.isnan(mean_level(image, np.array([[False, False]]))).all()
