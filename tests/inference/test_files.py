import cv2
import numpy as np
import pandas as pd
import pytest
import tifffile

from segmill.errors import ConfigError, IntegrityError
from segmill.inference import Predictor, outputs, predict_files

ALL = outputs.OF_KIND["semantic"]


def image(seed, shape=(20, 24), dtype=np.uint8):
    values = np.random.default_rng(seed).random(shape)
    return (values * np.iinfo(dtype).max).astype(dtype)


@pytest.fixture
def folder(tmp_path):
    """Two good images, one in a folder of its own."""
    (tmp_path / "in" / "deep").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "in" / "one.png"), image(1))
    tifffile.imwrite(tmp_path / "in" / "deep" / "two.tif", image(2, dtype=np.uint16))
    return tmp_path / "in"


def test_every_output_of_every_image(folder, model_file, tmp_path):
    out = tmp_path / "out"
    table = predict_files(folder, model_file, out, outputs=ALL)
    assert sorted(table["name"]) == ["deep/two", "one"]
    for name, pixels in (("one", image(1)), ("deep/two", image(2, dtype=np.uint16))):
        expected = Predictor.load(model_file).predict(pixels)
        instances = tifffile.imread(out / f"{name}_instances.tif")
        assert instances.dtype == np.uint16
        np.testing.assert_array_equal(instances, expected.instances)
        semantic = cv2.imread(str(out / f"{name}_semantic.png"), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(semantic, expected.semantic)
        scores = tifffile.imread(out / f"{name}_scores.tif")
        np.testing.assert_array_equal(scores, np.moveaxis(expected.scores, 2, 0))
        boxes = pd.read_csv(out / f"{name}_boxes.csv")
        pd.testing.assert_frame_equal(boxes, expected.boxes, rtol=1e-5, check_dtype=False)
        overlay = cv2.imread(str(out / f"{name}_overlay.png"), cv2.IMREAD_UNCHANGED)
        assert overlay.shape == (20, 24, 3)
        row = table[table["name"] == name].iloc[0]
        assert row["objects"] == expected.instances.max()
    assert len(list(out.rglob("*.*"))) == 2 * len(ALL)


def test_only_what_is_asked_for_is_written(folder, model_file, tmp_path):
    table = predict_files([folder / "one.png"], model_file, tmp_path / "out", outputs=("semantic",))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["one_semantic.png"]
    assert "objects" not in table


def test_a_second_run_does_not_predict_its_own_overlays(folder, model_file):
    first = predict_files(folder, model_file, folder / "out")
    second = predict_files(folder, model_file, folder / "out")
    pd.testing.assert_frame_equal(first, second)


def test_pages_of_a_stack(model_file, tmp_path):
    tifffile.imwrite(tmp_path / "s.tif", np.stack([image(1), image(2)]), photometric="minisblack")
    table = predict_files(tmp_path / "s.tif", model_file, tmp_path / "out", outputs=["instances"])
    assert table["page"].tolist() == [0, 1]
    expected = Predictor.load(model_file).predict(image(2)).instances
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "out" / "s_p0001_instances.tif"), expected
    )


def test_bad_files_are_all_named_and_good_ones_kept(folder, model_file, tmp_path):
    (folder / "broken.png").write_bytes(b"no image")
    (folder / "cut.tif").write_bytes((folder / "deep" / "two.tif").read_bytes()[:60])
    cv2.imwrite(str(folder / "colour.png"), image(3, (20, 24, 3)))
    with pytest.raises(IntegrityError) as caught:
        predict_files(folder, model_file, tmp_path / "out", outputs=["instances"])
    found = {problem.file.rsplit("/", 1)[1]: problem for problem in caught.value.problems}
    assert set(found) == {"broken.png", "cut.tif", "colour.png"}
    assert "expected an image of 1 channels" in found["colour.png"].found
    written = sorted(
        p.relative_to(tmp_path / "out").as_posix() for p in tmp_path.glob("out/**/*.tif")
    )
    assert written == ["deep/two_instances.tif", "one_instances.tif"]


def test_nothing_is_predicted_where_the_request_is_wrong(folder, model_file, tmp_path):
    cv2.imwrite(str(folder / "one.bmp"), image(4))
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no image")
    paths = [folder, tmp_path / "absent.png", tmp_path / "empty", tmp_path / "notes.txt"]
    with pytest.raises(IntegrityError) as caught:
        predict_files(paths, model_file, tmp_path / "out")
    message = str(caught.value)
    for part in (
        "absent.png: expected images (.png",
        "found nothing",
        "empty: expected images",
        "found a folder without any",
        "found a file .txt",
        "one.bmp: expected an output name of its own",
        "one.png: expected an output name of its own",
    ):
        assert part in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("wrong", ["boxes", ("boxes", "masks"), ()])
def test_unknown_outputs_are_refused(folder, model_file, tmp_path, wrong):
    with pytest.raises(ConfigError, match=r"outputs: expected .*instances, semantic, boxes"):
        predict_files(folder, model_file, tmp_path / "out", outputs=wrong)
    assert not (tmp_path / "out").exists()


def test_options_reach_the_predictor(folder, model_file, tmp_path):
    options = {"instances": {"method": "components", "min_size": 0}}
    predict_files(folder / "one.png", model_file, tmp_path, outputs=["instances"], **options)
    expected = Predictor.load(model_file, **options).predict(image(1)).instances
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "one_instances.tif"), expected)


def test_more_objects_than_16_bits_hold_are_written_with_32(tmp_path):
    class Many:
        instances = np.arange(70000, dtype=np.int32).reshape(700, 100)

    content = outputs.OUTPUTS["instances"][1](None, Many)
    (tmp_path / "many.tif").write_bytes(content)
    found = tifffile.imread(tmp_path / "many.tif")
    assert found.dtype == np.uint32
    np.testing.assert_array_equal(found, Many.instances)


def test_outlines_lie_on_the_edge_of_objects():
    instances = np.zeros((7, 8), np.int32)
    instances[1:6, 1:4], instances[1:6, 4:7] = 1, 2
    grey = np.tile(np.linspace(0, 255, 8).astype(np.uint8), (7, 1))
    shown = outputs.outlined(grey, instances)
    coloured = (shown != shown[..., :1]).any(axis=2)
    inside = np.zeros((7, 8), bool)
    inside[2:5, 2] = inside[2:5, 5] = True
    np.testing.assert_array_equal(coloured, (instances > 0) & ~inside)
    assert (shown[1, 1] != shown[1, 4]).any()
