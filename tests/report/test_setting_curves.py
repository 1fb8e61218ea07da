"""Accuracy against a setting of experiments."""

import pandas as pd
import pytest

from segmill.errors import IntegrityError
from segmill.report.setting_curves import setting_curves

POINTS = [
    {"series": "", "amount": 0, "unit": ""},
    {"series": "dilate", "amount": 2, "unit": "pixels"},
    {"series": "drop", "amount": 20, "unit": "% of the objects"},
]


def counts(path, both, either, **more):
    """Counts of two images whose intersections and unions are given."""
    areas = {
        f"{kind}_{region}": values
        for region in ("cell", "foreground")
        for kind, values in (("intersection", both), ("union", either))
    }
    pd.DataFrame({"sample_id": ["a", "b"], **areas, **more}).to_parquet(path)
    return path


def test_values_are_pooled_over_images_for_every_seed(tmp_path):
    values = {
        "none1": ([9, 6], [10, 10]),
        "none2": ([8, 8], [10, 10]),
        "dilate1": ([2, 6], [10, 10]),
        "dilate2": ([1, 5], [10, 10]),
        "drop1": ([3, 3], [10, 10]),
        "drop2": ([4, 4], [10, 30]),
    }
    files = {name: counts(tmp_path / f"{name}.parquet", *own) for name, own in values.items()}
    measured = [{1: files[f"{n}1"], 2: files[f"{n}2"]} for n in ("none", "dilate", "drop")]
    paths = setting_curves(POINTS, measured, ["iou_cell"], tmp_path / "f.svg")
    data = pd.read_csv(paths["csv"], keep_default_na=False)
    assert data["value"].tolist() == pytest.approx([0.75, 0.8, 0.4, 0.3, 0.3, 0.2])
    assert data["seed"].tolist() == [1, 2] * 3
    assert data["amount"].tolist() == [0, 0, 2, 2, 20, 20]
    assert data["series"].tolist() == ["", "", "dilate", "dilate", "drop", "drop"]
    assert (data["images"] == 2).all()


def test_a_single_series_needs_no_name(tmp_path):
    points = [{"series": "", "amount": share, "unit": "%"} for share in (25, 100)]
    files = [{1: counts(tmp_path / f"{k}.parquet", [k, k], [4, 4])} for k in (1, 2)]
    paths = setting_curves(points, files, ["iou_cell"], tmp_path / "f.svg")
    assert pd.read_csv(paths["csv"])["value"].tolist() == pytest.approx([0.25, 0.5])


def test_files_without_a_metric_are_all_named(tmp_path):
    files = [{1: counts(tmp_path / f"{name}.parquet", [1, 1], [4, 4])} for name in "abc"]
    with pytest.raises(IntegrityError, match=r"rand_score") as caught:
        setting_curves(POINTS, files, ["iou_cell", "rand_score"], tmp_path / "f.svg")
    assert all(f"{name}.parquet" in str(caught.value) for name in "abc")
