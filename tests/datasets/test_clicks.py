"""Logs of clicks."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from segmill.clicks import heat_map
from segmill.datasets import IngestProducer, click_tables
from segmill.errors import ConfigError, IntegrityError
from segmill.store import write_store
from tests.datasets.conftest import by_file, problems_of, save

SIZES = {"a": (24, 32), "b": (20, 40), "c": (24, 32)}


@pytest.fixture
def place(tmp_path):
    """Three images of unequal size."""
    for k, (name, size) in enumerate(SIZES.items()):
        save(tmp_path / "images" / f"{name}.png", picture(k, size))
    return tmp_path


def picture(seed, size):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def table(folder, rows, name="log.csv"):
    frame = pd.DataFrame(rows)
    path = folder / name
    frame.to_parquet(path) if name.endswith("parquet") else frame.to_csv(path, index=False)
    return path


def config(**clicks):
    return {
        "name": "clicked",
        "reader": "clicks",
        "clicks": {"tables": "log*", "folder": "images", **clicks},
        "split": {"rest": "train"},
    }


ROWS = [
    {"image": "a.png", "y": 3, "x": 4.5, "omega": 30.0, "zoom": 5, "kind": "manual", "user": "p1"},
    {"image": "a.png", "y": 9, "x": 4.5, "omega": 90.0, "zoom": 5, "kind": "manual", "user": "p1"},
    {"image": "b.png", "y": 19, "x": 39, "omega": None, "zoom": 1, "kind": None, "user": None},
    {"image": "c.png", "y": 0, "x": 0, "omega": 0.0, "zoom": None, "kind": "manual", "user": "p2"},
]


@pytest.mark.parametrize("name", ["log.csv", "log.parquet"])
@pytest.mark.parametrize("at_once", [1, 3, 100])
@pytest.mark.parametrize("check", ["full", "headers", "names"])
def test_a_table(place, monkeypatch, name, at_once, check):
    monkeypatch.setattr(click_tables, "ROWS_AT_ONCE", at_once)
    table(place, ROWS, name)
    size = {"size": [24, 40]} if check == "names" else {}
    options = {"calibration": {1: 0.002, 5: 0.001}, "click_sigma_mm": 0.01, "click_sigma_px": 4.0}
    producer = IngestProducer(config(check=check, **size, **options), place)
    store = write_store(place / "s.zarr", producer)
    found = store.table
    assert store.fields == ("image", "target")
    assert store.shape("image") == (4, 24, 40, 3)
    assert found["sample_id"].tolist() == [
        *("images/a_y_3_x_4.5", "images/a_y_9_x_4.5", "images/b_y_19_x_39", "images/c_y_0_x_0")
    ]
    assert found["source"].tolist() == [f"images/{name}.png" for name in "aabc"]
    assert found["click_row"].tolist() == [3, 9, 19, 0]
    assert found["click_column"].tolist() == [4.5, 4.5, 39, 0]
    np.testing.assert_array_equal(found["omega"], [30, 90, np.nan, 0])
    np.testing.assert_array_equal(found["zoom"], [5, 5, 1, np.nan])
    np.testing.assert_array_equal(found["mm_per_px"], [0.001, 0.001, 0.002, np.nan])
    assert found["kind"].tolist() == ["manual", "manual", "b", "manual"]
    assert found["user"].fillna("").tolist() == ["p1", "p1", "", "p2"]
    for k, (image, sigma) in enumerate(zip("aabc", (10, 10, 5, 4), strict=True)):
        size = SIZES[image]
        np.testing.assert_array_equal(store.image(k), picture("abc".index(image), size))
        click = found["click_row"][k], found["click_column"][k]
        expected = heat_map(size, click, sigma).astype(np.float16)
        np.testing.assert_array_equal(store.target(k)[..., 0], expected)


def test_names_of_columns_and_groups(place):
    rows = [{"file": f"D:\\x\\{n}.png", "r": 1, "c": 2, "mount": m} for n, m in ["au", "bv", "cu"]]
    table(place, [{**row, "set": "training"} for row in rows])
    columns = {"image": "file", "row": "r", "column": "c", "group": "mount", "split": "set"}
    settings = config(columns=columns, basename=True)
    settings["split"] = {"column": "split", "names": {"train": "training"}}
    found = IngestProducer(settings, place).plan().table
    assert found["group"].tolist() == ["u", "v", "u"]
    assert set(found["split"]) == {"train"}
    assert found["source"].tolist() == ["images/a.png", "images/b.png", "images/c.png"]


NAMES = [
    "7_Fri_Jul_12_21:33:25_2019_double_click_zoom_5_y_13_x_12",
    "7_Fri_Jul_12_21:35:00_2019_double_click_zoom_5_y_3_x_2",
    "8_Wed_Feb__6_202122_2019_manual_omega_210.00_zoom_9_y_0_x_31",
    "8_Wed_Feb__7_202122_2019_color_zoom_10_298.72",
]


def test_names_of_images(tmp_path):
    for k, name in enumerate(NAMES):
        save(tmp_path / "deep" / f"{name}.jpg", picture(k, (24, 32)))
    where = {"tables": None, "folder": ".", "images": "**/*.jpg"}
    settings = config(**where, missing="ignore", click_sigma_px=3)
    store = write_store(tmp_path / "s.zarr", IngestProducer(settings, tmp_path))
    found = store.table
    assert found["sample_id"].tolist() == [f"deep/{name}" for name in NAMES]
    assert found["kind"].tolist() == ["double_click", "double_click", "manual", "color"]
    assert found["group"].tolist() == ["7_2019-07-12"] * 2 + ["8_2019-02-06", "8_2019-02-07"]
    np.testing.assert_array_equal(found["omega"], [np.nan, np.nan, 210, 298.72])
    np.testing.assert_array_equal(found["click_row"], [13, 3, 0, np.nan])
    assert np.unravel_index(np.argmax(store.target(0)[..., 0]), (24, 32)) == (13, 12)
    assert np.isnan(store.target(3)).all()
    (problem,) = problems_of(config(**where), tmp_path)
    assert Path(problem.file).stem == NAMES[3]
    assert "_y_ROW_x_COLUMN" in problem.expected


def test_the_table_wins_over_names(place):
    (place / "images/a.png").rename(place / f"images/{NAMES[2]}.png")
    values = ({"y": 7, "omega": 1.5}, {"y": None, "omega": None})
    table(place, [{"image": f"{NAMES[2]}.png", "x": 5, **some} for some in values])
    found = IngestProducer(config(), place).plan().table
    assert found["click_row"].tolist() == [7, 0]
    # Half a click is none: the name's is taken whole.
    assert found["click_column"].tolist() == [5, 31]
    assert found["omega"].tolist() == [1.5, 210]


def test_scaled_down(place):
    table(place, ROWS[:1])
    settings = config(rescale=0.5, calibration={5: 0.001}, click_sigma_mm=0.004)
    producer = IngestProducer(settings, place)
    plan = producer.plan()
    assert (plan.height, plan.width) == (12, 16)
    row = plan.table.iloc[0]
    assert (row["click_row"], row["click_column"], row["mm_per_px"]) == (1.25, 2.0, 0.002)
    sample = producer.sample(0)
    assert sample.image.shape == (12, 16, 3)
    np.testing.assert_array_equal(
        sample.target[..., 0], heat_map((12, 16), (1.25, 2.0), 2.0).astype(np.float16)
    )


BAD = [
    ({"image": None}, "a click without image"),
    ({"image": "a.png", "y": 3.0, "x": 4.50}, "a repeated click, images/a_y_3_x_4.5"),
    ({"image": "b.png", "y": 20, "x": 3}, "row 20, column 3"),
    ({"image": "a.png", "y": 3, "x": -1}, "row 3, column -1"),
    ({"image": "none.png"}, "no such file"),
    ({"image": "text.png"}, "starts with b'hello'"),
    ({"image": "cut.jpg"}, "truncated"),
    ({"image": "turned.jpg"}, "orientation tag 6"),
    ({"image": "c.png", "y": None}, "none for images/c.png"),
    ({"image": "grey.png"}, "1 in grey.png"),
]
FATAL = [
    ({"image": "c.png", "y": 1, "x": "left"}, "'left'"),
    ({"image": "c.png", "y": 2, "zoom": "2.5"}, "'2.5'"),
    ({"image": "c.png", "y": 3, "omega": "inf"}, "'inf'"),
    ({"image": "c.png", "y": 4, "zoom": 7}, "zoom 7"),
]


def bad_log(place, rows):
    start = [{"image": "a.png", "y": 3, "x": 4.5, "omega": 1, "zoom": 5}]
    (place / "images/text.png").write_text("hello")
    Image.fromarray(picture(0, (24, 32))).save(place / "images/cut.jpg")
    whole = (place / "images/cut.jpg").read_bytes()
    (place / "images/cut.jpg").write_bytes(whole[:-40])
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture(0, (24, 32))).save(place / "images/turned.jpg", exif=exif)
    save(place / "images/grey.png", picture(0, (24, 32))[..., 0])
    table(place, start + [{**start[0], "y": 5, "x": 5, **row} for row, _ in rows])


@pytest.mark.parametrize("at_once", [2, 100])
def test_bad_rows_are_named(place, monkeypatch, at_once):
    monkeypatch.setattr(click_tables, "ROWS_AT_ONCE", at_once)
    bad_log(place, BAD + FATAL)
    found = by_file(problems_of(config(check="full", calibration={5: 0.1}), place), place)
    assert len(found) == len(BAD + FATAL)
    for k, (_, text) in enumerate(BAD + FATAL):
        assert text in found[f"log.csv:{k + 3}"].found, found[f"log.csv:{k + 3}"]
    assert f"{place}/log.csv:2 has the same" in found["log.csv:4"].expected
    assert "b.png of 20 x 40 px" in found["log.csv:5"].expected


def test_bad_rows_are_left_out(place, caplog):
    bad_log(place, BAD)
    settings = config(check="full", invalid="skip")
    with caplog.at_level(logging.WARNING, logger="segmill"):
        plan = IngestProducer(settings, place).plan()
    assert len(plan) == 1
    assert len(caplog.records) == len(BAD)
    bad_log(place, FATAL)
    settings = config(check="full", invalid="skip", calibration={5: 0.1})
    assert len(problems_of(settings, place)) == len(FATAL)


def test_headers_do_not_see_damage_behind_them(place):
    bad_log(place, BAD)
    assert len(problems_of(config(check="headers"), place)) == len(BAD) - 1
    table(place, [{"image": name, "y": 1, "x": 1} for name in ("a.png", "cut.jpg")])
    producer = IngestProducer(config(), place)
    assert len(producer.plan()) == 2
    with pytest.raises(IntegrityError, match=r"cut\.jpg.*truncated"):
        producer.sample(1)


def test_a_click_outside_is_found_on_reading_where_nobody_checked(place):
    table(place, [{"image": "a.png", "y": 1, "x": 1}, {"image": "a.png", "y": 26, "x": 1}])
    producer = IngestProducer(config(check="names", size=[30, 40]), place)
    producer.plan()
    with pytest.raises(IntegrityError, match=r"a\.png.*24 x 32 px, found row 26, column 1"):
        producer.sample(1)


def test_several_tables(place):
    table(place, ROWS[:2], "log_1.csv")
    table(place, ROWS[1:], "log_2.csv")
    (problem,) = problems_of(config(), place)
    assert problem.file == f"{place}/log_2.csv:2"
    assert f"{place}/log_1.csv:3" in problem.expected
    table(place, [{k: v for k, v in row.items() if k != "user"} for row in ROWS[2:]], "log_2.csv")
    (problem,) = problems_of(config(), place)
    assert "the columns of log_1.csv (user)" in problem.expected


@pytest.mark.parametrize(
    ("rows", "settings", "expected"),
    [
        ([{"file": "a.png", "y": 1, "x": 1}], {}, "the columns image"),
        ([{"image": "a.png", "y": 1}], {}, "the columns image, y, x"),
        ([{"image": "a.png"}], {"columns": {"omega": "angle"}}, "the columns image, angle"),
        ([{"image": "a.png"}], {}, "_y_ROW_x_COLUMN"),
    ],
)
def test_wrong_columns(place, rows, settings, expected):
    table(place, rows)
    (problem,) = problems_of(config(**settings), place)
    assert expected in problem.expected


@pytest.mark.parametrize("content", [b"", b'image,y\n"a', b"\xff\xfe\x00", b"image,y,x\n"])
@pytest.mark.parametrize("name", ["log.csv", "log.parquet"])
def test_what_is_no_table(place, content, name):
    (place / name).write_bytes(content)
    (problem,) = problems_of(config(), place)
    assert "log" in problem.file


def test_no_tables_and_no_images(tmp_path):
    for settings in (config(), config(tables=None)):
        (problem,) = problems_of(settings, tmp_path)
        assert problem.expected == "clicks"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"check": "names"}, "size"),
        ({"size": [3, 4]}, "size"),
        ({"check": "names", "size": [3]}, "height and width"),
        ({"columns": {"colum": "x"}}, "did you mean column"),
        ({"tables": None, "columns": {"row": "y"}}, "clicks.tables"),
        ({"chek": 1}, "did you mean check"),
    ],
)
def test_wrong_settings(tmp_path, change, expected):
    with pytest.raises(ConfigError, match=expected):
        IngestProducer(config(**change), tmp_path)
