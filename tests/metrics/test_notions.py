import numpy as np
import pytest
import torch

from segmill import losses
from segmill.errors import ConfigError, StoreError
from segmill.metrics import binary_iou, evaluate, focal_loss, notion_counts, summarise
from segmill.metrics.notions import NotionOptions
from segmill.notions import pack
from segmill.samples import Sample
from segmill.store import write_store
from tests.metrics.given import Given

NAMES = ("loop", "pin", "foreground")
SHAPES = [(9, 7), (6, 11), (8, 8)]


def masks_of(shape, seed, share=0.4):
    """Random masks (h, w, 3), the last the union of the others."""
    masks = np.random.default_rng(seed).random((*shape, 3)) < share
    masks[:, :, 2] = masks[:, :, 0] | masks[:, :, 1]
    return masks


def truth_sample(shape, seed, ignore=False):
    hidden = np.random.default_rng(seed + 50).random(shape) < 0.3 if ignore else None
    return Sample(
        np.zeros((*shape, 1), np.uint8), notions=pack(masks_of(shape, seed)), ignore=hidden
    )


def scored_sample(shape, seed, channels=3):
    scores = np.random.default_rng(seed).random((*shape, channels)).astype(np.float16)
    return Sample(np.zeros((*shape, 1), np.uint8), scores=scores)


def stores(folder, predictions, truths, predicted=NAMES, true=NAMES):
    names = [f"s{i}" for i in range(len(truths))]
    return (
        write_store(
            folder / "p.zarr", Given(predictions, names, attributes={"notions": list(predicted)})
        ),
        write_store(folder / "t.zarr", Given(truths, names, attributes={"notions": list(true)})),
    )


def of_all(predictions, truths, channel):
    """Scores, masks and annotated pixels of one notion of all images in one row."""
    scores = [p.scores[:, :, channel].ravel() for p in predictions]
    masks = [(t.notions >> channel & 1).astype(bool).ravel() for t in truths]
    ignored = [(np.zeros(t.shape, bool) if t.ignore is None else t.ignore).ravel() for t in truths]
    return (np.concatenate(part) for part in (scores, masks, ignored))


@pytest.mark.parametrize("ignore", [False, True])
def test_pooled_biou_is_that_of_all_pixels_together(tmp_path, ignore):
    predictions = [scored_sample(shape, seed) for seed, shape in enumerate(SHAPES)]
    truths = [truth_sample(shape, 10 + seed, ignore) for seed, shape in enumerate(SHAPES)]
    figures = summarise(evaluate(*stores(tmp_path, predictions, truths))).set_index("metric")
    for channel, name in enumerate(NAMES):
        scores, masks, ignored = of_all(predictions, truths, channel)
        expected = binary_iou(scores, masks, ignore=ignored)
        for figure, value in expected._asdict().items():
            assert figures["value"][f"{figure}_{name}"] == pytest.approx(value, abs=1e-12)
        # Once more by hand, pixel by pixel.
        table = np.zeros((2, 2), int)
        for score, mask, hidden in zip(scores, masks, ignored, strict=True):
            if not hidden:
                table[int(mask), int(score > 0.5)] += 1
        inside = table[1, 1] / (table[1, 1] + table[0, 1] + table[1, 0])
        outside = table[0, 0] / (table[0, 0] + table[0, 1] + table[1, 0])
        assert figures["value"][f"biou_1_{name}"] == pytest.approx(inside)
        assert figures["value"][f"biou_both_{name}"] == pytest.approx((inside + outside) / 2)
        assert figures["low"][f"biou_1_{name}"] <= inside <= figures["high"][f"biou_1_{name}"]
    assert figures["value"]["iou_foreground"] == figures["value"]["biou_1_foreground"]


def test_the_example_in_the_documentation_of_keras():
    scores, truth = np.array([[0.1, 0.2, 0.4, 0.7]]), np.array([[False, True, False, True]])
    counts = notion_counts({"a": scores}, {"a": truth}, options=NotionOptions(threshold=0.3))
    inside = counts["inside_intersection_a"] / counts["inside_union_a"]
    outside = counts["outside_intersection_a"] / counts["outside_union_a"]
    assert (inside + outside) / 2 == pytest.approx(0.33333334)


@pytest.mark.parametrize("gamma", [0.0, 2.0, 3.5])
@pytest.mark.parametrize("ignore", [False, True])
def test_loss_is_that_of_the_training(gamma, ignore):
    rng = np.random.default_rng(3)
    logits = rng.normal(0, 4, (13, 9))
    present = rng.random((13, 9)) < 0.3
    hidden = rng.random((13, 9)) < 0.4 if ignore else np.zeros((13, 9), bool)
    scores = 1 / (1 + np.exp(-logits))
    options = NotionOptions(gamma=gamma)
    counts = notion_counts({"a": scores}, {"a": present}, hidden if ignore else None, options)
    truth = {
        "notions": torch.from_numpy(present.astype(np.int32))[None],
        "ignore": torch.from_numpy(hidden)[None],
    }
    expected = losses.build("focal", gamma=gamma)(torch.from_numpy(logits)[None, None], truth)
    assert counts["loss_pixels_a"] == (~hidden).sum()
    assert counts["loss_sum_a"] / counts["loss_pixels_a"] == pytest.approx(float(expected))


def test_loss_of_utter_certainty_is_finite():
    wrong = focal_loss(np.array([1, 0], np.float16), np.array([False, True]))
    np.testing.assert_allclose(wrong, -np.log(1e-7), rtol=1e-5)
    np.testing.assert_allclose(focal_loss(np.array([1.0]), np.array([True])), 0, atol=1e-12)


def test_pooled_loss_weighs_every_pixel_alike(tmp_path):
    predictions = [scored_sample(shape, seed) for seed, shape in enumerate(SHAPES)]
    truths = [truth_sample(shape, seed + 5, ignore=True) for seed, shape in enumerate(SHAPES)]
    figures = summarise(evaluate(*stores(tmp_path, predictions, truths))).set_index("metric")
    for channel, name in enumerate(NAMES):
        scores, masks, ignored = of_all(predictions, truths, channel)
        p = np.where(masks, scores.astype(float), 1 - scores.astype(float))[~ignored]
        expected = np.mean(-((1 - p) ** 2) * np.log(p))
        assert figures["value"][f"loss_{name}"] == pytest.approx(expected, abs=1e-6)


def test_share_of_images_above_each_iou(tmp_path):
    # IoU 1, 11/20 = 0.55 exactly, 0; and an image without the notion anywhere.
    def strip(n, width=20):
        mask = np.zeros((1, width, 1), bool)
        mask[0, :n] = True
        return mask

    image = np.zeros((1, 20, 1), np.uint8)
    predictions = [Sample(image, scores=strip(n).astype(np.float16)) for n in (20, 11, 5, 0)]
    truths = [Sample(image, notions=pack(strip(n))) for n in (20, 20, 0, 0)]
    table = evaluate(*stores(tmp_path, predictions, truths, ["loop"], ["loop"]))
    figures = summarise(table).set_index("metric")
    shares = {p: figures["value"][f"share_{p}_loop"] for p in range(50, 100, 5)}
    assert shares == {50: 2 / 3, 55: 2 / 3} | dict.fromkeys(range(60, 100, 5), 1 / 3)
    assert (figures.loc["share_50_loop", "images"], figures.loc["biou_1_loop", "images"]) == (3, 3)


def test_thresholds_and_gamma_can_be_chosen(tmp_path):
    predictions, truths = [scored_sample((6, 6), 0)], [truth_sample((6, 6), 1)]
    paired = stores(tmp_path, predictions, truths)
    options = {"threshold": 0.8, "gamma": 0.0, "iou_thresholds": [0.1]}
    row = evaluate(*paired, notions=options).iloc[0]
    scores = predictions[0].scores[:, :, 1]
    expected = binary_iou(scores, truths[0].notions >> 1 & 1, threshold=0.8)
    assert row.inside_intersection_pin / row.inside_union_pin == expected.biou_1
    assert row.reached_10_pin == (expected.biou_1 >= 0.1)
    assert "reached_50_pin" not in row
    assert row.loss_sum_pin > evaluate(*paired).iloc[0].loss_sum_pin
    with pytest.raises(ConfigError, match="gama: unknown option; did you mean gamma"):
        evaluate(*paired, notions={"gama": 1})
    with pytest.raises(ValueError, match="whole percents"):
        evaluate(*paired, notions={"iou_thresholds": [0.505]})


def test_notions_are_matched_by_name(tmp_path):
    (tmp_path / "swapped").mkdir()
    predictions, truths = [scored_sample((6, 6), 0)], [truth_sample((6, 6), 1)]
    table = evaluate(*stores(tmp_path, predictions, truths))
    swapped = [Sample(p.image, scores=p.scores[:, :, [2, 0, 1]].copy()) for p in predictions]
    names = ("foreground", "loop", "pin")
    again = evaluate(*stores(tmp_path / "swapped", swapped, truths, names))
    assert again.equals(table)


def test_a_classical_method_that_knows_only_some_notions(tmp_path):
    mask = masks_of((6, 6), 3)[:, :, [2, 0]]
    predictions = [Sample(np.zeros((6, 6, 1), np.uint8), notions=pack(mask))]
    truths = [truth_sample((6, 6), 1)]
    table = evaluate(*stores(tmp_path, predictions, truths, ("foreground", "loop")))
    assert table.filter(regex="_pin$").isna().all(axis=None)
    figures = summarise(table).set_index("metric")["value"]
    expected = binary_iou(mask[:, :, 1], truths[0].notions & 1)
    assert figures["biou_1_loop"] == expected.biou_1
    assert figures["biou_both_loop"] == pytest.approx(expected.biou_both)
    unknown = [name for name in figures.index if name.endswith("_pin")]
    assert len(unknown) == 14
    assert figures[[*unknown, "loss_loop", "loss_foreground"]].isna().all()


def test_a_notion_that_is_nowhere_has_no_inside(tmp_path):
    empty = Sample(np.zeros((4, 4, 1), np.uint8), notions=np.zeros((4, 4), np.uint16))
    scores = Sample(np.zeros((4, 4, 1), np.uint8), scores=np.zeros((4, 4, 3), np.float16))
    figures = summarise(evaluate(*stores(tmp_path, [scores], [empty]))).set_index("metric")["value"]
    assert np.isnan(figures["biou_1_loop"])
    assert np.isnan(figures["share_50_loop"])
    assert figures["biou_0_loop"] == figures["biou_both_loop"] == 1


def test_a_frame_nobody_annotated_adds_nothing(tmp_path):
    truth = truth_sample((5, 5), 0)
    truth.ignore = np.ones((5, 5), bool)
    row = evaluate(*stores(tmp_path, [scored_sample((5, 5), 1)], [truth])).iloc[0]
    assert (row.filter(regex="intersection|union|loss|reached").astype(float) == 0).all()


def test_the_foreground_is_the_union_where_no_notion_has_that_name(tmp_path):
    predictions, truths = [scored_sample((6, 6), 0, 2)], [truth_sample((6, 6), 1)]
    truths[0].notions &= 3
    names = ("loop", "pin")
    row = evaluate(*stores(tmp_path, predictions, truths, names, names)).iloc[0]
    found, true = (predictions[0].scores > 0.5).any(axis=2), truths[0].notions > 0
    assert row.intersection_foreground == (found & true).sum()
    assert row.union_foreground == (found | true).sum()


def test_stores_without_a_common_notion_or_with_too_few_names_are_refused(tmp_path):
    predictions, truths = [scored_sample((4, 4), 0)], [truth_sample((4, 4), 1)]
    others = stores(tmp_path, predictions, truths, ("a", "b", "c"))
    with pytest.raises(StoreError, match=r"nothing to compare.*notions of the same names"):
        evaluate(*others)
    (tmp_path / "few").mkdir()
    with pytest.raises(StoreError, match=r"has 3 scores, expected one for each of the notions"):
        evaluate(*stores(tmp_path / "few", predictions, truths, ("loop", "pin")))


def test_scores_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="not finite"):
        notion_counts({"a": np.full((2, 2), np.nan)}, {"a": np.zeros((2, 2), bool)})
