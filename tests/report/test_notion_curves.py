"""Curves of recognised notions."""

import numpy as np
import pandas as pd
import pytest

from segmill.errors import IntegrityError
from segmill.metrics.notions import notion_counts
from segmill.report.notion_curves import iou_shares, robustness_curves


def counts(rng, images=5, **extra):
    """Counts of images with a pin each, and a loop that is in none."""
    rows = []
    for i in range(images):
        pin = rng.random((8, 9)) < 0.5
        truth = {"pin": pin, "loop": np.zeros_like(pin)}
        found = {"pin": pin ^ (rng.random(pin.shape) < 0.2), "loop": np.zeros_like(pin)}
        both, either = (found["pin"] & pin).sum(), (found["pin"] | pin).sum()
        names = {"sample_id": f"s{i}", "group": f"s{i}", "split": "test"}
        foreground = {"intersection_foreground": both, "union_foreground": either}
        rows.append(names | notion_counts(found, truth) | foreground | extra)
    return pd.DataFrame(rows)


def test_shares_fall_with_the_threshold_and_leave_out_absent_notions(tmp_path):
    table = counts(np.random.default_rng(0))
    table.to_parquet(tmp_path / "a.parquet")
    paths = iou_shares({1: tmp_path / "a.parquet"}, tmp_path / "f.svg")
    data = pd.read_csv(paths["csv"])
    assert set(data["notion"]) == {"pin"}
    assert data["threshold"].tolist() == pytest.approx(np.arange(0.5, 1, 0.05))
    ratio = table["inside_intersection_pin"] / table["inside_union_pin"]
    expected = [(ratio >= t - 1e-12).mean() for t in data["threshold"]]
    assert data["share"].tolist() == pytest.approx(expected)
    assert (data["images"] == 5).all()


def test_counts_without_notions_are_named(tmp_path):
    plain = pd.DataFrame(
        {"sample_id": ["a"], "intersection_foreground": [1], "union_foreground": [2]}
    )
    plain.to_parquet(tmp_path / "plain.parquet")
    with pytest.raises(IntegrityError, match=r"plain\.parquet"):
        iou_shares({1: tmp_path / "plain.parquet"}, tmp_path / "f.svg")


def test_robustness_is_pooled_change_by_change(tmp_path):
    rng = np.random.default_rng(1)
    tables = []
    for change, amounts in (("rotation", (0.0, 90.0)), ("scale", (0.5, 1.0, 2.0))):
        tables += [counts(rng, change=change, amount=amount) for amount in amounts]
    columns = ["sample_id", "group", "split", "change", "amount"]
    areas = [c for c in tables[0] if c.startswith(("inside_", "outside_")) and c.endswith("_pin")]
    table = pd.concat(tables, ignore_index=True)[columns + areas]
    table.to_parquet(tmp_path / "r.parquet")
    paths = robustness_curves({1: tmp_path / "r.parquet"}, tmp_path / "f.svg")
    data = pd.read_csv(paths["csv"]).set_index(["change", "amount"])
    assert len(data) == 5
    turned = table[(table["change"] == "rotation") & (table["amount"] == 90)]
    expected = turned["inside_intersection_pin"].sum() / turned["inside_union_pin"].sum()
    assert data.loc[("rotation", 90.0), "value"] == pytest.approx(expected)
