"""Annotations by LabelMe."""

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from skimage.draw import polygon2mask

from segmill.clicks import heat_map
from segmill.datasets import IngestProducer
from segmill.errors import ConfigError
from segmill.notions import BEAMLINE, unpack
from segmill.store import write_store
from tests.datasets.conftest import problems_of, save

ROOT = Path(__file__).resolve().parents[2]
NAME = "7_Fri_Jul_12_21:33:25_2019_double_click_zoom_5_y_3_x_4"
SHAPE = (24, 32)


def picture(seed=0, shape=SHAPE):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


def encoded(image, kind="PNG"):
    content = io.BytesIO()
    Image.fromarray(image).save(content, kind)
    return base64.b64encode(content.getvalue()).decode()


def shape(label, points, kind="polygon"):
    return {"label": label, "points": points, "shape_type": kind, "group_id": None, "flags": {}}


LOOP = shape("loop", [[2, 2], [20, 2], [20, 15], [2, 15]])
CRYSTAL = shape("crystal", [[5, 5], [9, 9]], "rectangle")
CLICK = shape("user_click", [[7, 6.5]], "point")


def write(path, shapes, image=None, **changes):
    image = picture() if image is None else image
    content = {
        "version": "5.4.1",
        "flags": {},
        "shapes": shapes,
        "imagePath": f"{path.stem}.jpg",
        "imageData": encoded(image),
        "imageHeight": image.shape[0],
        "imageWidth": image.shape[1],
    }
    path.write_text(json.dumps(content | changes))
    return path


def config(**labelme):
    return {"name": "drawn", "reader": "labelme", "labelme": labelme, "split": {"rest": "test"}}


def sample_of(root, **labelme):
    return IngestProducer(config(**labelme), root).sample(0)


def masks_of(sample, notions=BEAMLINE):
    return dict(zip(notions, unpack(sample.notions, len(notions)).transpose(2, 0, 1), strict=True))


def box(rows, columns, size=SHAPE):
    mask = np.zeros(size, bool)
    mask[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1] = True
    return mask


def test_shapes_become_notions(tmp_path):
    more = shape("crystal", [[18, 10], [25, 10], [25, 20], [18, 20]])
    pole = shape("not_background", [[28, 0], [31, 0], [31, 23], [28, 23]])
    write(tmp_path / f"{NAME}.json", [LOOP, CRYSTAL, more, pole, CLICK])
    store = write_store(tmp_path / "s.zarr", IngestProducer(config(click_sigma_px=3.0), tmp_path))
    assert store.fields == ("image", "notions", "target")
    assert store.attributes["notions"] == list(BEAMLINE)
    assert store.attributes["targets"] == ["click"]
    np.testing.assert_array_equal(store.image(0), picture())
    masks = dict(zip(BEAMLINE, unpack(store.notions(0), 8).transpose(2, 0, 1), strict=True))
    loop, crystal = box((2, 15), (2, 20)), box((5, 9), (5, 9)) | box((10, 20), (18, 25))
    np.testing.assert_array_equal(masks.pop("loop"), loop)
    np.testing.assert_array_equal(masks.pop("crystal"), crystal)
    np.testing.assert_array_equal(masks.pop("foreground"), loop | crystal | box((0, 23), (28, 31)))
    assert not any(mask.any() for mask in masks.values())
    expected = heat_map(SHAPE, (6.5, 7), 3.0).astype(np.float16)
    np.testing.assert_array_equal(store.target(0)[..., 0], expected)
    row = store.table.iloc[0]
    assert (row["click_row"], row["click_column"], row["zoom"], row["kind"]) == (
        *(6.5, 7, 5),
        "double_click",
    )
    assert row["group"] == "7_2019-07-12"
    assert np.isnan(row["omega"])
    assert np.isnan(row["mm_per_px"])


def test_background_says_that_nobody_would_click(tmp_path):
    around = shape("background", [[0, 0], [31, 0], [31, 23], [0, 23]])
    write(tmp_path / "a.json", [around])
    write(tmp_path / "b.json", [around, LOOP])
    write(tmp_path / "c.json", [])
    producer = IngestProducer(config(empty="background"), tmp_path)
    empty, looped, bare = (producer.sample(k) for k in range(3))
    assert not empty.notions.any()
    assert not empty.target.any()
    # What is drawn over the background stays what it is, and lacks a click.
    np.testing.assert_array_equal(masks_of(looped)["foreground"], box((2, 15), (2, 20)))
    assert np.isnan(looped.target).all()
    assert not bare.notions.any()
    assert not bare.target.any()


def test_labels_by_other_names(tmp_path):
    ruler = [shape("scale", [[0, 0], [99, 0]], "line"), shape("bar", [[0, 0]] * 3)]
    write(tmp_path / "a.json", [*ruler, shape("cd_loop", LOOP["points"])])
    options = {"notions": ["stem", "loop"], "foreground_labels": [], "ignored_labels": ["scale"]}
    sample = sample_of(tmp_path, aliases={"cd_loop": "loop", "bar": "scale"}, **options)
    masks = masks_of(sample, ("stem", "loop"))
    assert not masks["stem"].any()
    np.testing.assert_array_equal(masks["loop"], box((2, 15), (2, 20)))


def test_the_click_in_the_name(tmp_path):
    path = write(tmp_path / f"{NAME}.json", [LOOP])
    assert np.isnan(sample_of(tmp_path).target).all()
    sample = sample_of(tmp_path, named_clicks=True, click_sigma_px=2.0)
    expected = heat_map(SHAPE, (3, 4), 2.0).astype(np.float16)
    np.testing.assert_array_equal(sample.target[..., 0], expected)
    assert (sample.notes["click_row"], sample.notes["click_column"]) == (3, 4)
    write(path, [LOOP, CLICK])
    drawn = sample_of(tmp_path, named_clicks=True)
    assert (drawn.notes["click_row"], drawn.notes["click_column"]) == (6.5, 7)
    path.rename(tmp_path / "zoom_1_y_24_x_3.json")
    write(tmp_path / "zoom_1_y_24_x_3.json", [LOOP])
    (problem,) = problems_of(config(named_clicks=True), tmp_path)
    assert "row 24, column 3" in problem.found


@pytest.mark.parametrize(
    ("image_path", "file"),
    [
        ("21:33:25.png", "21:33:25.png"),
        ("../images/x.png", "../images/x.png"),
        ("C:\\Users\\me\\21:33:25.png", "21:33:25.png"),
        ("/home/me/elsewhere.jpg", "drawn.png"),
        ("21:33:25.png", "213325.png"),
        ("21:33:25.png", "21_33_25.png"),
    ],
)
def test_an_image_beside_the_json(tmp_path, image_path, file):
    folder = tmp_path / "json"
    folder.mkdir()
    save(folder / file, picture())
    save(folder / "another.png", picture(1))
    write(folder / "drawn.json", [LOOP], imagePath=image_path, imageData=None)
    sample = sample_of(folder)
    np.testing.assert_array_equal(sample.image, picture())


def test_scaled_down(tmp_path):
    image = picture(shape=(64, 96))
    square = shape("loop", [[7.5, 15.5], [71.5, 15.5], [71.5, 47.5], [7.5, 47.5]])
    click = shape("user_click", [[40, 20]], "point")
    write(tmp_path / "x_zoom_2.json", [square, click], image)
    options = {"calibration": {2: 0.001}, "click_sigma_mm": 0.02}
    sample = sample_of(tmp_path, rescale=0.25, **options)
    blocks = image.reshape(16, 4, 24, 4, 3).mean((1, 3))
    assert np.abs(sample.image - blocks).max() <= 0.5
    # Corners of the square lie on corners of blocks: blocks 4 to 11 and 2 to 17.
    np.testing.assert_array_equal(masks_of(sample)["loop"], box((4, 11), (2, 17), (16, 24)))
    expected = heat_map((16, 24), (20.5 / 4 - 0.5, 40.5 / 4 - 0.5), 5.0)
    np.testing.assert_allclose(sample.target[..., 0], expected, atol=1e-3)
    assert IngestProducer(config(rescale=0.25, **options), tmp_path).plan().table[
        "mm_per_px"
    ].tolist() == [0.004]


BAD = {
    "unknown": ([shape("lop", LOOP["points"])], {}, "'lop'"),
    "outside": ([shape("loop", [[0, 0], [35, 3], [5, -9.5]])], {}, "(35, 3), (5, -9.5)"),
    "click_outside": ([shape("user_click", [[33, 3]], "point")], {}, "(33, 3)"),
    "circle": ([shape("loop", [[1, 1], [2, 2]], "circle")], {}, "a circle"),
    "linestrip": ([shape("stem", [[1, 1], [2, 2]], "linestrip")], {}, "a linestrip"),
    "line": ([shape("loop", [[1, 1], [2, 2]])], {}, "2"),
    "three": ([shape("loop", [[1, 1]] * 3, "rectangle")], {}, "3"),
    "text": ([shape("loop", [[1, "a"], [2, 2], [3, 3]])], {}, "[[1, 'a'], [2, 2], [3, 3]]"),
    "drawn_click": ([shape("user_click", LOOP["points"])], {}, "a polygon 'user_click'"),
    "point": ([shape("crystal", [[2, 2]], "point")], {}, "a point 'crystal'"),
    "clicks": ([LOOP, CLICK, CLICK], {}, "2"),
    "none": ([], {}, "none"),
    "no_label": ([{"points": []}], {}, "{'points': []}"),
    "size": ([LOOP], {"imageHeight": 25}, "25 x 32"),
    "sizes": ([LOOP], {"imageWidth": "32"}, "[24, '32']"),
    "no_image": ([LOOP], {"imageData": None}, "no such file"),
    "nowhere": ([LOOP], {"imageData": None, "imagePath": None}, "neither"),
    "base64": ([LOOP], {"imageData": "@@@"}, "Only base64 data is allowed"),
    "truncated": ([LOOP], {"imageData": encoded(picture())[:400]}, "OSError"),
    "no_picture": ([LOOP], {"imageData": "aGVsbG8="}, "UnidentifiedImageError"),
    "gif": ([LOOP], {"imageData": encoded(picture(), "GIF")}, "UnidentifiedImageError"),
    "number": ([LOOP], {"imageData": 7}, "7"),
}


def test_bad_input_is_named(tmp_path):
    for name, (shapes, changes, _) in BAD.items():
        write(tmp_path / f"{name}.json", shapes, **changes)
    (tmp_path / "broken.json").write_text('{"shapes": [')
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "coco.json").write_text('{"annotations": []}')
    (tmp_path / "7_Wed_Feb_30_20:21:22_2019_manual.json").write_text("{}")
    write(tmp_path / "turned.json", [LOOP], imageData=None)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture()).save(tmp_path / "turned.jpg", exif=exif)
    write(tmp_path / "good.json", [LOOP])
    found = {}
    for problem in problems_of(config(), tmp_path):
        name = Path(problem.file.partition(", shape")[0]).stem
        found.setdefault(name, []).append(problem)
    others = {"broken", "list", "coco", "turned", "7_Wed_Feb_30_20:21:22_2019_manual"}
    assert set(found) == {*BAD, *others}
    for name, (_, _, text) in BAD.items():
        (problem,) = found[name]
        assert text in problem.found, (name, problem)
    assert "JSONDecodeError" in found["broken"][0].found
    assert found["turned"][0].found == "orientation tag 6"
    assert "shape 0 (lop)" in found["unknown"][0].file
    known = found["unknown"][0].expected
    assert all(label in known for label in (*BEAMLINE, "background", "user_click"))


def test_points_a_little_outside(tmp_path):
    write(tmp_path / "a.json", [shape("loop", [[-2, -2], [33.4, -2], [33.4, 25], [-2, 25]])])
    (problem,) = problems_of(config(), tmp_path)
    assert problem.found == "(-2, -2), (33.4, -2), (33.4, 25), (-2, 25)"
    sample = sample_of(tmp_path, tolerance=2.0)
    assert masks_of(sample)["loop"].all()


def test_a_zoom_without_calibration(tmp_path):
    write(tmp_path / f"{NAME}.json", [LOOP])
    (problem,) = problems_of(config(calibration={1: 0.001}), tmp_path)
    assert problem.found == "zoom 5"


def test_no_files(tmp_path):
    (problem,) = problems_of(config(), tmp_path)
    assert problem.file.endswith("*.json")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"aliases": {"a": "lop"}}, "aliases"),
        ({"notions": ["a", "a"]}, "a: expected one meaning"),
        ({"notions": ["background"]}, "background: expected one meaning"),
        ({"notions": []}, "1 to 16"),
        ({"patern": "x"}, "did you mean pattern"),
    ],
)
def test_wrong_settings(tmp_path, change, expected):
    with pytest.raises(ConfigError, match=expected):
        IngestProducer(config(**change), tmp_path)


@pytest.mark.real
def test_the_real_annotations(real_data, tmp_path):
    settings = yaml.safe_load((ROOT / "config/datasets/beamline_labelme.yaml").read_text())
    settings.pop("presets", None)
    producer = IngestProducer(settings, tmp_path)
    plan = producer.plan()
    assert len(plan) == 7
    table = plan.table.set_index("sample_id")
    assert set(table["split"]) == {"test"}
    assert table["group"].is_unique
    counted = {}
    for k, name in enumerate(table.index):
        sample = producer.sample(k)
        drawn = json.loads((real_data / "beamline/labelme" / f"{name}.json").read_text())
        labels = {s["label"] for s in drawn["shapes"]}
        masks = masks_of(sample)
        present = {notion for notion, mask in masks.items() if mask.any()}
        expected = labels & set(BEAMLINE)
        expected |= {"foreground"} if labels - {"background", "user_click"} else set()
        assert present == expected
        for notion in expected - {"foreground"}:
            counted[notion] = counted.get(notion, 0) + 1
            corners = [s["points"] for s in drawn["shapes"] if s["label"] == notion]
            size = drawn["imageHeight"], drawn["imageWidth"]
            reference = [polygon2mask(size, np.array(c)[:, ::-1]) for c in corners]
            # Two centres of all lie on an edge but for the last digits of float64.
            assert (masks[notion] ^ np.any(reference, axis=0)).sum() <= 2
        clicked = [s["points"][0] for s in drawn["shapes"] if s["label"] == "user_click"]
        if clicked:
            place = np.unravel_index(np.argmax(sample.target), sample.shape)
            column, row = clicked[0]
            # Half precision makes a plateau of the top of a wide heat map.
            assert np.hypot(place[0] - row, place[1] - column) <= 5
            assert sample.notes["click_row"] == pytest.approx(row)
            assert sample.notes["click_column"] == pytest.approx(column)
        else:
            assert not sample.target.any()
    assert counted == {"loop": 4, "stem": 3, "ice": 4, "loop_inside": 3, "crystal": 3, "pin": 2}
