import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmill.random import generator
from segmill.synthetic.shapes import draw_process, fill_disc, radial_shape


@settings(max_examples=30, deadline=None)
@given(st.floats(12, 60), st.floats(1, 2.5), st.floats(0, 0.15), st.integers(0, 2**31))
def test_area_is_that_of_the_wanted_disc(diameter, elongation, irregularity, seed):
    shape = radial_shape(generator(seed, "shape"), diameter, elongation, irregularity)
    wanted = np.pi * diameter**2 / 4
    assert shape.area == pytest.approx(wanted, rel=1e-6)
    mask = shape.relative_radius(shape.reach) < 1
    assert mask.sum() == pytest.approx(wanted, rel=0.06)
    edge = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    assert not edge.any()


def test_elongation_is_the_ratio_of_the_axes():
    shape = radial_shape(generator(1, "shape"), 40, 2.0, 0)
    row, column = np.nonzero(shape.relative_radius(shape.reach) < 1)
    axes = np.sqrt(np.linalg.eigvalsh(np.cov(row, column)))
    assert axes[1] / axes[0] == pytest.approx(2.0, rel=0.03)


def test_irregularity_is_the_spread_of_the_outline():
    spreads = [
        radial_shape(generator(i, "shape"), 40, 1.0, 0.1).radius.std() / 20 for i in range(200)
    ]
    # The variance of a sum of harmonics of unit weights is half their number of amplitudes.
    assert np.sqrt(np.mean(np.square(spreads))) == pytest.approx(0.1, rel=0.15)
    assert radial_shape(generator(0, "shape"), 40, 1.0, 0).radius.std() < 1e-9


def test_offset_moves_the_shape():
    shape = radial_shape(generator(2, "shape"), 12, 1.0, 0)
    row, column = np.nonzero(shape.relative_radius(20, (4, -6)) < 1)
    assert row.mean() - 20 == pytest.approx(4, abs=0.1)
    assert column.mean() - 20 == pytest.approx(-6, abs=0.1)


def test_disc_and_process():
    patch = np.zeros((60, 60), np.uint8)
    fill_disc(patch, np.array([30.0, 20.0]), 8)
    assert patch.sum() == pytest.approx(np.pi * 64, rel=0.12)
    assert np.argwhere(patch).mean(axis=0) == pytest.approx([30, 20], abs=0.1)
    process = np.zeros((60, 60), np.uint8)
    draw_process(process, (30, 5), (30, 50), 0.0, (8, 3, 6))
    widths = process.sum(axis=0)
    assert widths[10] > widths[36]
    assert widths[50] > widths[36]
    assert process[30, 5:50].all()
