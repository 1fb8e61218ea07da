"""Imitation: known options are found again from images alone, and bad images are named."""

import json
import os
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import yaml
from jsonschema import Draft202012Validator

from segmill.cli import main
from segmill.errors import ConfigError, IntegrityError
from segmill.synthetic import SyntheticProducer, imitate, particles
from segmill.synthetic.suspensions.statistics import camera_noise, measure

SCHEMA = Path(__file__).parents[2] / "workflow/schemas/dataset.schema.json"
KNOWN = {
    "height": 512, "width": 512, "fronts": 0, "walls": 0, "radius_spread": [0.1, 0.1],
    "clumping": [0.1, 0.1], "sheet": [0.275, 0.275], "tint": [0.125, 0.125],
    "shadow": [0.125, 0.125], "halo": [0.2, 0.2],
}  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [
        {"radius": 8.5, "volume_fraction": 0.40, "blur": 1.6, "gain": 0.1, "read_noise": 4.5},
        {"radius": 11.0, "volume_fraction": 0.25, "blur": 2.6, "gain": 0.2, "read_noise": 3.0},
    ],
)
def test_known_options_are_found_again(options):
    image = particles(10, **KNOWN, **{name: [value] * 2 for name, value in options.items()}).image
    imitation = imitate([image], margin=0.05)
    found = imitation.estimates[0]
    assert found["radius"] == pytest.approx(options["radius"], rel=0.1)
    assert found["volume_fraction"] == pytest.approx(options["volume_fraction"], rel=0.15)
    assert found["blur"] == pytest.approx(options["blur"], rel=0.15)
    level = image.mean()
    noise, true = (np.sqrt(o["read_noise"] ** 2 + o["gain"] * level) for o in (found, options))
    assert noise == pytest.approx(true, rel=0.2)
    low, high = imitation.options["radius"]
    assert low == pytest.approx(0.95 * found["radius"], rel=1e-3)
    assert high == pytest.approx(1.05 * found["radius"], rel=1e-3)
    particles(0, **{**imitation.options, "height": 64, "width": 64})


def test_streaks_are_told_from_stripes():
    wide, fine = (
        imitate([particles(11, **KNOWN, radius=[9, 9], blur=[1.5, 1.5], **options).image])
        for options in (
            {"stripes": [0.006, 0.006], "streaks": [0, 0]},
            {"stripes": [0, 0], "streaks": [0.4, 0.4]},
        )
    )
    wide, fine = wide.estimates[0], fine.estimates[0]
    assert wide["stripes"] > fine["stripes"]
    assert fine["streaks"] > 2 * wide["streaks"]


def test_camera_noise_is_found_on_slopes():
    rng = np.random.default_rng(0)
    level = np.linspace(20, 200, 400)[None] + np.linspace(0, 30, 300)[:, None]
    noisy = 0.3 * rng.poisson(level / 0.3) + rng.normal(0, 3, level.shape)
    gain, read_noise = camera_noise(np.rint(noisy).astype(np.float32))
    assert gain == pytest.approx(0.3, rel=0.05)
    assert read_noise == pytest.approx(3, rel=0.1)


@pytest.mark.parametrize("side", ["top", "left", "bottom", "right"])
def test_the_side_of_the_light_fronts_and_walls_are_seen(side):
    strong = {"stripes": [0.008, 0.008], "stripe_length": [100, 100], "upstream": [0, 0]}
    strong |= {"radius": [8, 8], "volume_fraction": [0.35, 0.35], "blur": [1.3, 1.3]}
    strong |= {"halo": [0, 0]}
    plain = measure(particles(3, light_from=[side], **(KNOWN | strong)).image[..., 0])
    assert plain.light_from == side
    assert plain.front == plain.walls == 0
    edged = {**KNOWN, "fronts": 1, "walls": 1, "waviness": 2.0}
    found = measure(particles(6, light_from=[side], **(edged | strong)).image[..., 0])
    assert found.walls == 1
    assert 0.03 < found.front < 0.6


def test_bad_images_are_all_named():
    good = particles(3, height=96, width=96).image
    bad = [good.astype(np.uint16), good[:40], np.full((80, 80), 90, np.uint8), good]
    with pytest.raises(IntegrityError) as caught:
        imitate(bad, names=["deep.tif", "thin.png", "flat.png", "good.png"])
    text = str(caught.value)
    for part in ("deep.tif: expected 8 bits, uint8, found uint16", "thin.png", "40 x 96", "flat"):
        assert part in text
    assert "good.png" not in text
    with pytest.raises(IntegrityError, match="at least one"):
        imitate([])
    with pytest.raises(ConfigError, match="margin"):
        imitate([good], margin=1.5)


def test_the_command_writes_a_dataset_that_the_workflow_takes(tmp_path, capsys):
    folder = tmp_path / "images"
    folder.mkdir()
    for k in range(2):
        image = particles(3, k, height=160, width=160 + 32 * k, radius=[8, 8]).image
        iio.imwrite(folder / f"{k}.png", image)
    out = tmp_path / "mine.yaml"
    assert main(["imitate", str(folder), "--out", str(out), "-n", "10"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [Path(json.loads(line)["image"]).name for line in lines[:2]] == ["0.png", "1.png"]
    config = yaml.safe_load(out.read_text())
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(
        {key: value for key, value in config.items() if key != "presets"}
    )
    presets = config.pop("presets")
    assert config["options"]["height"], config["options"]["width"] == (160, 192)
    low, high = config["options"]["radius"]
    assert low < 8 < high
    for preset in presets.values():
        options = {**config["options"], **preset.get("options", {})}
        SyntheticProducer({**config, **preset, "options": options}).sample(0).check("sample")


def test_the_command_names_what_it_cannot_read(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.png").write_text("no image")
    out = tmp_path / "mine.yaml"
    assert main(["imitate", str(tmp_path / "empty"), str(tmp_path / "no"), "-o", str(out)]) == 1
    error = capsys.readouterr().err
    assert "empty" in error
    assert "nothing" in error
    assert main(["imitate", str(tmp_path / "a.png"), "-o", str(out)]) == 1
    assert "a.png" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.real
@pytest.mark.skipif(not os.environ.get("SEGMILL_REAL_DATA"), reason="SEGMILL_REAL_DATA is unset")
@pytest.mark.parametrize("name", ["2_2", "9_1"])
def test_experimental_images_are_imitated(name):
    root = Path(os.environ["SEGMILL_REAL_DATA"]) / "particles"
    image = iio.imread(root / f"images/crop_{name}.png")
    truth = iio.imread(root / f"truth/img_{name}.tif")
    found = imitate([image], margin=0)
    options = found.options | {"fronts": 0, "walls": 0}
    samples = [particles(seed, **options) for seed in (5, 6, 7)]
    radii, *others = (
        np.sqrt(np.bincount(x.ravel())[1:] / np.pi)
        for x in (truth, *(sample.instances for sample in samples))
    )
    assert np.median(np.concatenate(others)) == pytest.approx(np.median(radii), rel=0.15)
    # A part of the image may hold no suspension.
    density = len(radii) / (1 - found.statistics[0].front)
    assert np.mean([len(one) for one in others]) == pytest.approx(density, rel=0.15)
    for sample in samples:
        assert sample.image.mean() == pytest.approx(image.mean(), rel=0.15)
        assert sample.image.std() == pytest.approx(image.std(), rel=0.25)
