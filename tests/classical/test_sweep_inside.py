"""The slab found in images of a drop: what lies inside is displaced, the outline is not."""

import math

import numpy as np
import pytest

from segmill.classical import align, alignment_row
from segmill.classical.sweep_background import Field
from segmill.classical.sweep_interior import Interior, interior
from segmill.classical.sweep_segmentation import Outlines
from segmill.classical.sweep_views import HALF_ROWS, LEAST_POWER, agreement
from segmill.random import generator
from tests.classical.drops import BETA, SPECKS, N, drop_sweep, speck_place

THICKNESS = 36.0


@pytest.fixture(scope="module")
def drop():
    frames, omega = drop_sweep(THICKNESS)
    return frames, omega, align(frames, omega, mm_per_px=0.002)


def test_the_slab_is_found_in_the_images_of_a_drop(drop):
    found = drop[2]
    slab = found.models.slab["inside"]
    # Around the mean of the specks, 4 px above the middle.
    truth = {"thickness": 72.0, "front": 28.0, "back": 44.0, "beta": BETA, "n": N}
    for name, value in truth.items():
        low, high = slab.interval(name)
        assert low <= value <= high, (name, getattr(slab, name), slab.uncertainty[name])
    assert slab.uncertainty["thickness"] < 4
    assert slab.uncertainty["front"] < 8
    assert slab.uncertainty["beta"] < math.radians(3)
    assert slab.physical
    tracks = found.tracks
    assert tracks["inside_across"].notna().sum() >= 30
    assert tracks["inside_along"].dropna().mean() == pytest.approx(2 * 99.3, abs=4)
    residuals = tracks["inside_across"] - slab.predict(np.radians(tracks["omega"]))
    np.testing.assert_allclose(slab.residuals, residuals)
    assert alignment_row(found)["slab_inside_thickness"] == slab.thickness


def test_what_lies_inside_is_centred_where_it_is_without_refraction(drop):
    frames, omega, default = drop
    found = align(frames, omega, mm_per_px=0.002, point="inside", centre_model="slab")
    truth = 0.002 * np.mean([speck_place(k) for k in range(len(SPECKS))], axis=0)
    away = found.centre.point[[0, 2]] - truth
    assert np.linalg.norm(away) < 0.004
    assert (np.abs(away) < 2.5 * found.centre.uncertainty[[0, 2]]).all()
    np.testing.assert_allclose(found.centre.move[[0, 2]], -found.centre.point[[0, 2]])
    assert found.centre.move[1] == 0
    seen = found.tracks["inside_across"].notna().to_numpy()
    np.testing.assert_allclose(
        found.centre.predict(np.radians(omega[seen]))[:, 0],
        found.tracks["inside_across"][seen] / 2,
        atol=1.5,
    )
    apparent = align(frames, omega, mm_per_px=0.002, point="inside").centre.point[[0, 2]]
    assert np.linalg.norm(apparent - truth) > 1.5 * np.linalg.norm(away)
    assert default.centre.slab is None


@pytest.mark.parametrize("frames", [59, 53])
def test_views_that_miss_half_a_turn_do(frames):
    """Of an odd number of frames none has its opposite: the nearest is 3 degrees off and more."""
    found = align(*drop_sweep(THICKNESS, frames=frames), mm_per_px=0.002)
    slab = found.models.slab["inside"]
    for name, value in {"thickness": 72.0, "front": 28.0, "back": 44.0, "beta": BETA}.items():
        low, high = slab.interval(name)
        assert low <= value <= high, (name, getattr(slab, name), slab.uncertainty[name])
    assert slab.uncertainty["thickness"] < 5


@pytest.mark.parametrize("kind", ["no medium", "nothing inside", "half a turn"])
def test_where_nothing_is_displaced_no_slab_is_stated(kind):
    frames, omega = drop_sweep(
        THICKNESS, specks=() if kind == "nothing inside" else SPECKS, refracted=kind != "no medium"
    )
    kept = omega < 15 + (175 if kind == "half a turn" else 360)
    found = align(frames[kept], omega[kept])
    assert not found.failed
    assert "inside" not in found.models.slab
    reason = found.models.refused["slab inside"]
    if kind == "half a turn":
        assert "pairs of opposite views" in reason
    else:
        assert "no medium, or nothing seen in it" in reason
    assert found.tracks["inside_across"].isna().all()
    failed = align(frames[kept], omega[kept], point="inside")
    assert failed.failed
    assert reason in failed.reason


def test_agreement_is_the_correlation_of_a_view_with_its_mirrored_opposite():
    rng = generator(0, "agreement")
    detail = rng.normal(0, 0.1, (2, 40, 50)).astype(np.float32)
    first = rng.integers(0, 20, (2, 40)).astype(np.int32)
    last = first + rng.integers(-2, 30, (2, 40)).astype(np.int32)
    inside = Interior(detail, first, np.minimum(last, 49), 0, 0, 1)
    places = np.arange(50)
    within = (places >= inside.first[..., None]) & (places <= inside.last[..., None])
    inside.detail[:] = np.where(within, detail, 0)
    found = agreement(inside, np.array([0]), np.array([1]), np.array([48.3]), 12)
    assert found.base[0] == pytest.approx(48 - 12 - 48.3)
    for r, s in ((0, 3), (5, 12), (len(found.rows) - 1, 20)):
        total, sums = 36 + s, np.zeros(4)
        row = found.rows[r]
        for u in range(max(0, row - HALF_ROWS), min(40, row + HALF_ROWS + 1)):
            for v in range(50):
                w = total - v
                if 0 <= w < 50 and within[0, u, v] and within[1, u, w]:
                    a, b = (float(inside.detail[k, u, x]) for k, x in ((0, v), (1, w)))
                    sums += (a * b, a * a, b * b, 1)
        least = LEAST_POWER * sums[3]
        expected = sums[0] / math.sqrt((sums[1] + least) * (sums[2] + least))
        assert found.values[0, r, s] == pytest.approx(expected, abs=2e-4)


def test_detail_lies_where_it_lies_in_the_frame_also_on_a_coarser_grid():
    height, width, start, end = 300, 1200, 100, 1000
    grey = np.full((1, height, width), 200, np.uint8)
    grey[0, 140:152, 500:512] = 60
    count = np.zeros((1, width), np.int32)
    count[:, start:end] = 200
    first = np.where(count > 0, 50, -1).astype(np.int32)
    found = Outlines(first, np.where(count > 0, 249, -1).astype(np.int32), count, count, height)
    coarse = np.full((1, 30, 120), 200, np.float32)
    light = Field(coarse, np.ones(1), coarse[0] > 0, coarse[0] > 0, coarse[0])
    inside = interior(grey, light, found, "left", start, end)
    assert inside.step == 3
    rows, columns = np.nonzero(inside.detail[0] < inside.detail[0].min() / 2)
    assert inside.along_px(rows.mean()) == pytest.approx(505.5, abs=1.5)
    assert inside.across_px(columns.mean()) == pytest.approx(145.5, abs=1.5)
    assert inside.across_window(inside.across_px(7.25)) == pytest.approx(7.25)
    assert (inside.detail[0][:, :4] == 0).all()
