import json

import cv2
import jsonschema
import numpy as np
import pytest
import tifffile

from segmill.cli import main
from segmill.errors import ConfigError, IntegrityError
from segmill.inference import Predictor, describe, describe_files, outputs, predict_files
from segmill.inference.description_files import SCHEMA
from segmill.notions import unpack
from tests.inference.conftest import write_model

NAMES = ("crystal", "loop", "foreground")


@pytest.fixture(scope="module")
def notions_file(tmp_path_factory):
    """A network of three notions and the click on grey images."""
    path = tmp_path_factory.mktemp("notions") / "model.pt"
    return write_model(path, classes=(*NAMES, "click"), task="notions")


def image(seed):
    return np.random.default_rng(seed).integers(0, 256, (20, 24), np.uint8)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "one.png"), image(1))
    stack = np.stack([image(2), image(3)])
    tifffile.imwrite(tmp_path / "in" / "two.tif", stack, photometric="minisblack")
    return tmp_path / "in"


def test_every_output_of_notions(folder, notions_file, tmp_path):
    table = predict_files(folder, notions_file, tmp_path / "out", outputs.OF_KIND["notions"])
    assert table["name"].tolist() == ["one", "two_p0000", "two_p0001"]
    assert "objects" not in table
    for name, seed in (("one", 1), ("two_p0001", 3)):
        expected = Predictor.load(notions_file).predict(image(seed))
        path = tmp_path / "out" / f"{name}_notions.tif"
        masks = tifffile.imread(path)
        np.testing.assert_array_equal(masks, np.moveaxis(expected.scores[:, :, :3] > 0.5, 2, 0))
        np.testing.assert_array_equal(np.moveaxis(masks, 0, 2), unpack(expected.notions, 3))
        with tifffile.TiffFile(path) as file:
            assert file.shaped_metadata[0]["Labels"] == list(NAMES)
        description = json.loads((tmp_path / "out" / f"{name}_description.json").read_text())
        assert description == describe(expected).as_dict()
        labels = cv2.imread(str(tmp_path / "out" / f"{name}_hierarchy.png"), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(labels, describe(expected).hierarchical_mask)
        overlay = cv2.imread(str(tmp_path / "out" / f"{name}_overlay.png"), cv2.IMREAD_UNCHANGED)
        assert overlay.shape == (20, 24, 3)
        assert (overlay != overlay[..., :1]).any() == expected.notions.any()
    assert len(list((tmp_path / "out").iterdir())) == 3 * 5


def test_defaults_follow_the_network(folder, notions_file, model_file, tmp_path):
    predict_files(folder / "one.png", notions_file, tmp_path / "notions")
    written = sorted(path.name for path in (tmp_path / "notions").iterdir())
    assert written == ["one_description.json", "one_notions.tif", "one_overlay.png"]
    assert main(["predict", str(model_file), str(folder / "one.png"), "-o", str(tmp_path)]) == 0
    written = sorted(path.name for path in tmp_path.glob("one_*"))
    assert written == ["one_boxes.csv", "one_instances.tif", "one_overlay.png"]


def test_outputs_of_another_task_are_refused_before_predicting(
    folder, notions_file, model_file, tmp_path
):
    with pytest.raises(ConfigError, match=r"task notions has notions, .*, found instances, boxes"):
        predict_files(folder, notions_file, tmp_path / "out", ["instances", "overlay", "boxes"])
    with pytest.raises(ConfigError, match=r"task semantic has instances, .* found description"):
        predict_files(folder, model_file, tmp_path / "out", ["description"])
    assert not (tmp_path / "out").exists()


def test_masks_of_notions_and_objects_of_classes(notions_file, model_file):
    notions, classes = (
        Predictor.load(path).predict(image(1)) for path in (notions_file, model_file)
    )
    assert notions.notion_names == NAMES
    with pytest.raises(ConfigError, match="instances: needs exclusive classes"):
        _ = notions.boxes
    with pytest.raises(ConfigError, match="notions: needs overlapping notions"):
        _ = classes.notions


def test_outlines_of_notions_lie_over_each_other():
    masks = {"crystal": np.zeros((9, 9), bool), "foreground": np.zeros((9, 9), bool)}
    masks["foreground"][1:8, 1:8] = True
    masks["crystal"][3:6, 1:6] = True
    shown = outputs.notions_outlined(np.full((9, 9), 100, np.uint8), masks)
    colours = {tuple(colour) for colour in shown.reshape(-1, 3).tolist()}
    assert len(colours) == 3
    # The crystal is on top, where both outlines run.
    assert (shown[4, 1] == shown[3, 3]).all()
    assert (shown[2, 1] == shown[7, 7]).all()
    assert (shown[2, 1] != shown[4, 1]).any()


def test_descriptions_of_files(folder, notions_file, tmp_path):
    options = {"threshold": 0.4, "enters_from": "top", "mm_per_px": 0.001}
    texts = []
    found = describe_files(folder, notions_file, texts.append, options)
    assert len(texts) == 1
    assert json.loads(texts[0], parse_constant=pytest.fail) == found
    assert [(item["image"], item["page"]) for item in found] == [
        (str(folder / "one.png"), 0),
        (str(folder / "two.tif"), 0),
        (str(folder / "two.tif"), 1),
    ]
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(found, SCHEMA)
    expected = describe(Predictor.load(notions_file).predict(image(3)), **options).as_dict()
    assert found[2] == {"image": str(folder / "two.tif"), "page": 1} | expected


def test_the_schema_knows_empty_images_and_refuses_others():
    empty = describe(np.zeros((5, 6, 3), bool), NAMES).as_dict()
    item = {"image": "a.png", "page": 0} | empty
    jsonschema.validate([item], SCHEMA)
    for wrong in (item | {"most_likely_click": None}, item | {"extra": 1}, empty):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate([wrong], SCHEMA)


def test_the_command(folder, notions_file, tmp_path, capsys):
    out = tmp_path / "d.json"
    command = ["describe", str(notions_file), str(folder)]
    assert main([*command, "--out", str(out), "--enters-from", "right", "--threshold", "0.4"]) == 0
    written = json.loads(out.read_text())
    assert [item["enters_from"] for item in written] == ["right"] * 3
    assert written[0]["threshold"] == 0.4
    assert main(command) == 0
    assert len(json.loads(capsys.readouterr().out)) == 3


def test_mistakes_of_the_command(folder, notions_file, model_file, tmp_path, capsys):
    command = ["describe", str(notions_file), str(folder), "--out", str(tmp_path / "d.json")]
    assert main([*command, "--threshold", "1.5"]) == 1
    assert "threshold: expected a value from 0 to 1, found 1.5" in capsys.readouterr().err
    assert main(["describe", str(model_file), str(folder)]) == 1
    assert "needs overlapping notions" in capsys.readouterr().err
    assert main(["describe", str(notions_file), str(tmp_path / "absent.png")]) == 1
    assert "absent.png: expected images" in capsys.readouterr().err
    assert not (tmp_path / "d.json").exists()
    with pytest.raises(SystemExit) as caught:
        main([*command, "--enters-from", "above"])
    assert caught.value.code == 2


def test_bad_files_are_named_and_the_good_ones_described(folder, notions_file):
    (folder / "broken.png").write_bytes(b"no image")
    cv2.imwrite(str(folder / "colour.png"), np.full((8, 8, 3), (1, 2, 3), np.uint8))
    texts = []
    with pytest.raises(IntegrityError) as caught:
        describe_files(folder, notions_file, texts.append)
    assert {problem.file.rsplit("/", 1)[1] for problem in caught.value.problems} == {
        "broken.png",
        "colour.png",
    }
    assert len(json.loads(texts[0])) == 3
