from dataclasses import dataclass

import numpy as np
import pytest
from scipy import ndimage

from segmill.random import generator
from segmill.synthetic.placement import Rules, place


@dataclass
class Disc:
    mask: np.ndarray
    light: np.ndarray


def disc(radius):
    axis = np.arange(-radius - 1, radius + 2)
    mask = np.hypot(axis[:, None], axis) <= radius
    return Disc(mask, mask.astype(np.float32))


def fields(n, rules, density=0.002, shape=(120, 150), radius=8, **options):
    for i in range(n):
        rng = generator(11, "place", i)
        yield place(rng, shape, 12, density, lambda: disc(radius), rules, **options)


def test_isolated_cells_keep_their_gap():
    for cells in fields(5, Rules(0.0, 0.0, 3, 1)):
        for label in range(1, len(cells.bodies) + 1):
            own = cells.labels == label
            assert own.sum() == cells.areas[label - 1]
            near = ndimage.binary_dilation(own, np.ones((3, 3)), iterations=2)
            assert set(np.unique(cells.labels[near])) <= {0, label}


def test_clusters_touch_without_overlap_where_none_is_allowed():
    touching = 0
    for cells in fields(5, Rules(1.0, 0.0, 3, 1)):
        whole = [np.count_nonzero(cells.labels == k + 1) for k in range(len(cells.bodies))]
        assert whole == cells.areas
        for label in range(1, len(cells.bodies) + 1):
            grown = ndimage.binary_dilation(cells.labels == label, np.ones((3, 3)), iterations=2)
            touching += len(set(np.unique(cells.labels[grown])) - {0, label}) > 0
    assert touching > 20


def test_overlap_stays_below_its_limit_and_instances_stay_whole():
    hidden = []
    for cells in fields(8, Rules(0.9, 0.3, 2, 20), density=0.004):
        image = cells.crop(cells.labels)
        for label in np.unique(image)[1:]:
            _, regions = ndimage.label(image == label)
            assert regions == 1
            assert np.count_nonzero(image == label) >= 20
        for label, area in enumerate(cells.areas, start=1):
            inside = cells.labels == label
            if cells.framed[ndimage.binary_dilation(inside)].all():
                hidden.append(1 - inside.sum() / area)
    assert max(hidden) <= 0.3
    assert max(hidden) > 0.1


def test_the_last_cell_lies_on_top():
    for cells in fields(3, Rules(1.0, 0.3, 2, 1)):
        last = len(cells.bodies)
        assert np.count_nonzero(cells.labels == last) == cells.areas[-1]


def test_density_and_least_number():
    rules = Rules(0.0, 0.0, 0, 1)
    counts = [len(c.bodies) for c in fields(60, rules, density=2e-4, shape=(200, 200), radius=3)]
    # Cells with any visible pixel: centres in the image grown by the radius, Poisson distributed.
    expected = 2e-4 * (200 * 200 + 4 * 200 * 3.5 + np.pi * 3.5**2)
    assert np.mean(counts) == pytest.approx(expected, abs=4 * np.sqrt(expected / 60))
    assert all(len(c.bodies) == 0 for c in fields(3, rules, density=0.0, min_cells=0))
    assert all(len(c.bodies) >= 4 for c in fields(3, rules, density=0.0, min_cells=4))


def test_rendering_puts_each_patch_at_its_cell():
    for cells in fields(3, Rules(0.5, 0.2, 2, 1)):
        light = cells.render("light")
        np.testing.assert_array_equal(light > 0, cells.labels > 0)
        # Every pixel of the patches that lies on the canvas counts once.
        assert light.max() <= 3
        assert light.sum() >= np.count_nonzero(cells.labels)
