import numpy as np
import pytest

from segmill.errors import ConfigError
from segmill.inference.postprocess import ClassPostprocessing, postprocess_classes
from segmill.metrics.class_postprocessing import (
    choose_class_postprocessing,
    choose_class_postprocessing_of_stores,
)
from segmill.metrics.regions import class_counts
from tests.metrics.test_evaluation import sample, stores

CLASSES = ("background", "disc", "square")
GRID = {"opening": [0, 1.5], "min_size": [0, 12]}


def truth():
    classes = np.zeros((30, 40), np.uint8)
    classes[5:15, 5:15], classes[12:28, 22:36] = 1, 2
    return classes


def speckled(seed):
    classes = truth()
    places = np.random.default_rng(seed).random(classes.shape) < 0.03
    classes[places & (classes == 0)] = 1
    return classes


def test_what_helps_is_chosen_and_every_figure_is_that_of_its_pixels():
    predictions, truths = [speckled(0), speckled(1)], [truth(), truth()]
    choice = choose_class_postprocessing(predictions, truths, GRID, CLASSES)
    assert choice.options != ClassPostprocessing()
    assert choice.table["chosen"].sum() == 1
    assert len(choice.table) == 4
    for row in choice.table.to_dict("records"):
        options = ClassPostprocessing(opening=row["opening"], min_size=row["min_size"])
        found = [postprocess_classes(p, options) for p in predictions]
        both, either = np.sum(
            [class_counts(f, t, 3) for f, t in zip(found, truths, strict=True)], axis=0
        )
        assert row["iou_disc"] == pytest.approx(both[1] / either[1])
        assert row["miou"] == pytest.approx(np.mean(both / either))
        pooled = np.stack(found) > 0, np.stack(truths) > 0
        assert row["iou_foreground"] == pytest.approx(
            (pooled[0] & pooled[1]).sum() / (pooled[0] | pooled[1]).sum()
        )
    best = choice.table.loc[choice.table["chosen"], "miou"].item()
    assert best == choice.table["miou"].max() > choice.table["miou"][0]


def test_what_does_not_help_enough_is_left():
    clean = choose_class_postprocessing([truth()], [truth()], GRID, CLASSES)
    assert clean.options == ClassPostprocessing()
    little = choose_class_postprocessing([speckled(0)], [truth()], GRID, CLASSES, least_gain=0.9)
    assert little.options == ClassPostprocessing()
    assert little.table["chosen"].tolist() == [True, False, False, False]


def test_superpixels_vote_where_they_are_given():
    blocks = truth().astype(int) * 10_000 + np.arange(30)[:, None] // 5 * 100 + np.arange(40) // 5
    grid = {"superpixels": [True]}
    choice = choose_class_postprocessing(
        [speckled(0)], [truth()], grid, CLASSES, figure="iou_foreground", superpixels=[blocks]
    )
    assert choice.options.superpixels
    with pytest.raises(ConfigError, match="superpixels of the images to vote"):
        choose_class_postprocessing([speckled(0)], [truth()], grid, CLASSES)


def test_pixels_that_nobody_annotated_do_not_judge():
    ignore = np.zeros((30, 40), bool)
    prediction = truth()
    prediction[0, 20] = 1
    ignore[0] = True
    options = {"grid": {"min_size": [9]}, "classes": CLASSES}
    assert choose_class_postprocessing([prediction], [truth()], **options).options.min_size == 9
    kept = choose_class_postprocessing([prediction], [truth()], ignores=[ignore], **options)
    assert kept.options.min_size == 0


def test_what_is_wrong_is_named():
    with pytest.raises(ConfigError, match="figure: expected one of iou_background, iou_disc"):
        choose_class_postprocessing([truth()], [truth()], {}, CLASSES, figure="seg")
    with pytest.raises(ConfigError, match="opning: unknown option"):
        choose_class_postprocessing([truth()], [truth()], {"opning": [1]}, CLASSES)
    with pytest.raises(ConfigError, match="no pixel"):
        choose_class_postprocessing([], [], {}, CLASSES)
    with pytest.raises(ValueError, match="shorter"):
        choose_class_postprocessing([truth(), truth()], [truth()], {}, CLASSES)


def test_stores_are_compared_sample_by_sample(tmp_path):
    predictions = [sample((12, 9), seed) for seed in range(3)]
    truths = [sample((12, 9), 10 + seed) for seed in range(3)]
    pair = stores(tmp_path, predictions, truths)
    found = choose_class_postprocessing_of_stores(*pair, GRID)
    expected = choose_class_postprocessing(
        [p.semantic for p in predictions], [t.semantic for t in truths], GRID, pair[1].classes
    )
    assert found.options == expected.options
    assert found.table.equals(expected.table)
