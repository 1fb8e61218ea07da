import numpy as np
import pandas as pd
import pytest

from segmill.errors import SegmillError
from segmill.metrics import summarise


def table():
    return pd.DataFrame(
        {
            "sample_id": ["a", "b", "c"],
            "n_reference": [4, 1, 0],
            "n_predicted": [4, 2, 0],
            "seg_sum": [3.0, 0.5, 0.0],
            "tp_50": [4, 1, 0],
            "fp_50": [0, 1, 0],
            "fn_50": [0, 0, 0],
            "matched_sum_50": [3.0, 0.75, 0.0],
            "tp_90": [2, 0, 0],
            "fp_90": [2, 2, 0],
            "fn_90": [2, 1, 0],
            "matched_sum_90": [1.9, 0.0, 0.0],
            "intersection_background": [50, 30, 0],
            "union_background": [100, 40, 0],
            "intersection_cell": [80, 10, 0],
            "union_cell": [100, 40, 0],
            "intersection_foreground": [85, 10, 0],
            "union_foreground": [100, 50, 0],
        }
    )


def test_pooled_and_mean_of_images():
    figures = summarise(table()).set_index("metric")
    value, mean = figures["value"], figures["image_mean"]
    assert value["iou_foreground"] == pytest.approx(95 / 150)
    assert mean["iou_foreground"] == pytest.approx((0.85 + 0.2) / 2)
    assert value["miou"] == pytest.approx((80 / 140 + 90 / 140) / 2)
    assert mean["miou"] == pytest.approx(((0.5 + 0.8) / 2 + (0.75 + 0.25) / 2) / 2)
    assert value["seg"] == pytest.approx(3.5 / 5)
    assert mean["seg"] == pytest.approx((0.75 + 0.5) / 2)
    assert value["f1_50"] == pytest.approx(10 / 11)
    assert value["f1_90"] == pytest.approx(4 / 11)
    assert (value["precision"], value["recall"]) == (pytest.approx(5 / 6), 1)
    assert value["matched_iou"] == pytest.approx(3.75 / 5)
    # Image c has nothing to judge: it changes no figure and is not counted.
    assert (figures["images"] == 2).all()


def test_order_of_the_figures():
    assert summarise(table())["metric"].tolist() == [
        "iou_foreground", "iou_background", "iou_cell", "seg",
        "f1_50", "f1_90", "precision", "recall", "matched_iou", "miou",
    ]  # fmt: skip


def test_intervals_enclose_the_figures():
    rng = np.random.default_rng(0)
    reference = rng.integers(5, 20, 30)
    found = pd.DataFrame(
        {"seg_sum": reference * rng.uniform(0.5, 0.9, 30), "n_reference": reference}
    )
    row = summarise(found, confidence=0.9).iloc[0]
    assert 0.6 < row["low"] < row["value"] < row["high"] < 0.8
    assert row["image_mean_low"] < row["image_mean"] < row["image_mean_high"]
    wider = summarise(found, confidence=0.99).iloc[0]
    assert wider["low"] < row["low"] < row["high"] < wider["high"]


def test_the_mean_over_two_classes_includes_the_foreground():
    found = pd.DataFrame(
        {
            "intersection_background": [1], "union_background": [2],
            "intersection_foreground": [1], "union_foreground": [4],
        }
    )  # fmt: skip
    assert summarise(found).set_index("metric")["value"]["miou"] == 0.375


def test_foreground_alone_has_no_mean_over_classes():
    found = pd.DataFrame({"intersection_foreground": [1], "union_foreground": [4]})
    assert summarise(found)["metric"].tolist() == ["iou_foreground"]


def test_same_seed_same_table():
    pd.testing.assert_frame_equal(summarise(table(), seed=3), summarise(table(), seed=3))


def test_nothing_to_summarise_is_said():
    for empty in (table().iloc[:0], pd.DataFrame({"sample_id": ["a"]})):
        with pytest.raises(SegmillError, match="nothing to summarise"):
            summarise(empty)
