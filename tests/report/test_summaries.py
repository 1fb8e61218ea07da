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


def test_alignments_give_medians_over_the_sweeps_that_have_a_value(tmp_path):
    rms = [3.0, 1.0, np.nan, 2.0]
    table = pd.DataFrame({"group": list("abcd"), "failed": [False, False, True, False]})
    table.assign(circle_extreme_rms=rms, slab_rms=np.nan).to_parquet(tmp_path / "fits.parquet")
    found = read_summary("alignment/variance/sweeps", tmp_path / "fits.parquet")
    found = found.set_index("metric")
    assert found.loc["sweeps", "value"] == 4
    assert found.loc["failed", "value"] == 0.25
    assert found.loc["circle_extreme_rms", "value"] == 2
    assert found.loc["circle_extreme_rms", "images"] == 3
    assert 1 <= found.loc["circle_extreme_rms", "low"] <= found.loc["circle_extreme_rms", "high"]
    assert np.isnan(found.loc["slab_rms", "value"])


def test_times_keep_their_quartiles(tmp_path):
    times = {"ms_per_image": [4.0, 2.0], "ms_per_image_low": 1.0, "ms_per_image_high": 5.0}
    table = pd.DataFrame({"batch": [1, 8], "images_per_s": [250.0, 500.0], **times})
    table.to_parquet(tmp_path / "latency.parquet")
    found = read_summary("latency/fc103", tmp_path / "latency.parquet").set_index("metric")
    assert found.loc["ms_per_image_batch8", ["value", "low", "high"]].tolist() == [2, 1, 5]
    assert found.loc["images_per_s_batch1", "value"] == 250


def test_of_a_file_of_networks_the_named_one_is_read(tmp_path):
    table = pd.DataFrame(
        {
            "method": ["network/a/x", "network/a/y"],
            "network": ["unet", "can"],
            "parameters": [10, 20],
            "effective_width": [2.5, 3.5],
            "tiles_exactly": [True, False],
        }
    )
    table.to_parquet(tmp_path / "networks.parquet")
    found = read_summary("network/a/y", tmp_path / "networks.parquet").set_index("metric")
    assert found["value"].to_dict() == {
        "parameters": 20,
        "effective_width": 3.5,
        "tiles_exactly": 0,
    }
    assert found["low"].isna().all()
