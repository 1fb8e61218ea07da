"""The alignment of a real sweep; the figures stand in docs/results.md."""

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from segmill.classical import align

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        "SEGMILL_REAL_DATA" not in os.environ,
        reason="SEGMILL_REAL_DATA is unset: it names the folder of real samples",
    ),
]
MM_PER_PX = 0.00095009


@pytest.fixture(scope="module")
def real():
    folder = Path(os.environ["SEGMILL_REAL_DATA"]) / "beamline" / "sweep"
    table = pd.read_csv(folder / "frames.csv")
    frames = np.stack(
        [cv2.imread(str(folder / name), cv2.IMREAD_GRAYSCALE) for name in table["file"]]
    )
    return table, frames


def test_the_rotating_frames_are_segmented_and_fitted(real):
    table, frames = real
    found = align(frames, table["omega_deg"], mm_per_px=MM_PER_PX)
    assert not found.failed, found.reason
    assert (found.axis, found.enters_from) == ("vertical", "bottom")
    # Frames 0 to 6 are in rising light at rest, 75 to 83 at rest.
    assert found.used[8:74].all()
    assert not found.used[:6].any()
    assert not found.used[77:].any()
    models = found.models
    assert models.circle["centroid"].rms < 4
    assert models.circle["extreme"].rms < 2
    assert models.slab["centroid"].rms < models.circle["centroid"].rms / 2
    assert "slab inside" in models.refused
    assert models.projection["area"].rms < 0.03 * models.projection["area"].c
    assert models.omega_least == pytest.approx(123.5, abs=2)
    assert found.centre.axis_position == pytest.approx(611, abs=3)  # the beam, px


def test_boxes_agree_with_those_of_the_published_network(real):
    table, frames = real
    found = align(frames, table["omega_deg"])
    boxes = table["crystal_bbox_px(present,r,c,h,w,area)"]
    known = boxes.notna() & table["omega_deg"].between(0, 360) & found.used
    values = np.array([json.loads(box) for box in boxes[known]])
    tips = np.array([json.loads(tip) for tip in table["extreme_px_rc"][known]])
    tracks = found.tracks[known]
    assert np.median(np.abs(tracks["sample_width"] - values[:, 4])) < 20
    assert np.median(np.abs(tracks["loop_extreme_along"] - tips[:, 0])) < 10


def test_frames_of_the_lamp_and_at_rest_alone_are_refused(real):
    table, frames = real
    assert align(frames[75:], table["omega_deg"][75:]).reason.startswith("0 frames rotate")
    turning = np.linspace(0, 350, 9)
    assert "stands still" in align(frames[75:], turning).reason
    assert align(frames[:10], np.linspace(0, 350, 10)).failed
