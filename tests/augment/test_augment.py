import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from segmill.augment import AugmentProducer, Recipe
from segmill.errors import ConfigError, StoreError
from segmill.labels import cell_border
from segmill.samples import Sample
from segmill.store import FieldSpec, StorePlan, write_store

DERIVED = {"semantic": {"kind": "cell_border", "width": 2}}
SHAPES = [(60, 70), (50, 64), (60, 70), (48, 40), (60, 70)]
SPLITS = ["train", "train", "train", "val", "val"]
HARD = {
    "name": "hard", "copies": 2, "flip": 0.5, "rotation": [-180, 180], "mirror": 0.3,
    "elastic": {"alpha": [0, 50]}, "noise": [0, 0.05],
}  # fmt: skip
CROPS = {"size": [32, 24], "copies": 3, "levels": [{"name": "easy", "flip": 0.5}, HARD]}


class Cells:
    """Images with touching cells, some pixels not annotated; the value of a pixel is its place."""

    def __init__(self, ignore=False, splits=SPLITS):
        self.ignore, self.splits = ignore, splits

    def plan(self):
        n = len(SHAPES)
        table = pd.DataFrame(
            {"sample_id": [f"frame{i}" for i in range(n)],
             "group": [f"g{i // 2}" for i in range(n)], "split": self.splits,
             "source": "made up", "frame": range(n)}
        )  # fmt: skip
        fields = {"image": FieldSpec("uint16", 1), "semantic": FieldSpec("uint8")}
        fields["instances"] = FieldSpec("int32")
        if self.ignore:
            fields["ignore"] = FieldSpec("bool")
        attributes = {"dataset": "cells", "classes": ["background", "cell", "border"],
                      "derived": DERIVED, "licence": "CC0-1.0"}  # fmt: skip
        return StorePlan(table, fields, 60, 70, attributes)

    def sample(self, i):
        h, w = SHAPES[i]
        rng = np.random.default_rng(i)
        blobs = ndimage.gaussian_filter(rng.random((h, w)), 3) > 0.51
        instances = ndimage.label(blobs)[0].astype(np.int32) * 70_001
        ignore = None
        if self.ignore:
            ignore = np.ones((h, w), bool)
            if i != 2:
                ignore[h - 9 :, w - 7 :] = False
        image = np.arange(h * w, dtype=np.uint16).reshape(h, w, 1)
        return Sample(image, cell_border(instances), instances, ignore=ignore)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return write_store(tmp_path_factory.mktemp("cells") / "cells.zarr", Cells())


def producer(store, split="train", levels=None, seed=7, **changes):
    return AugmentProducer(store, Recipe.from_dict(CROPS | changes), split, seed, levels)


def rows_by_id(made):
    return {name: made.sample(i) for i, name in enumerate(made.plan().table["sample_id"])}


def assert_equal(a, b):
    assert a.arrays().keys() == b.arrays().keys()
    assert a.notes == b.notes
    for name, array in a.arrays().items():
        np.testing.assert_array_equal(array, getattr(b, name), err_msg=name)


def test_rows_are_source_by_level_by_copy(store):
    plan = producer(store).plan()
    plan.check()
    assert plan.table["source_id"].tolist() == [f"frame{i}" for i in range(3) for _ in range(5)]
    assert plan.table["level"].tolist() == [0, 0, 0, 1, 1] * 3
    assert plan.table["level_name"].tolist() == (["easy"] * 3 + ["hard"] * 2) * 3
    assert plan.table["copy"].tolist() == [0, 1, 2, 0, 1] * 3
    assert plan.table["group"].tolist()[::5] == ["g0", "g0", "g1"]
    assert (plan.height, plan.width) == (32, 24)
    assert plan.attributes["classes"] == ["background", "cell", "border"]
    assert plan.attributes["derived"] == DERIVED
    assert plan.attributes["preprocessing"]["rescale"] == 1.0
    assert plan.attributes["config"]["recipe"] == CROPS


def test_a_sample_depends_on_its_own_keys_alone(store):
    everything = rows_by_id(producer(store))
    backwards = producer(store)
    ids = backwards.plan().table["sample_id"]
    for i in reversed(range(len(ids))):
        assert_equal(backwards.sample(i), everything[ids[i]])
    # Fewer levels, more copies: the rows that stay are the same.
    for name, sample in rows_by_id(producer(store, levels=["hard"])).items():
        assert_equal(sample, everything[name])
    more = rows_by_id(producer(store, copies=4))
    for name, sample in everything.items():
        assert_equal(sample, more[name])
    assert not np.array_equal(
        producer(store, seed=8).sample(4).image, everything["frame0_t0_l1_c1"].image
    )


def test_copies_and_levels_differ(store):
    images = {s.image.tobytes() for s in rows_by_id(producer(store)).values()}
    assert len(images) == 15


def test_threads_and_parts_do_not_change_the_shards(store, tmp_path):
    one = write_store(tmp_path / "one.zarr", producer(store))
    two = write_store(tmp_path / "two.zarr", producer(store), parts=2, workers=3)
    assert one.content_hash == two.content_hash
    one.verify()
    assert one.fields == ("image", "semantic", "instances")
    assert one.where(level=1).size == 6
    assert {"rotation", "alpha", "quarter", "centre_row"} <= set(one.table)


def test_borders_are_derived_after_the_move(store):
    for sample in rows_by_id(producer(store)).values():
        inner = np.s_[2:-2, 2:-2]  # nearer to the edge, cells outside of the crop have a say
        np.testing.assert_array_equal(sample.semantic[inner], cell_border(sample.instances)[inner])


def test_plain_crops_are_windows_of_their_image(store):
    recipe = Recipe.from_dict({"size": [20, 30], "copies": 5, "levels": [{"name": "a"}]})
    made = AugmentProducer(store, recipe, "train", 1)
    corners = set()
    for i, source in enumerate(made.plan().table["source_id"]):
        sample, image = made.sample(i), store.image(int(source[-1]))
        row, column = divmod(int(sample.image[0, 0, 0]), image.shape[1])
        corners.add((row, column))
        np.testing.assert_array_equal(sample.image, image[row : row + 20, column : column + 30])
        assert sample.notes["centre_row"] == row + 9.5
    assert len(corners) == 15


def test_crops_larger_than_the_image_are_centred(store):
    made = AugmentProducer(
        store, Recipe.from_dict({"size": [64, 80], "levels": [{"name": "a"}]}), "train", 1
    )
    image = store.image(0)[..., 0]
    expected = np.pad(image, ((2, 2), (5, 5)), mode="reflect")
    np.testing.assert_array_equal(made.sample(0).image[..., 0], expected)


def test_whole_images_keep_their_size(store, tmp_path):
    recipe = Recipe.from_dict({"levels": [HARD], "preprocessing": {"rescale": 0.5}})
    shards = write_store(tmp_path / "whole.zarr", AugmentProducer(store, recipe, "train", 1))
    assert shards.shape() == (6, 30, 35, 1)
    assert shards.extent[2:4].tolist() == [[25, 32], [25, 32]]
    assert shards.attributes["preprocessing"]["rescale"] == 0.5


@pytest.mark.parametrize("split", ["train", "val"])
def test_tiles_cover_the_image(store, split):
    made = AugmentProducer(
        store, Recipe.from_dict({"tiles": 2, "levels": [{"name": "a"}]}), split, 1
    )
    plan = made.plan()
    assert plan.table["tile"].tolist()[:4] == [0, 1, 2, 3]
    image = store.image(0 if split == "train" else 3)
    seen = np.concatenate([made.sample(i).image.ravel() for i in range(4)])
    np.testing.assert_array_equal(np.sort(seen), image.ravel())
    assert (plan.height, plan.width) == (30, 35)


@pytest.mark.parametrize("mode", ["tiles", "whole", "centre"])
def test_evaluation_shows_the_images_as_they_are(store, mode):
    made = producer(store, "val", evaluation={"mode": mode})
    table = made.plan().table
    assert set(table["level"]) == {0}
    for source in (3, 4):
        image, instances = store.image(source), store.instances(source)
        seen = np.zeros(image.shape[:2], int)
        for i in np.flatnonzero(table["source_id"] == f"frame{source}"):
            sample = made.sample(i)
            row, column = divmod(int(sample.image[0, 0, 0]), image.shape[1])
            h, w = sample.shape
            seen[row : row + h, column : column + w] += 1
            window = np.s_[row : row + h, column : column + w]
            np.testing.assert_array_equal(sample.image, image[window])
            np.testing.assert_array_equal(sample.instances, instances[window])
            np.testing.assert_array_equal(sample.semantic, store.semantic(source)[window])
        assert seen.min() == (0 if mode == "centre" else 1)
        assert seen.sum() >= 32 * 24


def test_evaluation_does_not_depend_on_seed_or_levels(store):
    a, b = producer(store, "val"), producer(store, "val", levels=["hard"], seed=3)
    pd.testing.assert_frame_equal(a.plan().table, b.plan().table)
    for i in range(len(a.plan())):
        assert_equal(a.sample(i), b.sample(i))


def test_foreground_crops_are_centred_on_labels(store):
    recipe = {"size": [9, 9], "copies": 40, "levels": [{"name": "a"}]}
    on_label = {}
    for foreground in (0, 1):
        made = AugmentProducer(
            store, Recipe.from_dict(recipe | {"foreground": foreground}), "train", 1
        )
        crops = [made.sample(i) for i in range(40)]
        # Near the edge of the image a crop is held back and its centre is another pixel.
        free = [
            c for c in crops if 4 < c.notes["centre_row"] < 55 and 4 < c.notes["centre_column"] < 65
        ]
        assert len(free) > 15
        on_label[foreground] = np.mean([c.instances[4, 4] > 0 for c in free])
    assert on_label[1] == 1
    assert on_label[0] < 0.8


def test_crops_without_annotation_are_drawn_again(tmp_path):
    store = write_store(tmp_path / "sparse.zarr", Cells(ignore=True))
    made = producer(store)
    for i in range(10):
        assert not made.sample(i).ignore.all()
    with pytest.raises(StoreError, match=r"frame2.*0 annotated"):
        made.sample(10)


def test_outside_can_be_marked_as_not_annotated(store, tmp_path):
    made = producer(store, outside="ignore", size=[32, 80])
    shards = write_store(tmp_path / "marked.zarr", made)
    assert "ignore" in shards.fields
    assert shards.ignore(0)[:, :5].all()
    assert not shards.ignore(0)[:, 5:-5].any()


def test_wrong_levels_and_splits_are_named(store, tmp_path):
    with pytest.raises(ConfigError, match=r"0, 1, 'easy', 'hard'.*found \['elastic', 2\]"):
        producer(store, levels=["elastic", 2])
    with pytest.raises(ConfigError, match="no sample of split 'test', it has"):
        producer(store, "test")
    shards = write_store(tmp_path / "shards.zarr", producer(store))
    with pytest.raises(StoreError, match="raw images"):
        producer(shards)
