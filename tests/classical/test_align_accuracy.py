"""The centre and the slab found in rendered sweeps against the scene as it was built.

More and larger sweeps: ``benchmarks/alignment_accuracy.py`` and ``slab_accuracy.py``, figures in
docs/results.md.
"""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from segmill.classical.sweep_middle import middle_track
from segmill.classical.sweep_segmentation import Outlines

SWEEPS = 6
SMALL = {
    "frames": 30,
    "height": 256,
    "width": 320,
    "zooms": (5,),
    "loop_size": (0.1, 0.22),
    "offset_limit": 0.08,
}


DROPS = {
    "blank": 0,
    "no_loop": 0,
    "capillary": 0,
    "empty_loop": 0,
    "ice": 0,
    "frames": 36,
    "height": 256,
    "width": 320,
    "zooms": (4,),
    "loop_size": (0.25, 0.4),
    "crystal_size": (0.04, 0.12),
    "offset_limit": 0.08,
}


@pytest.fixture
def benchmark(monkeypatch):
    """Imports a benchmark by its name; the folder benchmarks is no package."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    names = []

    def imported(name):
        names.append(name)
        return importlib.import_module(name)

    yield imported
    for name in names:
        del sys.modules[name]


def test_the_middle_of_the_loop_is_found_within_2_um(benchmark):
    deviation = benchmark("alignment_accuracy").deviation
    results = [deviation(31, index, **SMALL) for index in range(SWEEPS)]
    refused = [result for result in results if isinstance(result, str)]
    distances = [np.linalg.norm(r[0]) for r in results if not isinstance(r, str)]
    assert len(refused) <= 1, refused
    assert max(distances) < 2, distances


def test_the_slab_of_a_crystal_in_a_drop_is_found_and_none_without_a_drop(benchmark):
    measured = benchmark("slab_accuracy").slab_deviation
    rows = [measured(31, index, no_medium=0, **DROPS) for index in range(4)]
    stated = [row for row in rows if row["stated"]]
    assert all(row["medium"] for row in rows)
    assert len(stated) >= 3
    for row in stated:
        for name in ("thickness", "beta", "n", "front", "back"):
            assert row[f"{name}_inside"], (name, row)
        assert row["thickness_sigma"] < 0.1 * row["true_thickness"]
        assert row["beta_sigma"] < 6
    for index in (0, 2):
        row = measured(31, index, no_medium=1, **DROPS)
        assert not row["medium"]
        assert "nothing is displaced against the outline" in row["reason"]


def turned_body(omega, centre, harmonics=()):
    """Outlines of a body whose sections lie about (centre x, y); odd harmonics of its edges."""
    heights, across = 60, 400
    middle = 200 + centre[0] * np.cos(omega) + centre[1] * np.sin(omega)
    for order, size in harmonics:
        middle = middle + size * np.cos(order * omega)
    half = 30 + 10 * np.cos(2 * omega)
    first = np.tile(np.round(middle - half)[:, None], heights).astype(np.int32)
    last = np.tile(np.round(middle + half)[:, None], heights).astype(np.int32)
    count = last - first + 1
    return Outlines(first, last, count, count * (first + last) // 2, across)


def test_ice_and_the_shape_of_the_body_do_not_move_its_middle():
    omega = np.radians(np.arange(0, 360, 6.0))
    body = turned_body(omega, (12.0, -7.0), [(3, 4.0)])
    body.last[:, 20:28] += np.round(25 * np.maximum(np.cos(omega - 1), 0)).astype(int)[:, None]
    middle = middle_track(body, omega, np.ones(60, bool), 0, 60)
    across = middle.across
    assert middle.along == 29.5
    waves = np.fft.rfft(across) / 60
    np.testing.assert_allclose(2 * waves[1], 12 + 7j, atol=0.1)
    assert waves[0].real == pytest.approx(200, abs=0.3)


def test_a_frame_that_no_turning_body_explains_is_left_out():
    omega = np.radians(np.arange(0, 360, 6.0))
    body = turned_body(omega, (12.0, -7.0))
    for part in (body.first, body.last):
        part[17] += 40
    across = middle_track(body, omega, np.ones(60, bool), 0, 60).across
    assert np.flatnonzero(np.isnan(across)).tolist() == [17]
    kept = middle_track(body, omega, np.ones(60, bool), 0, 60, robust=False)
    assert np.isfinite(kept.across).all()


def test_ice_on_most_of_the_loop_does_not_move_its_middle():
    omega = np.radians(np.arange(0, 360, 6.0))
    body = turned_body(omega, (12.0, -7.0))
    lump = np.round(60 * np.maximum(np.cos(omega - 1) - 0.6, 0)).astype(int)
    body.last[:, 6:42] += lump[:, None]
    # Half a turn on the same lump stands out on the other side.
    body.first[:, 6:42] -= np.roll(lump, 30)[:, None]
    across = middle_track(body, omega, np.ones(60, bool), 0, 60).across
    waves = np.fft.rfft(across) / 60
    np.testing.assert_allclose(2 * waves[1], 12 + 7j, atol=0.1)


def test_an_outline_lost_in_some_frames_does_not_move_the_middle():
    omega = np.radians(np.arange(0, 360, 6.0))
    body = turned_body(omega, (12.0, -7.0))
    body.last[10:18, :36] -= 30
    for part in (body.first, body.last):
        part[30:34, 20:40] = -1
    body.count[30:34, 20:40] = 0
    across = middle_track(body, omega, np.ones(60, bool), 0, 60).across
    lost = np.flatnonzero(np.isnan(across))
    assert lost.tolist() == list(range(10, 18))
    expected = 200 + 12 * np.cos(omega) - 7 * np.sin(omega)
    np.testing.assert_allclose(np.delete(across - expected, lost), 0, atol=0.6)


def test_parts_of_the_loop_that_disagree_about_the_middle_make_it_uncertain():
    omega = np.radians(np.arange(0, 360, 6.0))
    straight, bent = (turned_body(omega, (12.0, -7.0)) for _ in range(2))
    for part in (bent.first, bent.last):
        part[:, 30:] += np.round(10 * np.cos(omega)).astype(np.int32)[:, None]
    certain, uncertain = (
        middle_track(body, omega, np.ones(60, bool), 0, 60).spread for body in (straight, bent)
    )
    assert (certain < 0.1).all()
    assert uncertain[0] > 1 > uncertain[1]
