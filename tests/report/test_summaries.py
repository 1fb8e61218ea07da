"""Summaries of what is no count per image."""

import numpy as np
import pandas as pd

from segmill.report.summaries import read_summary


def test_data_are_counted_with_their_groups_and_clicks(tmp_path):
    table = pd.DataFrame({"group": ["a", "a", "b"], "click_row": [1.0, np.nan, 3.0]})
    table.to_parquet(tmp_path / "store.parquet")
    found = read_summary("data/some_dataset", tmp_path / "store.parquet").set_index("metric")
    assert found["value"].to_dict() == {"samples": 3, "groups": 2, "clicks": 2}
    assert found["low"].isna().all()


def test_data_without_clicks_have_none_to_count(tmp_path):
    pd.DataFrame({"group": ["a"]}).to_parquet(tmp_path / "store.parquet")
    found = read_summary("data/some_dataset", tmp_path / "store.parquet")
    assert found["metric"].tolist() == ["samples", "groups"]
