import numpy as np
import pandas as pd
import pytest

from segmill.classical import align
from segmill.report.alignment_plots import alignment_plots
from tests.classical.drops import drop_sweep
from tests.classical.sweeps import sweep


def test_the_figure_and_the_data_behind_it(tmp_path):
    frames, omega, _ = sweep()
    found = align(frames, omega, mm_per_px=0.002)
    paths = alignment_plots(found, tmp_path / "plate.svg", "Plate")
    assert all(path.stat().st_size > 1000 for path in paths.values())
    text = paths["svg"].read_text()
    assert text.count("<image") >= 2
    data = pd.read_csv(paths["csv"])
    assert len(data) == 40
    assert "Loop's middle (centred)" in text
    assert "Inside the medium" not in text
    fit = found.models.circle["box"]
    np.testing.assert_allclose(data["circle_box"], fit.predict(np.radians(omega)))
    again = alignment_plots(found, tmp_path / "again.svg", "Plate")
    assert again["svg"].read_bytes() == paths["svg"].read_bytes()


def test_what_is_seen_inside_and_the_point_that_was_centred_are_drawn(tmp_path):
    found = align(*drop_sweep(), point="box")
    paths = alignment_plots(found, tmp_path / "drop.svg")
    text = paths["svg"].read_text()
    for title in ("Box's middle (centred)", "Loop's middle", "Inside the medium"):
        assert title in text, title
    assert "Extreme point" not in text
    data = pd.read_csv(paths["csv"])
    slab = found.models.slab["inside"]
    np.testing.assert_allclose(data["slab_inside"], slab.predict(np.radians(found.omega)))
    assert data["inside_across"].notna().sum() == np.isfinite(slab.residuals).sum()


def test_a_failed_alignment_is_not_drawn(tmp_path):
    frames, omega, _ = sweep()
    found = align(np.repeat(frames[:1], 40, axis=0), omega)
    with pytest.raises(ValueError, match="nothing to draw, it failed: nothing moves"):
        alignment_plots(found, tmp_path / "static.svg")
    assert not list(tmp_path.iterdir())
