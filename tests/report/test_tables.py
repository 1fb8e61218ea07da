import copy
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from segmill.errors import ConfigError, IntegrityError
from segmill.report.layout import TableLayout
from segmill.report.tables import collect_summaries, table_html, tabulate, write_table

from .conftest import LAYOUT


@pytest.fixture
def layout():
    return TableLayout.from_config("main", LAYOUT)


@pytest.fixture
def written(layout, summaries, tmp_path):
    return write_table(layout, collect_summaries(summaries), tmp_path / "t" / "main.csv", "demo")


def test_cells_equal_mean_and_spread_by_hand(written):
    table = pd.read_csv(written["csv"]).set_index("row")
    net = table.loc["net"]
    assert net["iou_cl"] == pytest.approx(0.74)
    assert net["iou_cl_sd"] == pytest.approx(0.04)  # sqrt((0.04^2 + 0 + 0.04^2) / 2)
    assert net["iou_cl_low"] == pytest.approx(0.64)
    assert net["iou_cl_high"] == pytest.approx(0.84)
    assert net["iou_cl_n_seeds"] == 3
    assert net["iou_cl_n_images"] == 12
    assert net["seg_cl"] == pytest.approx((0.60 + 0.66 + 0.69) / 3)
    assert net["iou_no"] == pytest.approx(0.65)
    assert net["iou_no_sd"] == pytest.approx(0.1 / np.sqrt(2))
    classical = table.loc["classical"]
    assert classical["iou_no"] == 0.55
    assert np.isnan(classical["iou_no_sd"])
    assert np.isnan(classical["iou_cl"])
    assert classical["iou_cl_n_seeds"] == 0


def test_published_values_stand_in_columns_of_their_own(written):
    table = pd.read_csv(written["csv"]).set_index("row")
    assert table.loc["net", ["iou_cl_published", "seg_cl_published"]].tolist() == [0.76, 0.77]
    assert table.loc["classical", ["iou_cl_published"]].isna().all()
    assert "iou_no_published" not in table


def _text(element):
    return "".join(element.itertext())


def _cells(path):
    """The fragment, which is well-formed XML, too, and the cells of each row of its body."""
    root = ElementTree.fromstring(path.read_text("ascii"))
    return root, [row.findall("td") for row in root.findall(".//tbody/tr")]


def test_fragment_shows_and_marks_what_is_published(written):
    root, (net, classical) = _cells(written["html"])
    texts = [_text(cell) for cell in net]
    assert texts[0].startswith("0.740 ± 0.040")
    assert texts[1] == "0.760"  # as published, with its zero
    assert texts[3] == "0.77a"
    assert [cell.get("class", "") for cell in net] == ["", "published", "", "published", "best"]
    assert [_text(cell) for cell in classical][:4] == ["–"] * 4
    caption = _text(root.find(".//figcaption"))
    assert "Somebody, 2019" in caption
    assert "a Counts the background." in caption
    assert "Other images." in caption
    assert len(root.findall(".//thead//th[@class='published']")) == 2


def test_fragment_says_how_many_seeds(written):
    root, (net, classical) = _cells(written["html"])
    assert "over 3 training seeds" in _text(root.find(".//figcaption"))
    assert "n = 2" in _text(net[4])
    assert "n =" not in _text(classical[4])


def test_sort_keys_are_the_numbers(written):
    _, (net, classical) = _cells(written["html"])
    assert float(net[0].get("data-sort")) == pytest.approx(0.74)
    assert net[1].get("data-sort") == "0.760"
    assert classical[0].get("data-sort") == ""


def test_header_spans_cover_every_column(written):
    root, rows = _cells(written["html"])
    depth = len(root.findall(".//thead/tr"))
    width = 1 + len(rows[0])
    covered = np.zeros((depth, width), int)
    for r, row in enumerate(root.findall(".//thead/tr")):
        for cell in row.findall("th"):
            c = int(np.argmin(covered[r]))
            covered[r : r + int(cell.get("rowspan", 1)), c : c + int(cell.get("colspan", 1))] += 1
    assert covered.tolist() == np.ones((depth, width), int).tolist()


@pytest.mark.parametrize("grouped", [True, False])
@pytest.mark.parametrize("published", [True, False])
def test_header_spans_of_every_kind_of_table(layout, summaries, tmp_path, grouped, published):
    config = copy.deepcopy(LAYOUT)
    for column in config["columns"][1:]:
        column["group"] = "with" if grouped else ""
    config["columns"][0].pop("group")
    if not published:
        config.pop("published")
    table = write_table(
        TableLayout.from_config("x", config),
        collect_summaries(summaries),
        tmp_path / "x.csv",
        "full",
    )
    test_header_spans_cover_every_column(table)


@pytest.mark.parametrize(("preset", "called_out"), [("demo", True), ("full", False)])
def test_a_reduced_preset_is_called_out(layout, summaries, tmp_path, preset, called_out):
    paths = write_table(layout, collect_summaries(summaries), tmp_path / "main.csv", preset)
    text = _text(_cells(paths["html"])[0])
    assert (f"{preset} preset: not the study’s settings" in text) is called_out


def test_labels_are_escaped(written):
    assert "Net &lt;b&gt;" in written["html"].read_text("ascii")


def test_low_can_be_better(summaries):
    config = copy.deepcopy(LAYOUT)
    config["columns"] = [{"column": "c", "label": "error", "metric": "iou", "better": "low"}]
    config["rows"] = [{"row": n, "label": n, "experiment": n} for n in ("cl", "plain")]
    config["published"] = []
    layout = TableLayout.from_config("x", config)
    table = tabulate(layout, collect_summaries(summaries))
    page = ElementTree.fromstring(table_html(layout, table, "full"))
    best = [row for row in page.findall(".//tr") if row.find("td[@class='best']") is not None]
    assert [_text(row.find("th")) for row in best] == ["plain"]


def test_every_missing_metric_and_experiment_is_named(layout, summaries):
    del summaries["classical"]
    summaries["cl"] = {1: summaries["cl"][1].query("metric != 'seg'")}
    with pytest.raises(IntegrityError) as caught:
        tabulate(layout, collect_summaries(summaries))
    found = [(problem.file, problem.expected) for problem in caught.value.problems]
    assert found == [
        ("experiment cl", "the metric seg"),
        ("experiment classical", "the metric iou"),
    ]


def test_every_bad_summary_is_named(summaries):
    summaries["cl"][2] = summaries["cl"][2].drop(columns="low")
    summaries["plain"][1] = pd.concat([summaries["plain"][1]] * 2)
    with pytest.raises(IntegrityError) as caught:
        collect_summaries(summaries)
    assert [problem.file for problem in caught.value.problems] == [
        "summary of cl, seed 2",
        "summary of plain, seed 1",
    ]


def test_every_error_of_a_layout_is_named():
    config = copy.deepcopy(LAYOUT)
    config["colour"] = "red"
    config["columns"][0]["bettr"] = "low"
    config["columns"].append({"column": "seg_cl", "label": "SEG", "metric": "seg", "better": "up"})
    config["rows"].append({"label": "nameless"})
    config["published"] = [
        {"row": "absent", "column": "seg_cl", "value": 1},
        {"row": "net", "column": "absent", "value": "much"},
    ]
    with pytest.raises(ConfigError) as caught:
        TableLayout.from_config("main", config)
    text = str(caught.value)
    for part in (
        "unknown key 'colour'",
        "tables.main.columns[0]: unknown key 'bettr'",
        "tables.main.rows[2]: the key 'row' is missing",
        "column 'seg_cl' is given more than once",
        "row 'absent' is none of",
        "column 'absent' is none of",
        "expected a number, found 'much'",
        "found 'up'",
    ):
        assert part in text


def test_a_row_gives_the_metric_of_a_column_its_values():
    config = {
        "title": "Notions",
        "columns": [{"column": "biou", "label": "IoU", "metric": "biou_{which}_{notion}"}],
        "rows": [
            {"row": n, "label": n, "experiment": "net", "values": {"notion": n, "which": "1"}}
            for n in ("pin", "loop")
        ],
    }
    metrics = {"metric": ["biou_1_pin", "biou_1_loop"], "value": [0.25, 0.5]}
    summary = pd.DataFrame(metrics | {"low": 0.0, "high": 1.0, "images": 4})
    summaries = collect_summaries({"net": {1: summary}})
    table = tabulate(TableLayout.from_config("notions", config), summaries)
    assert table["biou"].tolist() == [0.25, 0.5]
    del config["rows"][1]["values"]
    with pytest.raises(ConfigError, match=r"row 'loop' lacks: biou_\{which\}_\{notion\}"):
        TableLayout.from_config("notions", config)
