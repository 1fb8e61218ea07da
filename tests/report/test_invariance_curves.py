"""Curves of border effects and seams."""

import pandas as pd
import pytest

from segmill.report.invariance_curves import tiling_curves, translation_curves


def test_the_greatest_difference_is_over_the_sides_and_the_mean_too(tmp_path):
    rows = [
        ("u", 9, distance, side, worst, worst / 4)
        for distance, sides in ((0, (0.5, 0.25, 0.75, 0.5)), (8, (0.0, 0.0, 0.0, 0.0)))
        for side, worst in zip(("top", "left", "bottom", "right"), sides, strict=True)
    ]
    columns = ["experiment", "receptive_field", "distance", "side"]
    table = pd.DataFrame(rows, columns=[*columns, "max_difference", "mean_difference"])
    table.to_parquet(tmp_path / "m.parquet")
    paths = translation_curves(tmp_path / "m.parquet", {"u": "U-Net"}, tmp_path / "f.svg")
    data = pd.read_csv(paths["csv"]).set_index("distance")
    assert data["max_difference"].tolist() == [0.75, 0.0]
    assert data.loc[0, "mean_difference"] == pytest.approx(0.125)
    assert data["receptive_field"].tolist() == [9, 9]


def test_tiling_keeps_experiments_apart(tmp_path):
    table = pd.DataFrame(
        {
            "experiment": ["a", "a", "b", "b"],
            "receptive_field": [5, 5, 7, 7],
            "margin": [0, 4, 0, 4],
            "max_difference": [0.5, 0.0, 0.25, 0.125],
            "mean_difference": [0.1, 0.0, 0.2, 0.05],
        }
    )
    table.to_parquet(tmp_path / "m.parquet")
    paths = tiling_curves(tmp_path / "m.parquet", {"a": "A"}, tmp_path / "f.svg")
    data = pd.read_csv(paths["csv"])
    assert data["max_difference"].tolist() == table["max_difference"].tolist()
    assert data["experiment"].tolist() == ["a", "a", "b", "b"]
    words = paths["svg"].read_text()
    assert "A" in words
    assert "Margin" in words
