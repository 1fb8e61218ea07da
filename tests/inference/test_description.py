import json

import numpy as np
import pytest

import segmill
from segmill.clicks import heat_map
from segmill.errors import ConfigError
from segmill.inference import InstanceOptions, Prediction, describe
from segmill.notions import BEAMLINE

SHAPE = (60, 100)


def scores_of(click=None, **boxes):
    """Scores (h, w, 9) of notions that fill boxes (r0, c0, r1, c1); click is (row, column)."""
    scores = np.full((*SHAPE, 9), 0.1, np.float32)
    for name, box in boxes.items():
        for r0, c0, r1, c1 in box if isinstance(box, list) else [box]:
            scores[r0:r1, c0:c1, BEAMLINE.index(name)] = 0.9
    scores[:, :, 8] = heat_map(SHAPE, click, 3.0) * 0.8
    return scores


def prediction_of(scores, task="notions", classes=(*BEAMLINE, "click")):
    return Prediction(scores, classes, task, InstanceOptions())


@pytest.fixture
def loop():
    """A mounted loop with a crystal, entering from the left."""
    return scores_of(
        click=(31, 62),
        crystal=[(28, 58, 34, 66), (40, 50, 42, 52)],
        loop_inside=(24, 46, 46, 76),
        loop=(20, 40, 50, 80),
        stem=(33, 10, 37, 42),
        foreground=(20, 0, 50, 80),
    )


def test_what_is_said_of_each_notion(loop):
    found = segmill.describe(prediction_of(loop))
    assert set(found.notions) == set(BEAMLINE)
    crystal = found["crystal"]
    assert crystal is found.notions["crystal"]
    assert crystal["present"] is True
    assert (crystal["count"], crystal["total_area"], crystal["area"]) == (2, 52, 48)
    assert crystal["bbox"] == (28, 58, 34, 66)
    assert [blob["bbox"] for blob in crystal["blobs"]] == [(28, 58, 34, 66), (40, 50, 42, 52)]
    assert crystal["centroid"] == (30.5, 61.5)
    assert (crystal["r"], crystal["c"], crystal["h"], crystal["w"]) == (30.5, 61.5, 6, 8)
    assert crystal["extreme"] == (30, 65)
    assert crystal["borders"] == ()
    assert found["foreground"]["borders"] == ("left",)
    # Every notion has a box of its own.
    assert found["loop"]["bbox"] == (20, 40, 50, 80)
    assert found["stem"]["bbox"] == (33, 10, 37, 42)
    pin = found["pin"]
    assert pin["present"] is False
    assert (pin["count"], pin["area"], pin["blobs"]) == (0, 0, [])
    assert pin["centroid"] is pin["bbox"] is pin["extreme"] is pin["r"] is None
    assert set(pin) == set(crystal)


def test_what_clients_read(loop):
    found = describe(prediction_of(loop))
    assert found.original_shape == SHAPE
    assert found.most_likely_click_px == (31, 62)
    assert found.most_likely_click == (31 / 60, 62 / 100)
    assert found.click_source == "click"
    assert found.crystal_bbox_px == (1, 30.5, 61.5, 6, 8, 48)
    assert found.crystal_bbox == pytest.approx((1, 30.5 / 60, 61.5 / 100, 6 / 60, 8 / 100))
    assert found.loop_bbox_px == (1, 34.5, 59.5, 30, 40, 1200)
    assert found.aoi_bbox_px == found.loop_bbox_px
    assert found["aoi_bbox"] == found.loop_bbox
    assert found.extreme_px == (34, 79)
    assert found.extreme == (34 / 60, 79 / 100)
    present, r, c, h, w = found["aoi_bbox"]
    assert (r * 60, c * 100, h * 60, w * 100) == pytest.approx(found.aoi_bbox_px[1:5])
    assert present == 1


def test_the_area_of_interest_is_the_union_of_its_notions():
    scores = scores_of(crystal=(10, 50, 20, 70), loop=(15, 40, 30, 60), ice=(0, 0, 60, 30))
    found = describe(prediction_of(scores))
    assert found.aoi_bbox_px == (1, 19.5, 54.5, 20, 30, 600)
    assert describe(prediction_of(scores), aoi=["loop"]).aoi_bbox_px == found.loop_bbox_px
    assert describe(prediction_of(scores), aoi=["pin"]).aoi_bbox_px == (0, -1, -1, 0, 0, 0)


def test_an_empty_image_has_nothing():
    found = describe(prediction_of(scores_of()))
    assert found.most_likely_click == found.most_likely_click_px == (-1, -1)
    assert found.click_source is None
    assert found.extreme == found.extreme_px == (-1, -1)
    for name in ("aoi", "crystal", "loop"):
        assert found[f"{name}_bbox"] == (0, -1, -1, 0, 0)
        assert found[f"{name}_bbox_px"] == (0, -1, -1, 0, 0, 0)
    assert not any(notion["present"] for notion in found.notions.values())
    assert not found.hierarchical_mask.any()


def test_a_network_with_a_click_is_believed_when_it_sees_none(loop):
    loop[:, :, 8] = 0.2
    found = describe(prediction_of(loop))
    assert found.most_likely_click == (-1, -1)
    lower = describe(prediction_of(loop), click_threshold=0.1)
    assert lower.most_likely_click_px == (0, 0)


def test_a_network_without_a_click_points_at_the_crystal(loop):
    without = prediction_of(loop[:, :, :8], classes=BEAMLINE)
    found = describe(without)
    assert (found.most_likely_click_px, found.click_source) == ((30.5, 61.5), "crystal")
    loop[:, :, 0] = 0
    found = describe(without)
    assert (found.most_likely_click_px, found.click_source) == ((34.5, 60.5), "loop_inside")
    assert describe(without, click_from=[]).most_likely_click == (-1, -1)
    assert describe(without, click_from=["pin", "loop"]).click_source == "loop"


def test_the_notion_on_top():
    scores = scores_of(
        crystal=(0, 0, 6, 10),
        loop_inside=(0, 0, 6, 20),
        loop=(0, 0, 6, 30),
        stem=(0, 0, 6, 40),
        pin=(0, 0, 6, 50),
        capillary=(0, 0, 6, 60),
        ice=(0, 0, 6, 70),
        foreground=(0, 0, 6, 80),
    )
    found = describe(prediction_of(scores))
    assert found.hierarchy == tuple(reversed(BEAMLINE))
    assert found.hierarchical_mask.dtype == np.uint8
    on_top = [found.hierarchical_mask[3, c] for c in range(5, 100, 10)]
    assert on_top == [8, 7, 6, 5, 4, 3, 2, 1, 0, 0]
    assert not found.hierarchical_mask[6:].any()
    # The order of the network does not matter; unknown names lie above the foreground only.
    names = ("foreground", "dust", "loop", "crystal")
    masks = np.ones((4, 4, 4), bool)
    masks[0, :, 3] = masks[1, :, 2:] = masks[2, :, 1:] = False
    masks[0, :, 3] = True
    found = describe(masks, names)
    assert found.hierarchy == ("foreground", "dust", "loop", "crystal")
    assert found.hierarchical_mask[:, 0].tolist() == [4, 2, 1, 4]


def test_scores_may_come_without_a_prediction(loop):
    by_prediction = describe(prediction_of(loop))
    by_array = describe(loop.astype(np.float16), (*BEAMLINE, "click"))
    by_mask = describe(loop[:, :, :8] > 0.5, BEAMLINE)
    assert by_array.notions == by_prediction.notions == by_mask.notions


def test_threshold_and_small_blobs(loop):
    scores = loop.copy()
    scores[5, 5, 0] = 0.6
    assert describe(prediction_of(scores))["crystal"]["count"] == 3
    assert describe(prediction_of(scores), threshold=0.7)["crystal"]["count"] == 2
    assert describe(prediction_of(scores), min_size=5)["crystal"]["count"] == 1
    assert describe(prediction_of(scores), min_size=100)["crystal"]["present"] is False


def test_the_side_of_entry_moves_the_extreme_points(loop):
    found = describe(prediction_of(loop), enters_from="bottom")
    assert found.extreme_px == (20, 39)
    assert found["crystal"]["extreme"] == (28, 61)


def test_without_a_foreground_its_parts_stand_for_it(loop):
    found = describe(loop[:, :, 2:4] > 0.5, ("loop", "stem"))
    assert found.extreme_px == (34, 79)
    assert found.crystal_bbox == (0, -1, -1, 0, 0)


def test_micrometres(loop):
    found = describe(prediction_of(loop), mm_per_px=0.002)
    crystal = found["crystal"]
    assert (crystal["h_um"], crystal["w_um"]) == pytest.approx((12, 16))
    assert crystal["area_um2"] == pytest.approx(48 * 4)
    assert crystal["major_axis_um"] == pytest.approx(crystal["major_axis"] * 2)
    assert crystal["blobs"][1]["area_um2"] == pytest.approx(4 * 4)
    assert found["pin"]["area_um2"] == 0
    assert found["pin"]["h_um"] is None
    assert "h_um" not in describe(prediction_of(loop))["crystal"]


def test_json_is_strict(loop):
    for scores in (loop, scores_of()):
        found = describe(prediction_of(scores))
        read = json.loads(found.to_json(), parse_constant=pytest.fail)
        assert read == found.as_dict()
        assert "hierarchical_mask" not in read
        assert read["original_shape"] == [60, 100]


def test_wrong_input_is_refused(loop):
    with pytest.raises(ConfigError, match="needs overlapping notions, this network has semantic"):
        describe(prediction_of(loop, "semantic"))
    with pytest.raises(ConfigError, match=r"enters_from: expected one of left, right"):
        describe(prediction_of(loop), enters_from="above")
    with pytest.raises(ConfigError, match=r"treshold: unknown option; did you mean threshold"):
        describe(prediction_of(loop), treshold=1)
    with pytest.raises(ValueError, match=r"expected scores \(h, w, K\) and K names"):
        describe(loop, BEAMLINE)
    with pytest.raises(ValueError, match="K names, found"):
        describe(loop)
    with pytest.raises(ValueError, match="a name of its own"):
        describe(loop[:, :, :2], ("a", "a"))
    with pytest.raises(ValueError, match="finite"):
        describe(np.full((2, 2, 1), np.nan), ("a",))
