import numpy as np
import pandas as pd
import pytest

from segmill.classical.align_models import fit_models
from segmill.classical.align_options import AlignmentOptions


def tracks(jumps: float) -> pd.DataFrame:
    """A body on a circle, 200 px wide; a quarter of the frames shows a part of it alone."""
    omega = np.arange(0, 360, 6.0)
    across = 300 + 40 * np.cos(np.radians(omega - 30))
    across += np.where((omega > 90) & (omega < 180), jumps, 0.0)
    columns = {"omega": omega, "used": True, "loop_area": 2e4, "loop_width": 200.0}
    columns["loop_height"] = 150.0
    for point in ("middle", "centroid", "box", "extreme"):
        columns |= {f"loop_{point}_across": across, f"loop_{point}_along": 100.0}
    return pd.DataFrame(columns)


# Of the extreme point, unlike of the middle, a robust fit leaves the contradicting frames out.
@pytest.mark.parametrize(
    ("point", "robust"), [("middle", True), ("middle", False), ("extreme", False)]
)
def test_frames_that_contradict_each_other_give_no_centre(point, robust):
    options = AlignmentOptions(point=point, robust=robust)
    assert fit_models(tracks(2.0), 1.0, options, "none").centre is not None
    models = fit_models(tracks(40.0), 1.0, options, "none")
    assert models.centre is None
    assert f"the {point} misses its circle" in models.refused["centre"]
    assert "expected at most 4.0%" in models.refused["centre"]
    lenient = AlignmentOptions(point=point, robust=robust, max_residual=1.0)
    assert fit_models(tracks(40.0), 1.0, lenient, "none").centre is not None


def test_a_middle_lost_in_too_many_frames_gives_no_centre():
    table = tracks(0.0)
    table.loc[:18, "loop_middle_across"] = np.nan
    models = fit_models(table, 1.0, AlignmentOptions(), "none")
    assert models.centre is None
    assert "in 19 of 60 frames the middle contradicts the others" in models.refused["centre"]
    assert "expected in at most 30%" in models.refused["centre"]
    table.loc[18, "loop_middle_across"] = tracks(0.0)["loop_middle_across"][18]
    assert fit_models(table, 1.0, AlignmentOptions(), "none").centre is not None
