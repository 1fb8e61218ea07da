import numpy as np
import pytest

from segmill.errors import ConfigError, StoreError
from segmill.inference import InstanceOptions, Prediction
from segmill.metrics import binary_iou
from segmill.metrics.invariance import robustness, summarise_robustness, transformed
from segmill.notions import pack
from segmill.samples import Sample
from segmill.store import write_store
from tests.metrics.given import Given

NAMES = ["loop", "foreground"]


class Bright:
    """Sees a loop and the foreground where the image is bright, however it is turned."""

    task, classes = "notions", (*NAMES, "click")

    def predict(self, image):
        bright = image[:, :, 0] / np.float32(255)
        scores = np.stack([bright, bright, np.ones_like(bright)], axis=2)
        return Prediction(scores, self.classes, self.task, InstanceOptions())


class Upright(Bright):
    """Sees only the left half."""

    def predict(self, image):
        scores = super().predict(image).scores.copy()
        scores[:, image.shape[1] // 2 :] = 0
        return Prediction(scores, self.classes, self.task, InstanceOptions())


class Semantic:
    """Exclusive classes: class 1 where bright."""

    task, classes = "semantic", ("background", "cell")

    def predict(self, image):
        bright = (image > 127).astype(np.float32)
        return Prediction(
            np.concatenate([1 - bright, bright], axis=2), self.classes, self.task, InstanceOptions()
        )


def disc(shape=(60, 80), centre=(25, 30), radius=14):
    rows, columns = np.indices(shape)
    return (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < radius**2


def sample(mask, ignore=None):
    image = np.where(mask, 220, 20).astype(np.uint8)[:, :, None]
    return Sample(image, notions=pack(np.stack([mask, mask], axis=2)), ignore=ignore)


@pytest.fixture
def store(tmp_path):
    samples = [sample(disc()), sample(disc(centre=(40, 50), radius=9))]
    given = Given(samples, ["a", "b"], ["test", "val"], attributes={"notions": NAMES})
    return write_store(tmp_path / "s.zarr", given)


def test_an_equivariant_network_is_robust(store):
    angles, scales = [0, 90, 180, 270, 37.5], [0.5, 1, 2, 1.3]
    table = robustness(Bright(), store, angles=angles, scales=scales)
    assert len(table) == 2 * 9
    figures = summarise_robustness(table).query("metric == 'biou_both_foreground'")
    value = figures.set_index(["change", "amount"])["value"]
    for exact in (("rotation", 0), ("rotation", 90), ("rotation", 180), ("rotation", 270)):
        assert value[exact] == 1
    assert value["scale", 1] == 1
    # Interpolated edges differ from the nearest label by half a pixel at most.
    assert value["rotation", 37.5] > 0.95
    assert value["scale", 0.5] > 0.9
    assert value["scale", 2] > 0.95
    assert value["scale", 1.3] > 0.95
    assert set(figures["images"]) == {2}


def test_pixels_of_the_changed_image_are_counted(store):
    table = robustness(Bright(), store, "test", angles=[0, 30], scales=[2])
    assert table["sample_id"].tolist() == ["a", "a", "a"]
    total = (table["outside_union_foreground"] + table["inside_intersection_foreground"]).tolist()
    assert total[0] == 60 * 80
    # A corner of the turned frame shows nothing of the image.
    rows, columns = np.indices((60, 80))
    y, x = rows - 29.5, columns - 39.5
    c, s = np.cos(np.pi / 6), np.sin(np.pi / 6)
    inside = (abs(c * y + s * x) <= 30) & (abs(c * x - s * y) <= 40)
    assert total[1] == pytest.approx(inside.sum(), abs=40)
    assert total[2] == 4 * 60 * 80
    assert table["inside_union_foreground"][2] == pytest.approx(4 * disc().sum(), rel=0.02)


def test_a_network_that_is_not_is_found_out(store):
    table = robustness(Upright(), store, "test", angles=[0, 180])
    value = (table["inside_intersection_foreground"] / table["inside_union_foreground"]).tolist()
    whole = binary_iou(disc() & (np.arange(80) < 40), disc()).biou_1
    assert value[0] == whole
    assert value[1] == pytest.approx(1 - whole, abs=0.01)


def test_rotation_is_counter_clockwise_as_seen():
    mask = np.zeros((5, 5), bool)
    mask[2, 4] = True
    image = np.where(mask, 200, 0).astype(np.uint8)[:, :, None]
    nothing = np.zeros((5, 5), bool)
    seen, truth, hidden = transformed(image, mask, nothing, "rotation", 90)
    np.testing.assert_array_equal(truth, np.rot90(mask))
    np.testing.assert_array_equal(seen[:, :, 0], np.rot90(image[:, :, 0]))
    assert not hidden.any()


def test_ignored_pixels_go_along(tmp_path):
    ignore = np.zeros((60, 80), bool)
    ignore[:, 40:] = True
    store = write_store(
        tmp_path / "s.zarr", Given([sample(disc(), ignore)], ["a"], attributes={"notions": NAMES})
    )
    table = robustness(Bright(), store, angles=[0, 180])
    total = table["outside_union_foreground"] + table["inside_intersection_foreground"]
    assert total.tolist() == [60 * 40] * 2
    assert table["inside_union_foreground"].tolist() == [(disc() & ~ignore).sum()] * 2


def test_other_notions_and_exclusive_classes(store, tmp_path):
    table = robustness(Bright(), store, angles=[0], notion="loop")
    assert (table["inside_intersection_loop"] == table["inside_union_loop"]).all()
    image = np.where(disc(), 220, 20).astype(np.uint8)[:, :, None]
    semantic = Sample(image, semantic=disc().astype(np.uint8))
    other = write_store(tmp_path / "c.zarr", Given([semantic], ["a"]))
    table = robustness(Semantic(), other, angles=[90, 180])
    assert (table["inside_intersection_foreground"] == table["inside_union_foreground"]).all()


def test_wrong_requests_are_refused(store, tmp_path):
    with pytest.raises(ConfigError, match="expected at least one of either"):
        robustness(Bright(), store)
    with pytest.raises(ConfigError, match=r"factors above 0, found \[0.0, nan\]"):
        robustness(Bright(), store, angles=[np.nan], scales=[0])
    with pytest.raises(ConfigError, match="found 'pin'"):
        robustness(Bright(), store, angles=[0], notion="pin")
    with pytest.raises(StoreError, match="no sample of split train"):
        robustness(Bright(), store, "train", angles=[0])
    bare = Given([Sample(np.zeros((4, 4, 1), np.uint8))], ["a"])
    with pytest.raises(StoreError, match="expected notions, semantic, instances"):
        robustness(Bright(), write_store(tmp_path / "b.zarr", bare), angles=[0])
