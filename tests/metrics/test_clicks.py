import numpy as np
import pandas as pd
import pytest

from segmill.clicks import heat_map, unknown
from segmill.metrics import bootstrap_intervals, bootstrap_median, click_counts, evaluate, summarise
from segmill.metrics.clicks import true_click
from segmill.random import generator
from segmill.samples import Sample
from segmill.store import write_store
from tests.metrics.given import Given

SHAPE = (30, 40)
IMAGE = np.zeros((*SHAPE, 1), np.uint8)


def outcome(counts):
    return tuple(counts[f"click_{kind}"] for kind in ("found", "missed", "false", "none"))


def test_outcomes_of_one_image():
    heat, nothing = heat_map(SHAPE, (10, 20), 3.0), np.zeros(SHAPE, np.float32)
    found = click_counts(heat, (13.0, 24.0), mm_per_px=0.002)
    assert outcome(found) == (1, 0, 0, 0)
    assert found["click_distance_px"] == 5
    assert found["click_distance_um"] == pytest.approx(10)
    assert outcome(click_counts(nothing, (13.0, 24.0))) == (0, 1, 0, 0)
    assert outcome(click_counts(heat, (-1, -1))) == (0, 0, 1, 1)
    assert outcome(click_counts(nothing, (-1, -1))) == (0, 0, 0, 1)
    for of_unknown in (click_counts(heat, None), click_counts(nothing, None)):
        assert outcome(of_unknown) == (0, 0, 0, 0)
        assert np.isnan(of_unknown["click_distance_px"])
    assert outcome(click_counts(heat * np.float32(0.6), (1, 1), threshold=0.7)) == (0, 1, 0, 0)
    with pytest.raises(ValueError, match="not finite"):
        click_counts(unknown(SHAPE), (1, 1))


def test_what_is_ignored_is_neither_clicked_nor_predicted():
    heat = np.maximum(heat_map(SHAPE, (5, 5), 2.0), 0.8 * heat_map(SHAPE, (20, 30), 2.0))
    ignore = np.zeros(SHAPE, bool)
    ignore[:10, :10] = True
    assert click_counts(heat, (20.0, 30.0), ignore)["click_distance_px"] == 0
    assert outcome(click_counts(heat, (5.4, 5.4), ignore)) == (0, 0, 0, 0)
    ignore[:] = True
    assert outcome(click_counts(heat, (-1, -1), ignore)) == (0, 0, 0, 1)


def clicked_stores(folder, places, predicted, target=True, columns=True):
    """Stores of truths and predictions; a place is (row, column), "none" or "unknown"."""
    names = [f"s{i}" for i in range(len(places))]
    maps = {"none": heat_map(SHAPE, None, 1.0), "unknown": unknown(SHAPE)}
    truths, rows = [], []
    for place in places:
        heat = maps[place] if isinstance(place, str) else heat_map(SHAPE, place, 3.0)
        part = {"target": heat[:, :, None].astype(np.float16)} if target else {}
        truths.append(Sample(IMAGE, notions=np.zeros(SHAPE, np.uint16), **part))
        rows.append((np.nan, np.nan) if isinstance(place, str) else place)
    table = {"mm_per_px": [0.001 * (i + 1) for i in range(len(places))]}
    if columns:
        table |= {"click_row": [r for r, _ in rows], "click_column": [c for _, c in rows]}
    attributes = {"notions": ["loop"]} | ({"targets": ["click"]} if target else {})
    scores = [
        np.stack([np.zeros(SHAPE), heat_map(SHAPE, click, 3.0)], axis=2).astype(np.float16)
        for click in predicted
    ]
    predictions = [Sample(IMAGE, scores=each) for each in scores]
    return (
        write_store(
            folder / "p.zarr", Given(predictions, names, attributes={"notions": ["loop", "click"]})
        ),
        write_store(folder / "t.zarr", Given(truths, names, attributes=attributes, columns=table)),
    )


PLACES = [(10.5, 20.0), (4.0, 4.0), "none", "none", "unknown", (20.0, 30.0)]
PREDICTED = [(10, 20), None, (3, 3), None, (3, 3), (20, 26)]


def test_distances_of_stores(tmp_path):
    table = evaluate(*clicked_stores(tmp_path, PLACES, PREDICTED))
    assert table["click_found"].tolist() == [1, 0, 0, 0, 0, 1]
    assert table["click_missed"].tolist() == [0, 1, 0, 0, 0, 0]
    assert table["click_false"].tolist() == [0, 0, 1, 0, 0, 0]
    assert table["click_none"].tolist() == [0, 0, 1, 1, 0, 0]
    assert table["click_distance_px"].dropna().tolist() == [0.5, 4]
    assert table["click_distance_um"].dropna().tolist() == pytest.approx([0.5, 24])
    assert table["inside_union_loop"].tolist() == [0] * 6
    assert "inside_union_click" not in table
    figures = summarise(table).set_index("metric")
    value = figures["value"]
    assert (value["click_missed"], value["click_false"]) == (pytest.approx(1 / 3), 0.5)
    assert (value["click_distance_px"], value["click_distance_px_median"]) == (2.25, 2.25)
    assert value["click_distance_um_median"] == pytest.approx(12.25)
    assert figures["images"]["click_distance_px_median"] == 2
    assert figures["low"]["click_distance_px_median"] == 0.5
    assert figures["high"]["click_distance_px_median"] == 4


def test_columns_alone_or_heat_maps_alone_do(tmp_path):
    (tmp_path / "columns").mkdir()
    (tmp_path / "heat").mkdir()
    by_columns = evaluate(*clicked_stores(tmp_path / "columns", PLACES, PREDICTED, target=False))
    # Without a heat map nobody says that an image has nothing to click.
    assert by_columns["click_none"].tolist() == [0] * 6
    assert by_columns["click_distance_px"].dropna().tolist() == [0.5, 4]
    by_heat = evaluate(*clicked_stores(tmp_path / "heat", PLACES, PREDICTED, columns=False))
    assert by_heat["click_none"].tolist() == [0, 0, 1, 1, 0, 0]
    assert by_heat["click_distance_px"].dropna().tolist() == [0, 4]


def test_true_clicks_of_a_store(tmp_path):
    _, truths = clicked_stores(tmp_path, PLACES, PREDICTED)
    expected = [place if not isinstance(place, str) else None for place in PLACES]
    expected[2] = expected[3] = (-1, -1)
    assert [true_click(truths, i) for i in range(6)] == expected


def test_stores_without_clicks_have_no_columns_of_them(tmp_path):
    paired = clicked_stores(tmp_path, PLACES, PREDICTED, target=False, columns=False)
    assert not [c for c in evaluate(*paired) if c.startswith("click")]


@pytest.mark.parametrize("n", [2, 7, 40])
def test_median_is_that_of_images_drawn_with_replacement(n):
    rng = np.random.default_rng(n)
    values = np.round(rng.exponential(5, n), 1)
    values[rng.random(n) < 0.2] = np.nan
    values[:2] = 1.5, 2.5
    found = bootstrap_median(values, confidence=0.9, seed=4, repeats=500)
    drawn = generator(4, "bootstrap").integers(0, n, size=(500, n))
    medians = [np.median(v[np.isfinite(v)]) for v in values[drawn] if np.isfinite(v).any()]
    assert found.estimate[0] == np.nanmedian(values)
    assert (found.low[0], found.high[0]) == tuple(np.quantile(medians, [0.05, 0.95]))


def test_median_of_one_or_nothing():
    one = bootstrap_median(np.array([3.0, np.nan]))
    assert one.estimate[0] == 3
    assert np.isnan([one.low[0], one.high[0]]).all()
    assert np.isnan(bootstrap_median(np.full(3, np.nan)).estimate[0])


def test_intervals_of_sums_are_drawn_as_before():
    # Figures of earlier releases stay the same to the last digit.
    values = np.arange(12.0).reshape(6, 2)
    found = bootstrap_intervals(values, lambda sums: sums[..., :1] / sums[..., 1:], seed=1)
    drawn = generator(1, "bootstrap").integers(0, 6, size=(2000, 6))
    sums = values[drawn].sum(axis=1)
    assert (found.low[0], found.high[0]) == tuple(
        np.quantile(sums[:, 0] / sums[:, 1], [0.025, 0.975])
    )


def test_a_table_without_distances_has_undefined_medians():
    table = pd.DataFrame(
        {
            "click_found": [0], "click_missed": [1], "click_false": [0], "click_none": [0],
            "click_distance_px": [np.nan], "click_distance_um": [np.nan],
        }
    )  # fmt: skip
    figures = summarise(table).set_index("metric")
    assert np.isnan(figures["value"]["click_distance_px_median"])
    assert figures["images"]["click_distance_px_median"] == 0
    assert figures["value"]["click_missed"] == 1
