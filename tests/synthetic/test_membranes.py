import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.measure import label as label_regions

from segmill.errors import ConfigError
from segmill.random import generator
from segmill.store import write_store
from segmill.synthetic import MembraneOptions, SyntheticProducer, membranes
from segmill.synthetic.membranes import CELL, MEMBRANE, draw_cells, membrane_distance

cells = arrays(
    np.int32, st.tuples(st.integers(1, 7), st.integers(1, 7)), elements=st.integers(0, 2)
)


@settings(max_examples=60, deadline=None)
@given(cells)
def test_distances_against_every_pair_of_pixels(cells):
    found = membrane_distance(cells)
    beside = [
        (row, column)
        for row, column in np.ndindex(cells.shape)
        for other in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1))
        if 0 <= other[0] < cells.shape[0]
        and 0 <= other[1] < cells.shape[1]
        and cells[other] != cells[row, column]
    ]
    for row, column in np.ndindex(cells.shape):
        near = [np.hypot(row - r, column - c) + 0.5 for r, c in beside]
        assert found[row, column] == pytest.approx(min(near, default=np.inf))


def test_membranes_have_their_width_and_are_dark():
    options = {"warp": 0, "joined": 0, "spacing": 60, "noise": 0, "texture": 0, "organelles": 0}
    samples = [membranes(1, i, membrane=4, faint=0, blur=0, **options) for i in range(4)]
    for s in samples:
        assert s.image.dtype == s.semantic.dtype == np.uint8
        assert s.image.shape == (128, 128, 1)
        # Two pixels on either side of a straight line.
        lines = label_regions(s.semantic == MEMBRANE, connectivity=1)
        assert lines.max() <= 4
        inside = s.image[:, :, 0][s.semantic == CELL].mean()
        on_it = s.image[:, :, 0][membrane_like(s)]
        assert on_it.mean() < inside - 60
    horizontal = np.zeros((10, 6), np.int32)
    horizontal[5:] = 1
    distance = membrane_distance(horizontal)
    assert (distance <= 2).sum(axis=0).tolist() == [4] * 6


def membrane_like(sample):
    """The middle of the membranes: farther than a pixel from every cell."""
    padded = np.pad(sample.semantic == CELL, 1)
    near = [np.roll(padded, shift, axis) for shift in (1, -1) for axis in (0, 1)]
    return (sample.semantic == MEMBRANE) & ~np.logical_or.reduce(near)[1:-1, 1:-1]


def test_cells_have_the_size_that_was_asked_for():
    options = MembraneOptions(height=600, width=600, spacing=20, joined=0, warp=2)
    found = draw_cells(generator(0, "test"), options)
    assert len(np.unique(found)) == pytest.approx((600 / 20) ** 2, rel=0.15)
    joined = MembraneOptions(height=600, width=600, spacing=20, joined=0.5, warp=2)
    fewer = draw_cells(generator(0, "test"), joined)
    assert len(np.unique(fewer)) < 0.8 * len(np.unique(found))


def test_a_sample_depends_on_seed_and_number_alone():
    first, again, other = (membranes(s, i) for s, i in ((3, 1), (3, 1), (3, 2)))
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.semantic, again.semantic)
    assert not np.array_equal(first.semantic, other.semantic)


def test_a_dataset_of_them(tmp_path):
    config = {
        "generator": "membranes",
        "split": {"train": 2, "test": 1},
        "options": {"height": 40, "width": 48},
    }
    store = write_store(tmp_path / "m.zarr", SyntheticProducer(config, "m"))
    assert store.classes == ("membrane", "cell")
    assert store.fields == ("image", "semantic")
    assert np.array_equal(store.semantic(1), membranes(0, 1, height=40, width=48).semantic)
    with pytest.raises(ConfigError, match="options of membranes:\n  thick: unknown option"):
        SyntheticProducer({**config, "options": {"thick": 2}})
