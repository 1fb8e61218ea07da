import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.metrics import adapted_rand_error, variation_of_information

from segmill.errors import ConfigError, StoreError
from segmill.metrics import evaluate, summarise
from segmill.metrics.membranes import (
    RegionOptions,
    cells_between,
    information,
    pair_counts,
    region_agreement,
    region_figures,
)
from tests.metrics.test_evaluation import sample, stores

labels = arrays(np.int32, 12, elements=st.integers(0, 3))
masks = arrays(bool, (7, 8))


@given(labels, labels)
def test_pairs_and_entropies_against_every_pair_of_pixels(prediction, truth):
    n = len(truth)
    others = [(i, j) for i in range(n) for j in range(n) if i != j]
    together = {
        "rand_true": sum(truth[i] == truth[j] for i, j in others),
        "rand_predicted": sum(prediction[i] == prediction[j] for i, j in others),
        "rand_joint": sum(
            truth[i] == truth[j] and prediction[i] == prediction[j] for i, j in others
        ),
    }
    assert pair_counts(prediction, truth) == together
    split = merge = 0.0
    for i in range(n):
        both = np.count_nonzero((truth == truth[i]) & (prediction == prediction[i]))
        split -= np.log2(both / np.count_nonzero(truth == truth[i]))
        merge -= np.log2(both / np.count_nonzero(prediction == prediction[i]))
    found = information(prediction, truth)
    assert found["split_bits"] == pytest.approx(split, abs=1e-9)
    assert found["merge_bits"] == pytest.approx(merge, abs=1e-9)
    assert found["cell_pixels"] == n


def test_scores_of_an_image_are_those_of_skimage():
    rng = np.random.default_rng(0)
    truth, prediction = (np.repeat(rng.random((16, 10)) < 0.8, 2, axis=1) for _ in range(2))
    found = pd.DataFrame([region_agreement(prediction, truth)])
    scores = {name: float(a[0] / b[0]) for name, (a, b) in region_figures(found).items()}
    cells, guessed = cells_between(truth), cells_between(prediction, thin=True)
    error, precision, recall = adapted_rand_error(cells, guessed, ignore_labels=(0,))
    assert scores["rand_score"] == pytest.approx(1 - error)
    # The rows of skimage's table are the truth: its first score is the share of true pairs found.
    assert scores["rand_recall"] == pytest.approx(precision)
    assert scores["rand_precision"] == pytest.approx(recall)
    split, merge = variation_of_information(cells[truth], guessed[truth])
    assert scores["information_split"] == pytest.approx(split)
    assert scores["information_merge"] == pytest.approx(merge)
    assert scores["information"] == pytest.approx(split + merge)
    assert scores["pixel_error"] == (prediction != truth).mean()


def two_cells(membrane=1):
    truth = np.ones((8, 20), np.uint8)
    truth[:, 10 : 10 + membrane] = 0
    return truth


def figures(prediction, truth, **options):
    counts = pd.DataFrame([region_agreement(prediction, truth, options=RegionOptions(**options))])
    return {name: float(a[0] / b[0]) for name, (a, b) in region_figures(counts).items()}


def test_a_gap_of_one_pixel_merges_and_a_line_splits():
    truth = two_cells()
    gap = truth.copy()
    gap[3, 10] = 1
    merged = figures(gap, truth)
    assert merged["rand_recall"] == 1
    assert merged["rand_precision"] < 0.6
    assert merged["information_split"] == pytest.approx(0)
    assert merged["information_merge"] > 0.9
    line = truth.copy()
    line[:, 4] = 0
    split = figures(line, truth)
    assert split["rand_precision"] == 1
    assert split["rand_recall"] < 0.8
    assert split["information_merge"] == pytest.approx(0)
    assert merged["pixel_error"] < split["pixel_error"]


def test_the_width_of_a_membrane_does_not_matter_unless_it_is_kept():
    truth, wide = two_cells(1), two_cells(1)
    wide[:, 8:13] = 0
    assert figures(wide, truth)["rand_score"] == 1
    assert figures(wide, truth)["pixel_error"] > 0
    assert figures(wide, truth, thin=False)["rand_score"] < 1


def test_predicted_specks_are_membrane_where_an_area_is_asked_for():
    truth = two_cells(3)
    speck = truth.copy()
    speck[:, 4:7] = 0
    speck[4, 5] = 1
    cells = cells_between(speck > 0, least_area=2)
    assert set(np.unique(cells)) == {0, 1, 2, 3}
    assert cells[4, 5] == 0
    assert cells_between(speck > 0).max() == 4
    assert figures(speck, truth, least_area=2)["rand_score"] > figures(speck, truth)["rand_score"]


@settings(deadline=None)
@given(masks)
def test_thinning_gives_every_pixel_to_a_nearest_cell(inside):
    cells, thinned = cells_between(inside), cells_between(inside, thin=True)
    marked = np.argwhere(cells)
    if not len(marked):
        assert not thinned.any()
        return
    assert np.array_equal(thinned[inside], cells[inside])
    for row, column in np.argwhere(~inside):
        far = np.hypot(*(marked - (row, column)).T)
        nearest = {int(cells[tuple(p)]) for p in marked[far == far.min()]}
        assert int(thinned[row, column]) in nearest


def test_cells_that_touch_at_a_corner_are_two():
    inside = np.array([[1, 0], [0, 1]], bool)
    assert cells_between(inside).max() == 2


def test_pixels_that_nobody_annotated_count_for_nothing():
    truth, prediction = two_cells(), two_cells()
    prediction[:, :5] = 0
    ignore = np.zeros(truth.shape, bool)
    ignore[:, :5] = True
    found = region_agreement(prediction, truth, ignore)
    assert found["pixel_errors"] == 0
    assert found["pixels"] == 8 * 15
    assert found["cell_pixels"] == 8 * 14
    assert found["rand_joint"] == found["rand_true"]


def test_an_image_without_a_true_cell_adds_nothing():
    found = region_agreement(two_cells(), np.zeros((8, 20), np.uint8))
    assert found["rand_joint"] == found["rand_true"] == found["cell_pixels"] == 0
    assert found["pixel_errors"] == 8 * 19
    with pytest.raises(ValueError, match=r"the prediction is \(2, 2\), the truth \(8, 20\)"):
        region_agreement(np.zeros((2, 2)), two_cells())


def test_an_evaluation_has_them_where_it_is_asked_to(tmp_path):
    shapes = [(9, 8), (6, 12)]
    predictions = [sample(shape, seed) for seed, shape in enumerate(shapes)]
    truths = [sample(shape, 10 + seed) for seed, shape in enumerate(shapes)]
    pair = stores(tmp_path, predictions, truths)
    plain, table = evaluate(*pair), evaluate(*pair, regions=True)
    assert table[plain.columns].equals(plain)
    for row, p, t in zip(table.to_dict("records"), predictions, truths, strict=True):
        expected = region_agreement(p.semantic, t.semantic)
        assert {key: row[key] for key in expected} == expected
    found = summarise(table, repeats=10).set_index("metric")["value"]
    joint, true, predicted = (table[f"rand_{k}"].sum() for k in ("joint", "true", "predicted"))
    assert found["rand_score"] == pytest.approx(2 * joint / (true + predicted))
    assert found["pixel_error"] == table["pixel_errors"].sum() / table["pixels"].sum()
    assert "rand_score" not in set(summarise(plain, repeats=10)["metric"])
    other = evaluate(*pair, regions={"thin": False})
    assert not other["rand_joint"].equals(table["rand_joint"])
    with pytest.raises(ConfigError, match="regions:\n  thick: unknown option"):
        evaluate(*pair, regions={"thick": 1})


def test_regions_need_classes(tmp_path):
    images = [sample((4, 4), 0, semantic=False)]
    with pytest.raises(StoreError, match="regions need semantic in both"):
        evaluate(*stores(tmp_path, images, images), regions=True)
