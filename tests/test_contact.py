import numpy as np
import pytest

from segmill.contact import (
    CAPTION,
    COLOURS,
    GAP,
    contact_sheet,
    displayed,
    outlined,
    sample_tile,
    tile_grid,
)
from segmill.errors import ConfigError
from segmill.samples import Sample
from segmill.store import FieldSpec, StorePlan, write_store
from segmill.synthetic import SyntheticProducer


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    config = {"n": 5, "split": {"train": 5}, "options": {"height": 64, "width": 96}}
    path = tmp_path_factory.mktemp("contact") / "cells.zarr"
    return write_store(path, SyntheticProducer(config, "cells"))


def make_store(path, samples, fields):
    class Fixed:
        def plan(self):
            import pandas as pd

            ids = [f"sample-{i}" for i in range(len(samples))]
            table = pd.DataFrame(
                {"sample_id": ids, "group": ids, "split": "train", "source": "", "frame": 0}
            )
            h, w = np.max([s.shape for s in samples], axis=0)
            return StorePlan(table, fields, int(h), int(w))

        def sample(self, i):
            return samples[i]

    return write_store(path, Fixed())


def test_size_and_layout_of_a_sheet(store):
    sheet = contact_sheet(store, columns=2, tile=96)
    height = 64 + CAPTION
    assert sheet.dtype == np.uint8
    assert sheet.shape == (3 * (height + GAP) + GAP, 2 * (96 + GAP) + GAP, 3)
    tile = sample_tile(store, 3, 96)
    top, left = GAP + height + GAP, GAP + 96 + GAP
    np.testing.assert_array_equal(sheet[top : top + height, left : left + 96], tile)
    # The place of the sixth sample stays empty.
    assert (sheet[2 * (height + GAP) + GAP :, left:] == 255).all()
    one = contact_sheet(store, [4], columns=9, tile=96)
    np.testing.assert_array_equal(one[GAP:-GAP, GAP:-GAP], sample_tile(store, 4, 96))


def test_captions_tell_the_samples_apart(store):
    captions = [sample_tile(store, i, 96)[-CAPTION:] for i in (0, 1)]
    assert (captions[0] < 128).any()
    assert (captions[0] != captions[1]).any()
    # The end of a long id is what differs, so the end is kept.
    narrow = [sample_tile(store, i, 40)[-CAPTION:] for i in (0, 1)]
    assert (narrow[0] != narrow[1]).any()


def test_outlines_lie_on_the_edges_of_objects():
    labels = np.zeros((20, 30), int)
    labels[5:15, 5:15], labels[5:15, 15:25] = 1, 2
    drawn = outlined(np.zeros((20, 30, 3), np.uint8), labels)
    first = (drawn == COLOURS[0]).all(axis=2)
    second = (drawn == COLOURS[1]).all(axis=2)
    assert first.sum() == second.sum() == 36
    assert first[5:15, 14].all()
    assert second[5:15, 15].all()
    assert not drawn[labels == 0].any()
    assert not drawn[7:13, 7:13].any()


def test_the_edge_of_the_image_is_no_outline():
    drawn = outlined(np.zeros((10, 10, 3), np.uint8), np.ones((10, 10), int))
    assert not drawn.any()


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_contrast_is_stretched(channels, dtype):
    rng = np.random.default_rng(0)
    image = rng.integers(100, 120, (40, 40, channels)).astype(dtype)
    shown = displayed(image)
    assert shown.shape == (40, 40, 3)
    assert shown.dtype == np.uint8
    assert shown.min() == 0
    assert shown.max() == 255
    assert (displayed(np.full((8, 8, channels), 7, dtype))[..., :2] < 8).all()


def test_semantic_notions_and_ignored_pixels(tmp_path):
    image = np.full((40, 40, 1), 100, np.uint8)
    semantic = np.zeros((40, 40), np.uint8)
    semantic[10:30, 10:30] = 2
    ignore = np.zeros((40, 40), bool)
    ignore[:8] = True
    samples = [Sample(image, semantic=semantic, ignore=ignore)]
    fields = {"image": FieldSpec("uint8", 1), "semantic": FieldSpec("uint8")}
    fields["ignore"] = FieldSpec("bool")
    tile = sample_tile(make_store(tmp_path / "semantic.zarr", samples, fields), 0, 40)
    assert (tile[10, 10:30] == COLOURS[1]).all()
    assert (tile[:8] == 128).all(axis=2).sum() == pytest.approx(8 * 40 / 6, abs=8)
    notions = np.zeros((40, 40), np.uint16)
    notions[5:20, 5:20] |= 1
    notions[10:30, 10:30] |= 8
    fields = {"image": FieldSpec("uint8", 1), "notions": FieldSpec("uint16")}
    store = make_store(tmp_path / "notions.zarr", [Sample(image, notions=notions)], fields)
    tile = sample_tile(store, 0, 40)
    assert (tile[5, 5:20] == COLOURS[0]).all()
    assert (tile[29, 10:30] == COLOURS[3]).all()


def test_images_of_unequal_size(tmp_path):
    shapes = ((40, 80), (80, 20), (10, 10))
    samples = [Sample(np.full((*s, 1), 9, np.uint8)) for s in shapes]
    store = make_store(tmp_path / "uneven.zarr", samples, {"image": FieldSpec("uint8", 1)})
    tiles = [sample_tile(store, i, 80) for i in range(3)]
    assert [t.shape[:2] for t in tiles] == [(40 + 16, 80), (80 + 16, 20), (80 + 16, 80)]
    assert tile_grid(tiles, 3).shape == (96 + 2 * GAP, 3 * 80 + 4 * GAP, 3)


def test_impossible_sheets(store):
    with pytest.raises(ConfigError) as error:
        contact_sheet(store, [1, 7, -1], columns=0, tile=3)
    for part in ("columns: ", "tile: ", "samples 0 to 4, found [7, -1]"):
        assert part in str(error.value)
    with pytest.raises(ConfigError, match="at least one sample"):
        contact_sheet(store, [])
