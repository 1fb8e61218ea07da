"""The command line: stores are shown and checked, mistakes end with a message and status 1."""

import inspect

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile

from segmill import Predictor, cli
from segmill.cli import main
from segmill.store import open_store, write_store
from segmill.synthetic import SyntheticProducer


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A small store of synthetic cells."""
    config = {
        "reader": "synthetic",
        "generator": "cells",
        "modality": "fluorescent",
        "seed": 1,
        "n": 4,
        "split": {"train": 0.5, "val": 0.25, "test": 0.25},
        "options": {"height": 64, "width": 80},
    }
    path = tmp_path_factory.mktemp("store") / "cells.zarr"
    return write_store(path, SyntheticProducer(config, name="cells"))


def test_inspect_prints_a_card_and_draws_a_sheet(store, tmp_path, capsys):
    output = tmp_path / "sheet.png"
    assert main(["inspect", str(store.path), "-o", str(output), "-n", "3"]) == 0
    card = capsys.readouterr().out
    for fact in (store.content_hash, "4 x 64 x 80", "instances", "background, cell, border"):
        assert fact in card
    assert "train        2 samples in 2 groups" in card
    sheet = iio.imread(output)
    assert sheet.ndim == 3
    assert sheet.std() > 0


def test_verify_names_damaged_stores_and_checks_the_others(store, tmp_path, capsys):
    assert main(["verify", str(store.path)]) == 0
    assert store.content_hash in capsys.readouterr().out
    assert main(["verify", str(tmp_path / "absent.zarr"), str(store.path)]) == 1
    captured = capsys.readouterr()
    assert "absent.zarr" in captured.err
    assert store.content_hash in captured.out


def test_a_missing_store_is_a_message_not_a_traceback(tmp_path, capsys):
    assert main(["inspect", str(tmp_path / "absent.zarr")]) == 1
    assert "segmill inspect: expected a store" in capsys.readouterr().err


def test_wrong_usage_ends_with_status_2(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["predict", "model.pt", "image.png", "-o", "out", "--outputs", "masks"])
    assert caught.value.code == 2
    assert "instances" in capsys.readouterr().err


def test_check_counts_the_samples_of_a_dataset(tmp_path, capsys):
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for k in range(4):
        mask = np.zeros((16, 16), np.uint8)
        mask[2 : 6 + k, 3:9] = 1
        iio.imwrite(tmp_path / "images" / f"{k}.png", mask * 100)
        iio.imwrite(tmp_path / "masks" / f"{k}.png", mask)
    config = tmp_path / "tiny.yaml"
    config.write_text(
        f"""
title: tiny
reader: folder
path: {tmp_path}
images: {{pattern: images/*.png}}
masks: {{pattern: masks/*.png}}
labels: {{kind: instances, border_width: 1}}
split: {{fractions: {{train: 0.5, val: 0.25, test: 0.25}}, seed: 0}}
"""
    )
    assert main(["check", str(config)]) == 0
    assert '"samples": 4' in capsys.readouterr().out
    (tmp_path / "masks" / "2.png").unlink()
    (tmp_path / "images" / "3.png").write_bytes(b"no image")
    assert main(["check", str(config)]) == 1
    message = capsys.readouterr().err
    assert "2.png" in message
    assert "3.png" in message


def test_the_store_of_the_card_is_whole(store):
    open_store(store.path).verify()


def test_the_outputs_of_the_command_are_those_of_the_library():
    from segmill.inference.outputs import OUTPUTS

    assert set(cli.OUTPUTS) == set(OUTPUTS)


def test_the_options_of_the_command_are_those_of_the_library():
    keywords = set(inspect.signature(Predictor.load).parameters) - {"path"}
    assert set(cli.PREDICTION) == keywords


def test_predict_obeys_a_file_of_options_and_names_unknown_ones(store, tmp_path, capsys):
    import torch

    from segmill.models import build
    from segmill.models.bundle import ModelBundle, save_model

    torch.manual_seed(0)
    network = build("unet_compressed", 1, 3).eval()
    of_network = {"classes": store.classes, "preprocessing": {}, "mean": (0.4,), "std": (0.2,)}
    save_model(tmp_path / "model.pt", ModelBundle(model=network, **of_network))
    iio.imwrite(tmp_path / "image.png", store.image(0)[..., 0].astype("uint8"))
    options = tmp_path / "options.yaml"
    command = ["predict", str(tmp_path / "model.pt"), str(tmp_path / "image.png")]
    command += ["-o", str(tmp_path / "out"), "--outputs", "scores", "--options", str(options)]
    options.write_text("tta: flips\nsize: 3\n")
    assert main(command) == 1
    assert "options.yaml: expected keys of" in (error := capsys.readouterr().err)
    assert "found ['size']" in error
    options.write_text("tta: flips\n")
    assert main([*command, "--threads", "2"]) == 0
    predictor = Predictor.load(tmp_path / "model.pt", tta="flips", threads=2)
    expected = predictor.predict(iio.imread(tmp_path / "image.png")).scores
    found = tifffile.imread(tmp_path / "out/image_scores.tif")
    np.testing.assert_array_equal(np.moveaxis(found, 0, 2), expected)
