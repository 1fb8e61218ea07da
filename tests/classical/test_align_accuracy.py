"""The centre found in rendered sweeps against the loop as it was built.

More and larger sweeps: ``benchmarks/alignment_accuracy.py``, figures in docs/results.md.
"""

import numpy as np
import pytest

from segmill.classical import align
from segmill.classical.sweep_middle import middle_track
from segmill.classical.sweep_segmentation import Outlines
from segmill.synthetic.beamline import beamline_loop, beamline_sweep

SWEEPS = 6
SMALL = {
    "frames": 30,
    "height": 256,
    "width": 320,
    "zooms": (5,),
    "loop_size": (0.1, 0.22),
    "offset_limit": 0.08,
    "blank": 0,
    "no_loop": 0,
    "capillary": 0,
}


def test_the_middle_of_the_loop_is_found_within_2_um_in_most_sweeps():
    distances, refused = [], []
    for index in range(SWEEPS):
        samples = beamline_sweep(31, index, **SMALL)
        notes = samples[0].notes
        found = align(
            [s.image for s in samples],
            np.array([s.notes["omega"] for s in samples]),
            mm_per_px=notes["mm_per_px"],
        )
        if found.failed:
            refused.append(found.reason)
            continue
        neck, tip = beamline_loop(31, index, **SMALL)
        along = found.centre.point[1] - notes["along_origin_px"] * notes["mm_per_px"]
        truth = neck + (tip - neck) * (along - neck[0]) / (tip[0] - neck[0])
        away = found.centre.point[[0, 2]] - truth[1:]
        distances.append(1000 * np.linalg.norm(away))
        assert 0 < (along - neck[0]) / (tip[0] - neck[0]) < 1
    assert len(refused) <= 2, refused
    assert np.median(distances) < 2, distances


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
    across, along = middle_track(body, omega, np.ones(60, bool), 0, 60)
    assert along == 29.5
    waves = np.fft.rfft(across) / 60
    np.testing.assert_allclose(2 * waves[1], 12 + 7j, atol=0.1)
    assert waves[0].real == pytest.approx(200, abs=0.3)


def test_a_frame_that_no_turning_body_explains_is_left_out():
    omega = np.radians(np.arange(0, 360, 6.0))
    body = turned_body(omega, (12.0, -7.0))
    for part in (body.first, body.last):
        part[17] += 40
    across, _ = middle_track(body, omega, np.ones(60, bool), 0, 60)
    assert np.flatnonzero(np.isnan(across)).tolist() == [17]
    kept, _ = middle_track(body, omega, np.ones(60, bool), 0, 60, robust=False)
    assert np.isfinite(kept).all()
