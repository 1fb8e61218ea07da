"""Figures of the superpixels study: panels, curves against the number, adaptive normalisations."""

import cv2
import numpy as np
import pandas as pd
import pytest

from segmill.errors import ConfigError, IntegrityError
from segmill.metrics.superpixels import METRICS
from segmill.models import build
from segmill.models.adaptive_norm import AdaptiveNorm
from segmill.report.norm_plots import norm_plots
from segmill.report.superpixel_curves import superpixel_curves
from segmill.report.superpixel_panels import superpixel_panels, superpixel_rows
from segmill.samples import Sample
from segmill.store import write_store
from tests.metrics.given import Given


def stores(tmp_path, names=("a", "b")):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    halves = np.ones((20, 30), np.int32)
    halves[:, 15:] = 2
    painted = Sample(image, scores=(image / 255).astype(np.float16))
    predictions = write_store(tmp_path / "p.zarr", Given([painted] * 2, ["a", "b"]))
    found = [Sample(image, instances=halves)] * len(names)
    return predictions, write_store(tmp_path / "s.zarr", Given(found, list(names))), image


def test_panels_show_each_image_and_how_far_it_is_from_what_was_made(tmp_path):
    predictions, found, image = stores(tmp_path)
    rows = superpixel_rows(predictions, found, 5)
    assert [row.name for row in rows] == ["a", "b"]
    paths = superpixel_panels(rows, tmp_path / "panels.svg")
    table = pd.read_csv(paths["csv"])
    assert table["superpixels"].tolist() == [2, 2]
    assert table["output_rms"].max() < 0.001
    halves = [image[:, :15], image[:, 15:]]
    squares = [((half - half.mean(axis=(0, 1))) ** 2).mean() for half in halves]
    assert table["means_rms"][0] == pytest.approx(np.sqrt(np.mean(squares)) / 255, abs=1e-3)
    assert cv2.imread(str(paths["png"])).shape[1] > 1000


def test_panels_name_what_is_missing(tmp_path):
    predictions, found, _ = stores(tmp_path, names=("a",))
    with pytest.raises(IntegrityError, match="the sample b"):
        superpixel_rows(predictions, found, 2)


def test_curves_are_means_over_the_images(tmp_path):
    rows = [
        {"method": m, "title": m.upper(), "wanted": wanted, "n_superpixels": n + image}
        | dict.fromkeys(METRICS, 0.1 * n + image)
        for m, wanted, n in (("one", 1, 1), ("one", 3, 3), ("two", None, 2))
        for image in (0, 1)
    ]
    paths = superpixel_curves(pd.DataFrame(rows), tmp_path / "curves.svg")
    table = pd.read_csv(paths["csv"])
    assert table["method"].tolist() == ["one", "one", "two"]
    assert table["n_superpixels"].tolist() == [1.5, 3.5, 2.5]
    assert table["compactness"].tolist() == pytest.approx([0.6, 0.8, 0.7])


def networks(monkeypatch, models):
    bundles = {name: type("Bundle", (), {"model": model}) for name, model in models.items()}
    monkeypatch.setattr("segmill.report.norm_plots.load_model", bundles.__getitem__)


def test_norms_have_a_row_per_layer_and_seed(tmp_path, monkeypatch):
    models = {k: build("can", 3, 3, dilations=(1, 2), channels=2) for k in ("x", "y")}
    for layer, norm in enumerate(m for m in models["y"].modules() if isinstance(m, AdaptiveNorm)):
        norm.mu.data.fill_(layer + 0.5)
    networks(monkeypatch, models)
    paths = norm_plots({"can": {1: "x", 2: "y"}}, tmp_path / "norms.svg", {"can": "CAN"})
    table = pd.read_csv(paths["csv"])
    assert table["seed"].tolist() == [1, 1, 2, 2]
    assert table["lambda"].tolist() == [1, 1, 1, 1]
    assert table["mu"].tolist() == [0, 0, 0.5, 1.5]


def test_a_network_without_adaptive_norms_is_named(tmp_path, monkeypatch):
    networks(monkeypatch, {"x": build("can", 3, 3, dilations=(1,), channels=2, norm="batch")})
    with pytest.raises(ConfigError, match="plain: expected adaptive normalisations"):
        norm_plots({"plain": {1: "x"}}, tmp_path / "norms.svg")
