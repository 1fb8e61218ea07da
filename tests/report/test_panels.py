from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from segmill.errors import IntegrityError
from segmill.report.false_positives import classify_objects, false_positives
from segmill.report.panels import (
    PanelRow,
    grid_of_images,
    head_columns,
    rows_from_stores,
    truth_against_prediction,
)
from segmill.report.ranked import ranked_images, ranked_samples, scores_by_image
from segmill.report.style import publication_style


@pytest.fixture
def truth():
    labels = np.zeros((40, 60), np.int32)
    labels[2:12, 2:12] = 1
    labels[2:12, 12:22] = 2
    labels[25:35, 40:50] = 3
    return labels


@pytest.fixture
def prediction(truth):
    """1 found exactly, 2 and 3 badly, one object where there is no reference."""
    labels = np.zeros_like(truth)
    labels[2:12, 2:12] = 7
    labels[2:12, 12:15] = 8  # IoU 0.3 with 2
    labels[33:37, 40:50] = 9  # IoU 20 / 120 with 3
    labels[20:24, 5:9] = 10
    return labels


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 255, (40, 60, 1), np.uint8)


class Store:
    """What a panel needs of a sample store."""

    def __init__(self, name, ids, **fields):
        self.path, self.fields = name, tuple(fields)
        self.table = pd.DataFrame({"sample_id": ids})
        for field, arrays in fields.items():
            setattr(self, field, arrays.__getitem__)

    def read(self, field, i):
        return getattr(self, field)(i)


def test_panel_scores_equal_those_by_hand(truth, prediction, image, tmp_path):
    row = PanelRow(image, truth, {"epoch 3": np.zeros_like(truth), "end": prediction}, "a")
    paths = truth_against_prediction([row], tmp_path / "p.svg")
    data = pd.read_csv(paths["csv"]).set_index("prediction")
    assert data.loc["epoch 3", ["iou", "seg", "n_predicted"]].tolist() == [0, 0, 0]
    end = data.loc["end"]
    assert end["iou"] == pytest.approx((100 + 30 + 20) / (300 + 20 + 16))
    assert end["seg"] == pytest.approx(1 / 3)
    assert (end["n_reference"], end["n_predicted"]) == (3, 4)


def test_panel_leaves_out_what_nobody_annotated(truth, prediction, image, tmp_path):
    ignore = np.zeros(truth.shape, bool)
    ignore[:, 12:] = True
    row = PanelRow(image, truth, {"end": prediction}, "a", ignore=ignore)
    data = pd.read_csv(truth_against_prediction([row], tmp_path / "p.svg")["csv"])
    assert data[["seg", "n_reference", "n_predicted"]].iloc[0].tolist() == [1, 1, 2]


def test_panel_twice_gives_equal_bytes(truth, prediction, image, tmp_path):
    row = PanelRow(image, truth, {"end": prediction}, "a")
    first, second = (truth_against_prediction([row], tmp_path / n / "p.svg") for n in "12")
    assert [p.read_bytes() for p in first.values()] == [p.read_bytes() for p in second.values()]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"predictions": {}}, "at least one prediction"),
        ({"truth": np.zeros((4, 4), np.int32)}, r"image \(40, 60\), truth \(4, 4\)"),
    ],
)
def test_panel_names_what_does_not_fit(truth, prediction, image, tmp_path, change, message):
    row = {"image": image, "truth": truth, "predictions": {"end": prediction}, "name": "a"}
    with pytest.raises(ValueError, match=message):
        truth_against_prediction([PanelRow(**(row | change))], tmp_path / "p.svg")


def test_rows_pair_samples_by_id(truth, prediction, image):
    truths = Store("t.zarr", ["a", "b"], image=[image, 255 - image], instances=[truth, truth * 2])
    found = Store("p.zarr", ["b", "a"], instances=[prediction * 2, prediction])
    (row,) = rows_from_stores(truths, {"end": found}, ["b"])
    assert row.name == "b"
    assert (row.truth == truth * 2).all()
    assert (row.predictions["end"] == prediction * 2).all()
    with pytest.raises(IntegrityError) as caught:
        rows_from_stores(truths, {"end": found}, ["a", "x", "y"])
    named = [(p.file, p.expected) for p in caught.value.problems]
    assert named == [(s, f"the sample {i}") for s in ("t.zarr", "p.zarr") for i in ("x", "y")]


def test_objects_are_classified_by_their_match(truth, prediction):
    found = classify_objects(prediction, truth).set_index(["kind", "id"])
    assert sorted(found.index) == [
        ("matched", 7),
        ("missed", 2),
        ("missed", 3),
        ("unmatched", 8),
        ("unmatched", 9),
        ("without reference", 10),
    ]
    lone = found.loc[("without reference", 10)]
    assert lone.tolist() == [16, 21.5, 6.5, 0]
    assert found.loc[("unmatched", 8), "best_iou"] == pytest.approx(0.3)
    assert found.loc[("missed", 3), "best_iou"] == pytest.approx(20 / 120)


def test_objects_nobody_could_judge_are_no_false_positives(truth, prediction):
    ignore = np.zeros(truth.shape, bool)
    ignore[18:26, :20] = True
    assert "without reference" not in set(classify_objects(prediction, truth, ignore)["kind"])


def test_empty_images_have_no_objects(truth):
    nothing = np.zeros_like(truth)
    assert classify_objects(nothing, nothing).empty
    assert set(classify_objects(nothing, truth)["kind"]) == {"missed"}
    assert set(classify_objects(truth, nothing)["kind"]) == {"without reference"}


def test_false_positive_figure_lists_every_object(truth, prediction, image, tmp_path):
    rows = [PanelRow(image, truth, {"end": prediction}, name) for name in "abcde"]
    data = pd.read_csv(false_positives(rows, tmp_path / "f.svg")["csv"])
    assert data.groupby("sample_id").size().to_dict() == dict.fromkeys("abcde", 6)
    with pytest.raises(ValueError, match="exactly one prediction"):
        false_positives([PanelRow(image, truth, {}, "a")], tmp_path / "f.svg")


def test_ranks_by_score():
    scores = pd.Series({"a": 0.5, "b": 0.9, "c": np.nan, "d": 0.1, "e": 0.7})
    assert ranked_samples(scores) == {"worst": "d", "median": "a", "best": "b"}
    assert ranked_samples(scores, ["best"]) == {"best": "b"}
    with pytest.raises(ValueError, match="no sample has a score"):
        ranked_samples(pd.Series({"c": np.nan}))
    with pytest.raises(ValueError, match=r"\['wurst'\]"):
        ranked_samples(scores, ["wurst"])


def test_ranked_figure(truth, prediction, image, tmp_path):
    metrics = pd.DataFrame(
        {
            "sample_id": ["a", "b", "c"],
            "seg_sum": [1.0, 2.0, 0.0],
            "n_reference": [2, 2, 0],
            "intersection_foreground": [1, 2, 3],
            "union_foreground": [4, 4, 4],
        }
    )
    assert scores_by_image(metrics, "iou").tolist() == [0.25, 0.5, 0.75]
    assert np.isnan(scores_by_image(metrics)["c"])
    truths = Store("t", ["a", "b", "c"], image=[image] * 3, instances=[truth] * 3)
    found = Store("p", ["a", "b", "c"], instances=[prediction] * 3)
    data = pd.read_csv(ranked_images(truths, found, metrics, tmp_path / "r.svg")["csv"])
    assert data[["label", "sample_id"]].to_numpy().tolist() == [
        ["worst", "a"],
        ["median", "a"],
        ["best", "b"],
    ]
    with pytest.raises(ValueError, match="unknown score 'f1'"):
        scores_by_image(metrics, "f1")


def test_long_headings_are_broken_into_lines_that_keep_to_their_column():
    long = "Local threshold, distance transform, watershed, and what not"
    with publication_style():
        figure, axes = grid_of_images([(60, 100)], 4)
        before = figure.get_size_inches()
        head_columns(axes[0], ["Image", "Truth", long, "U-Net, synthetic images alone"])
        assert figure.get_size_inches()[0] == before[0]
        assert figure.get_size_inches()[1] > before[1]
        figure.draw_without_rendering()
        boxes = [ax.title.get_window_extent() for ax in axes[0]]
        assert axes[0, 2].get_title().replace("\n", " ") == long
        for left, right in pairwise(boxes):
            assert left.x1 < right.x0
