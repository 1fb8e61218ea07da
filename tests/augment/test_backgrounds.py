import logging
import os
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from segmill.augment import AugmentProducer, Recipe
from segmill.augment.background_options import BackgroundOptions, GeneratedOptions
from segmill.augment.background_sources import fitted
from segmill.augment.backgrounds import Backdrop, Backgrounds
from segmill.augment.geometry import coordinate_map
from segmill.augment.transmission import OwnLight, Scene, own_light
from segmill.clicks import heat_map, unknown
from segmill.errors import ConfigError, IntegrityError
from segmill.notions import BEAMLINE, pack_named
from segmill.samples import Sample
from segmill.store import FieldSpec, StorePlan, write_store

SHAPE = (48, 64)
ZOOMS = (1, 5, 5, 10)
LEVEL = {"name": "a", "background": 1.0, "copies": 3}


class Views:
    """Dark samples before an even light; the third view is empty and nobody clicked on it."""

    def __init__(self, notions=BEAMLINE, columns=True, empty=(2,)):
        self.notions, self.columns, self.empty = notions, columns, empty

    def plan(self):
        n = len(ZOOMS)
        table = pd.DataFrame(
            {"sample_id": [f"v{i}" for i in range(n)], "group": [f"v{i}" for i in range(n)],
             "split": ["train"] * (n - 1) + ["val"], "source": "drawn", "frame": 0}
        )  # fmt: skip
        if self.columns:
            table = table.assign(
                zoom=ZOOMS, omega=[0.0, 90, 180, 270], mm_per_px=0.002,
                click_row=[20.0, 21, np.nan, 22], click_column=[30.0, 31, np.nan, 32],
            )  # fmt: skip
        fields = {"image": FieldSpec("uint8", 3), "notions": FieldSpec("uint16")}
        fields["target"] = FieldSpec("float16", 1)
        attributes = {"notions": list(self.notions), "targets": ["click"]}
        return StorePlan(table, fields, *SHAPE, attributes)

    def sample(self, i):
        loop = np.zeros(SHAPE, bool)
        if i not in self.empty:
            loop[15:30, 25:] = True
        image = np.full((*SHAPE, 3), 200, np.uint8)
        image[loop] = 100
        heat = unknown(SHAPE) if i == 2 else heat_map(SHAPE, (20 + i, 30 + i), 4)
        notions = pack_named({"loop": loop}, self.notions, SHAPE)
        return Sample(image, notions=notions, target=heat[:, :, None].astype(np.float16))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return write_store(tmp_path_factory.mktemp("views") / "views.zarr", Views())


@pytest.fixture
def folder(tmp_path):
    """Even backgrounds whose grey level tells their zoom."""
    for zoom in (1, 4, 10):
        for name in ("new", "older"):
            level = 20 * zoom + (name == "new")
            path = tmp_path / "empty" / f"{name}_zoom_{zoom}.png"
            path.parent.mkdir(exist_ok=True)
            cv2.imwrite(str(path), np.full((30, 40, 3), level, np.uint8))
    return tmp_path / "empty"


def producer(store, backgrounds, level=LEVEL, seed=3, **recipe):
    config = {"levels": [level], "backgrounds": backgrounds, **recipe}
    return AugmentProducer(store, Recipe.from_dict(config), "train", seed)


def test_backgrounds_are_taken_at_the_zoom_or_at_the_nearest(store, folder, caplog):
    with caplog.at_level(logging.WARNING, logger="segmill"):
        made = producer(store, {"path": str(folder), "feather": 0}, LEVEL | {"copies": 20})
    table = made.plan().table
    names = Counter()
    for i, zoom in enumerate(table["zoom"]):
        sample = made.sample(i)
        name = sample.notes["background"]
        taken = {1: 1, 5: 4}[zoom]
        assert name in (f"new_zoom_{taken}.png", f"older_zoom_{taken}.png")
        names[name] += 1
        level = 20 * taken + name.startswith("new")
        foreground = sample.notions > 0
        assert (sample.image[~foreground] == level).all()
        # Half of the light comes through, but for the dark offset.
        through = 100 * (level + 2.55) / (200 + 2.55)
        assert (np.abs(sample.image[foreground] - through) <= 0.5).all()
        assert foreground.any() == (table["source_id"][i] != "v2")
    assert len(names) == 4
    assert [r.getMessage() for r in caplog.records] == [
        "backgrounds: none at zoom 5, nearest [4.0]"
    ]


def test_a_swap_depends_on_seed_sample_and_copy_alone(store, folder, tmp_path):
    backgrounds = {"path": str(folder), "brightness": [0.5, 1.2]}
    level = LEVEL | {"background": 0.5, "flip": 0.5, "zoom": [0.8, 1.2], "copies": 6}
    made, again = producer(store, backgrounds, level), producer(store, backgrounds, level)
    n = len(made.plan())
    images = [made.sample(i).image for i in range(n)]
    for i in reversed(range(n)):
        np.testing.assert_array_equal(again.sample(i).image, images[i])
    one = write_store(tmp_path / "one.zarr", producer(store, backgrounds, level))
    two = write_store(tmp_path / "two.zarr", producer(store, backgrounds, level), 2, 2)
    assert one.content_hash == two.content_hash
    swapped = one.table["background"] != ""
    assert 0 < swapped.sum() < n
    assert (one.table["background_light"][~swapped] == 1).all()
    assert one.table["background_light"][swapped].between(0.5, 1.2).all()
    assert one.attributes["config"]["backgrounds"]["count"] == 6
    # Whether a background is swapped changes nothing else.
    plain = producer(store, backgrounds, level | {"background": 0.0})
    for i in np.flatnonzero(~swapped):
        np.testing.assert_array_equal(plain.sample(i).image, images[i])
    for i in range(n):
        np.testing.assert_array_equal(plain.sample(i).notions, one.notions(i))


def test_one_empty_view_swaps_for_itself_alone(store, folder):
    made = producer(store, {"path": str(folder)})
    names = [made.sample(i).notes["background"] for i in range(len(made.plan()))]
    assert all(names)


def test_columns_follow_the_crop(store, folder, tmp_path):
    level = LEVEL | {"zoom": [0.8, 1.2], "flip": 0.5, "transpose": 0.5, "shift": [-0.1, 0.1]}
    made = producer(store, {"generate": {}}, level, preprocessing={"rescale": 0.5}, size=[24, 32])
    shards = write_store(tmp_path / "shards.zarr", made)
    table = shards.table
    assert table["omega"].tolist() == [0.0] * 3 + [90] * 3 + [180] * 3
    assert table["zoom"].tolist() == [1] * 3 + [5] * 6
    np.testing.assert_allclose(table["mm_per_px"], 0.002 / (0.5 * table["magnification"]))
    assert table["click_row"].isna().tolist()[6:] == [True] * 3
    for i in range(6):
        row, column = table["click_row"][i], table["click_column"][i]
        heat = shards.target(i)[:, :, 0].astype(np.float32)
        assert heat[round(row), round(column)] > 0.9
    assert np.isnan(shards.target(7)).all()
    val = AugmentProducer(store, made.recipe, "val", 1)
    sample = val.sample(0)
    assert (sample.notes["click_row"], sample.notes["click_column"]) == (
        22.5 / 2 - 0.5,
        32.5 / 2 - 0.5,
    )
    assert sample.notes["mm_per_px"] == 0.004
    assert "background" not in sample.notes


def test_samples_without_the_notion_are_an_error(tmp_path):
    store = write_store(tmp_path / "loops.zarr", Views(("loop", "pin")))
    with pytest.raises(
        ConfigError,
        match=r"notion: expected a notion of .*loops.zarr, found 'foreground'; it has loop, pin",
    ):
        producer(store, {"generate": {}})
    made = producer(store, {"generate": {}, "notion": "loop"})
    assert made.sample(0).notes["background"]


def test_samples_of_unknown_zoom_take_any_background(tmp_path, folder, caplog):
    store = write_store(tmp_path / "plain.zarr", Views(columns=False))
    with caplog.at_level(logging.WARNING, logger="segmill"):
        made = producer(store, {"path": str(folder)}, LEVEL | {"copies": 30})
    assert "any zoom for 3 samples" in caplog.text
    names = {made.sample(i).notes["background"] for i in range(len(made.plan()))}
    assert len(names) == 6
    assert "click_row" not in made.sample(0).notes
    assert "zoom" not in made.plan().table


def test_a_dataset_gives_its_training_images_of_empty_scenes(store, tmp_path):
    recipe = Recipe.from_dict({"levels": [LEVEL], "backgrounds": {"dataset": "views"}})
    made = AugmentProducer(store, recipe, "train", 1, backgrounds=store)
    assert {made.sample(i).notes["background"] for i in range(len(made.plan()))} == {"v2"}
    full = write_store(tmp_path / "full.zarr", Views(empty=()))
    with pytest.raises(ConfigError, match=r"empty scenes in .*full.zarr, found none among 3"):
        AugmentProducer(store, recipe, "train", 1, backgrounds=full)
    with pytest.raises(ConfigError, match="the store of views"):
        AugmentProducer(store, recipe, "train", 1)
    odd = {"dataset": "views", "zoom": "magnifier"}
    with pytest.raises(ConfigError, match=r"found 'magnifier'; it has .*zoom"):
        AugmentProducer(
            store, Recipe.from_dict({"levels": [LEVEL], "backgrounds": odd}), "train", 1,
            backgrounds=store,
        )  # fmt: skip


def test_folders_that_do_not_fit_are_named(store, folder, tmp_path, monkeypatch):
    monkeypatch.delenv("NO_SUCH_FOLDER", raising=False)
    with pytest.raises(ConfigError, match=r"backgrounds.path.*NO_SUCH_FOLDER"):
        producer(store, {"path": "${NO_SUCH_FOLDER}/a"})
    with pytest.raises(ConfigError, match=r"backgrounds.path.*expected a folder"):
        producer(store, {"path": str(tmp_path / "nothing")})
    (tmp_path / "void").mkdir()
    with pytest.raises(ConfigError, match="expected images"):
        producer(store, {"path": str(tmp_path / "void")})
    for name in ("first.png", "second.png"):
        (folder / name).write_bytes(b"")
    with pytest.raises(IntegrityError) as caught:
        producer(store, {"path": str(folder)})
    assert [p.file for p in caught.value.problems] == ["first.png", "second.png"]
    assert len(producer(store, {"path": str(folder), "zoom": None}).plan()) == 9


def test_generated_backgrounds_are_smooth_and_differ():
    options = BackgroundOptions(generate=GeneratedOptions(count=6, noise=0.0))
    made = Backgrounds(options, 1, 3, np.uint8, SHAPE)
    images = [made.source.read(k, (60, 80), np.dtype(np.uint8)) for k in range(6)]
    assert len({image.tobytes() for image in images}) == 6
    for image in images:
        assert image.shape == (60, 80, 3)
        assert 60 < image.max() <= 255
    again = Backgrounds(options, 1, 3, np.uint8, SHAPE).source.read(4, (60, 80), np.dtype("uint8"))
    np.testing.assert_array_equal(again, images[4])
    other = Backgrounds(options, 2, 3, np.uint8, SHAPE).source.read(4, (60, 80), np.dtype("uint8"))
    assert not np.array_equal(other, images[4])
    even = GeneratedOptions(1, (0.5, 0.5), (0, 0), (0, 0), (0, 0), 0.0)
    flat = Backgrounds(BackgroundOptions(generate=even), 1, 3, np.uint16, SHAPE)
    image = flat.source.read(0, (20, 30), np.dtype(np.uint16))
    assert image.max() == round(0.5 * 65535)
    assert (np.ptp(image, axis=(0, 1)) == 0).all()


def test_backgrounds_come_into_frame_channels_and_dtype():
    image = np.arange(0, 240, 1, np.uint8).reshape(8, 10, 3)
    out = fitted(image, (4, 5), 3, np.dtype(np.uint16), "a")
    blocks = image.reshape(4, 2, 5, 2, 3).mean((1, 3))
    np.testing.assert_allclose(out, np.rint(blocks) * 257, atol=257)
    assert fitted(image, (16, 20), 1, np.dtype(np.uint8), "a").shape == (16, 20, 1)
    grey = fitted(image[:, :, :1], (8, 10), 3, np.dtype(np.uint8), "a")
    np.testing.assert_array_equal(grey, np.repeat(image[:, :, :1], 3, axis=2))
    with pytest.raises(ConfigError, match="background a: expected 3 channels, found 2"):
        fitted(image[:, :, :2], (8, 10), 3, np.dtype(np.uint8), "a")


@pytest.mark.real
@pytest.mark.skipif(
    not os.environ.get("SEGMILL_REAL_DATA"),
    reason="SEGMILL_REAL_DATA is unset: it names the folder of real samples",
)
def test_real_backgrounds_swap_for_each_other(tmp_path):
    """A share of light drawn over one camera's background and taken to the other's."""
    root = Path(os.environ["SEGMILL_REAL_DATA"]) / "beamline/labelme/Backgrounds"
    options = BackgroundOptions(path="${SEGMILL_REAL_DATA}/beamline/labelme/Backgrounds")
    made = Backgrounds(options, 0, 3, np.uint8, (256, 340))
    assert len(made.source.names) == len(list(root.glob("*.jpg"))) == 20
    assert sorted(set(made.source.zooms)) == list(range(1, 11))
    names = {made.draw(7, 1.0, np.random.default_rng(i)).name for i in range(40)}
    assert names == {"background_mako_px2_zoom_7.jpg", "older_background_zoom_7.jpg"}
    by_name = dict(zip(made.source.names, range(20), strict=True))
    old, new = (
        made.scene(Backdrop(by_name[name]), OwnLight(np.zeros((256, 340, 4)))).background
        for name in ("older_background_zoom_5.jpg", "background_mako_px2_zoom_5.jpg")
    )
    foreground = np.zeros((256, 340), bool)
    foreground[90:170, 120:] = True
    image = np.rint(np.where(foreground[:, :, None], 0.4, 1) * old).astype(np.uint8)
    swapped = Scene(own_light(image, foreground), new).behind(
        image, coordinate_map((256, 340), (127.5, 169.5)), "linear"
    )
    np.testing.assert_array_equal(swapped[:80], new[:80])
    share = swapped[foreground] / np.maximum(new[foreground], 1)
    assert np.median(share) == pytest.approx(0.4, abs=0.02)
    assert (np.abs(share - 0.4) < 0.08).mean() > 0.95
