"""Networks of particles from the model file to the tables: built by hand, without training."""

import cv2
import numpy as np
import pandas as pd
import pytest
import tifffile
import torch

from segmill.errors import ConfigError
from segmill.inference import ImageError, Predictor, PredictProducer, find_particles, predict_files
from segmill.inference.particles import ParticleOptions
from segmill.models import build
from segmill.models.bundle import ModelBundle, save_model
from segmill.samples import Sample
from segmill.store import FieldSpec, StorePlan, write_store
from tests.inference.conftest import write_model

NAMES = ("mask", "centre")


@pytest.fixture(scope="module")
def particle_model(tmp_path_factory):
    """A network that hands on the red channel as mask and the green one as map of centres."""
    model = build("can", 3, 2, channels=3, dilations=[1], initialisation="identity", norm="none")
    with torch.no_grad():
        model.head.weight.copy_(torch.eye(2, 3)[:, :, None, None])
    path = tmp_path_factory.mktemp("particles") / "model.pt"
    values = {"preprocessing": {}, "mean": (0.0,) * 3, "std": (1.0,) * 3, "task": "target"}
    save_model(path, ModelBundle(model=model.eval(), classes=NAMES, **values))
    return path


@pytest.fixture(scope="module")
def image():
    """Three discs as (h, w, 3) uint8: mask, map of centres, nothing."""
    rows, columns = np.indices((40, 60))
    pixels = np.zeros((40, 60, 3), np.uint8)
    for row, column in ((10.25, 12.5), (10.25, 25.5), (28, 59)):
        square = (rows - row) ** 2 + (columns - column) ** 2
        pixels[square <= 42, 0] = 255
        peak = np.rint(255 * np.exp(-square / 8)).astype(np.uint8)
        pixels[:, :, 1] = np.maximum(pixels[:, :, 1], peak)
    return pixels


def test_a_prediction_has_particles(particle_model, image):
    found = Predictor.load(particle_model).predict(image)
    assert found.kind == "particles"
    assert found.task == "target"
    np.testing.assert_allclose(found.scores, image[:, :, :2] / 255, atol=1e-6)
    expected = find_particles(*np.moveaxis(found.scores, 2, 0))
    np.testing.assert_array_equal(found.instances, expected.instances)
    pd.testing.assert_frame_equal(found.particles.table, expected.table)
    table = found.particles.table
    places = [[10.25, 12.5], [10.25, 25.5], [28, 59]]
    np.testing.assert_allclose(table[["row", "column"]].iloc[:2], places[:2], atol=0.3)
    peaks = Predictor.load(particle_model, particles={"place": "peak"}).predict(image).particles
    np.testing.assert_allclose(peaks.table[["row", "column"]], places, atol=0.05)
    assert table["touches_border"].tolist() == [False, False, True]
    assert found.boxes["area"].tolist() == table["area"].tolist()
    assert found.boxes["score"].tolist() == pytest.approx([1, 1, 1])


def test_options_reach_the_particles(particle_model, image):
    options = {"centre_threshold": 0.999, "smoothing": 0, "um_per_px": 2}
    predictor = Predictor.load(particle_model, particles=options)
    assert predictor.particle_options == ParticleOptions(**options)
    table = predictor.predict(image).particles.table
    assert table["radius_um"].tolist() == [2 * table["radius"].iloc[0]]
    with pytest.raises(ConfigError, match="min_area: unknown option"):
        Predictor.load(particle_model, particles={"min_area": 3})


def test_files(particle_model, image, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), image[:, :, ::-1])
    cv2.imwrite(str(tmp_path / "empty.png"), np.zeros_like(image))
    files = [tmp_path / "a.png", tmp_path / "empty.png"]
    table = predict_files(files, particle_model, tmp_path / "out")
    assert table["objects"].tolist() == [3, 0]
    names = sorted(path.name for path in (tmp_path / "out").glob("a_*"))
    assert names == ["a_instances.tif", "a_overlay.png", "a_particles.csv"]
    expected = Predictor.load(particle_model).predict(image)
    read = pd.read_csv(tmp_path / "out" / "a_particles.csv")
    pd.testing.assert_frame_equal(read, expected.particles.table, rtol=1e-5, check_dtype=False)
    assert tifffile.imread(tmp_path / "out" / "a_instances.tif").max() == 3
    empty = pd.read_csv(tmp_path / "out" / "empty_particles.csv")
    assert len(empty) == 0
    assert list(empty.columns) == list(read.columns)
    with pytest.raises(ConfigError, match="has instances, particles, boxes, overlay, scores"):
        predict_files(files, particle_model, tmp_path / "out", outputs=["semantic"])


def test_images_of_other_kinds_are_taken_and_those_without_particles_are_named(tmp_path, caplog):
    """16 bits, RGBA of any transparency, constant images, nothing to find, nothing at all."""
    model = build("can", 3, 2, channels=3, dilations=[1], initialisation="identity", norm="none")
    with torch.no_grad():
        model.head.weight.copy_(torch.eye(2, 3)[:, :, None, None])
    preprocessing = {"normalise": {"mode": "percentile", "low": 0.5, "high": 99.5}}
    values = {"preprocessing": {**preprocessing, "channels": "rgb"}, "task": "target"}
    scale = {"mean": (0.0,) * 3, "std": (1.0,) * 3}
    path = tmp_path / "model.pt"
    save_model(path, ModelBundle(model=model.eval(), classes=NAMES, **values, **scale))
    rows, columns = np.indices((40, 60))
    grey = np.zeros((40, 60), np.uint8)
    for row, column in ((10, 12), (10, 30), (28, 59)):  # the last one is cut by the edge
        grey[(rows - row) ** 2 + (columns - column) ** 2 <= 42] = 200
    alpha = (np.arange(grey.size) % 256).astype(np.uint8).reshape(grey.shape)
    files = {
        "constant": np.full_like(grey, 7),
        "deep": grey.astype(np.uint16) * 50,
        "noise": np.where(alpha == 3, 1, 0).astype(np.uint8),
        "plain": grey,
        "transparent": np.dstack([grey] * 3 + [alpha]),
    }
    for name, pixels in files.items():
        cv2.imwrite(str(tmp_path / f"{name}.png"), pixels)
    options = {"particles": {"min_size": 20}}
    table = predict_files(
        [tmp_path / f"{name}.png" for name in files], path, tmp_path / "out", **options
    )
    assert dict(zip(table["name"], table["objects"], strict=True)) == {
        "constant": 0,
        "deep": 3,
        "noise": 0,
        "plain": 3,
        "transparent": 3,
    }
    assert "no object found on 2 of 5: constant, noise" in caplog.text
    assert f"{tmp_path / 'constant.png'}: every pixel is 7, nothing can be seen" in caplog.text
    for name in ("deep", "transparent"):
        found = pd.read_csv(tmp_path / "out" / f"{name}_particles.csv")
        assert found["touches_border"].tolist() == [False, False, True]
        plain = pd.read_csv(tmp_path / "out" / "plain_particles.csv")
        pd.testing.assert_frame_equal(found, plain)
    with pytest.raises(ImageError, match=r"with pixels, found \(0, 5, 1\)"):
        Predictor.load(path).predict(np.zeros((0, 5), np.uint8))


def test_stores(particle_model, image, tmp_path):
    class Images:
        def plan(self):
            columns = ("sample_id", "group", "split", "source", "frame")
            table = pd.DataFrame([("a", "a", "test", "here", 0)], columns=columns)
            return StorePlan(table, {"image": FieldSpec("uint8", 3)}, 40, 60, {})

        def sample(self, i):
            return Sample(image)

    store = write_store(tmp_path / "images.zarr", Images())
    found = write_store(tmp_path / "p.zarr", PredictProducer([particle_model], store))
    assert found.fields == ("image", "instances", "scores")
    assert found.attributes["targets"] == list(NAMES)
    expected = Predictor.load(particle_model).predict(image)
    np.testing.assert_array_equal(found.instances(0), expected.instances)


def test_other_values_have_no_particles(image, tmp_path):
    path = write_model(
        tmp_path / "model.pt", in_channels=3, classes=("red", "green"), task="target"
    )
    found = Predictor.load(path).predict(image)
    assert found.kind == "target"
    with pytest.raises(ConfigError, match=r"needs the values mask and centre.*of red, green"):
        _ = found.particles
    with pytest.raises(ConfigError, match="instances: needs exclusive classes"):
        _ = found.instances


def test_a_network_that_sees_coordinates_is_never_cut_in_tiles(tmp_path):
    torch.manual_seed(0)
    model = build("can", 1, 2, channels=4, dilations=[1, 2], coordinates=True)
    path = tmp_path / "model.pt"
    values = {"preprocessing": {}, "mean": (0.4,), "std": (0.2,), "task": "target"}
    save_model(path, ModelBundle(model=model.eval(), classes=NAMES, **values))
    pixels = np.random.default_rng(0).integers(0, 256, (50, 70), np.uint8)
    whole = Predictor.load(path).predict(pixels).scores
    for mode in ("exact", "blend", "grid"):
        tiled = Predictor.load(path, tiling={"mode": mode, "size": 16}).predict(pixels).scores
        np.testing.assert_array_equal(tiled, whole)
