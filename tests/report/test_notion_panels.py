"""Panels of overlapping notions."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from segmill.notions import pack
from segmill.report.notion_colours import notion_colours, notion_overlay
from segmill.report.notion_panels import notion_panels, rows_of_stores
from segmill.samples import Sample
from segmill.store import FieldSpec, StorePlan, write_store

NOTIONS = ["loop", "pin", "foreground"]
H, W = 24, 30


class Listed:
    """A producer of given samples."""

    def __init__(self, samples, fields, notions, **columns):
        self.samples, self.fields, self.notions, self.columns = samples, fields, notions, columns

    def plan(self):
        ids = [f"s{i}" for i in range(len(self.samples))]
        names = ("sample_id", "group", "source")
        table = pd.DataFrame(dict.fromkeys(names, ids) | {"split": "test", "frame": 0})
        return StorePlan(table.assign(**self.columns), self.fields, H, W, {"notions": self.notions})

    def sample(self, i):
        return self.samples[i]


@pytest.fixture
def stores(tmp_path):
    """Two images; scores for a click, a pin that is predicted exactly, and nothing of a loop."""
    rng = np.random.default_rng(0)
    masks = rng.random((2, H, W, 3)) < 0.3
    images = rng.integers(0, 255, (2, H, W, 3), np.uint8)
    truths = [Sample(image=im, notions=pack(m)) for im, m in zip(images, masks, strict=True)]
    scores = np.zeros((2, H, W, 2), np.float16)
    scores[..., 1] = masks[..., 1]
    scores[0, 5, 7, 0] = 0.9
    found = [Sample(image=im, scores=s) for im, s in zip(images, scores, strict=True)]
    image = FieldSpec("uint8", 3)
    clicks = {"click_row": [3.0, np.nan], "click_column": [4.0, np.nan]}
    truth = Listed(truths, {"image": image, "notions": FieldSpec("uint16")}, NOTIONS, **clicks)
    prediction = Listed(
        found, {"image": image, "scores": FieldSpec("float16", 2)}, ["click", "pin"]
    )
    return (
        write_store(tmp_path / "truth.zarr", truth),
        write_store(tmp_path / "prediction.zarr", prediction),
        masks,
    )


def test_notions_are_paired_by_name_and_scored(stores, tmp_path):
    truths, predictions, masks = stores
    rows = rows_of_stores(truths, predictions, ["s1", "s0"], ["worst", "best"])
    assert_array_equal(rows[1].masks["Truth"], masks[0])
    assert_array_equal(rows[1].masks["Prediction"][..., 1], masks[0, ..., 1])
    assert not rows[1].masks["Prediction"][..., 0].any()
    paths = notion_panels(rows, NOTIONS, tmp_path / "f.svg")
    data = pd.read_csv(paths["csv"]).set_index(["sample_id", "notion"])
    assert data.loc[("s0", "pin"), "iou"] == 1
    assert data.loc[("s0", "loop"), "iou"] == 0
    assert data.loc[("s1", "loop"), "truth_px"] == masks[1, ..., 0].sum()
    assert data.loc[("s1", "pin"), "label"] == "worst"


def test_clicks_are_those_of_truth_and_prediction(stores):
    truths, predictions, _ = stores
    first, second = rows_of_stores(truths, predictions, ["s0", "s1"])
    assert first.clicks == {"Prediction": (5, 7), "Truth": (3.0, 4.0)}
    assert second.clicks == {"Prediction": None, "Truth": None}


def test_an_overlay_paints_only_its_masks():
    image = np.full((500, 500, 3), 100, np.uint8)
    image[0, 0], image[0, 1] = 0, 255
    masks = np.zeros((500, 500, 2), bool)
    masks[100:200, 100:200, 0] = True
    drawn = notion_overlay(image, masks, {0: (255, 0, 0)}, opacity=1.0)
    assert (drawn[100:200, 100:200] == (255, 0, 0)).all()
    outside = ~masks[..., 0]
    assert_array_equal(drawn[outside], notion_overlay(image, masks, {})[outside])


def test_every_notion_but_the_foreground_has_a_colour_of_its_own():
    colours = notion_colours(["crystal", "loop", "foreground", "pin"])
    assert sorted(colours) == [0, 1, 3]
    assert len({tuple(colour) for colour in colours.values()}) == 3
