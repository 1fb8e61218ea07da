import numpy as np
import pandas as pd
import pytest

from segmill.errors import ConfigError
from segmill.inference import Predictor, PredictProducer
from segmill.metrics import evaluate
from segmill.samples import Sample
from segmill.store import FieldSpec, StorePlan, write_store
from tests.inference.conftest import write_model
from tests.metrics.given import Given

SHAPES = [(20, 30), (25, 18), (16, 16)]


class Images:
    """Three noisy images of unequal size with one object each."""

    def plan(self):
        table = pd.DataFrame(
            {
                "sample_id": ["a", "b", "c"],
                "group": ["a", "b", "c"],
                "split": ["train", "test", "test"],
                "source": "here",
                "frame": [0, 1, 2],
                "zoom": [1.0, 2.0, 3.0],
            }
        )
        fields = {"image": FieldSpec("uint8", 1), "instances": FieldSpec("int32")}
        attributes = {"dataset": "noise", "classes": ["background", "cell"], "licence": "CC0"}
        return StorePlan(table, fields, 25, 30, attributes)

    def sample(self, i):
        rng = np.random.default_rng(i)
        instances = np.zeros(SHAPES[i], np.int32)
        instances[4:12, 4:12] = 1
        return Sample(rng.integers(0, 256, (*SHAPES[i], 1), np.uint8), instances=instances)


@pytest.fixture
def store(tmp_path):
    return write_store(tmp_path / "images.zarr", Images())


def test_a_store_of_predictions(store, model_file, tmp_path):
    found = write_store(tmp_path / "p.zarr", PredictProducer([model_file], store, "test"))
    assert found.table["sample_id"].tolist() == ["b", "c"]
    assert found.table["zoom"].tolist() == [2.0, 3.0]
    assert found.classes == ("background", "cell", "border")
    assert found.attributes["dataset"] == "noise"
    assert found.attributes["licence"] == "CC0"
    assert found.attributes["images"] == store.content_hash
    predictor = Predictor.load(model_file)
    for i, source in enumerate((1, 2)):
        expected = predictor.predict(store.image(source))
        np.testing.assert_array_equal(found.image(i), store.image(source))
        np.testing.assert_array_equal(found.scores(i), expected.scores.astype(np.float16))
        np.testing.assert_array_equal(found.semantic(i), expected.semantic)
        np.testing.assert_array_equal(found.instances(i), expected.instances)
        assert found.scores(i).shape == (*SHAPES[source], 3)
    found.verify()


def test_predictions_can_be_evaluated(store, model_file, tmp_path):
    found = write_store(tmp_path / "p.zarr", PredictProducer([model_file], store, "test"))
    table = evaluate(found, store, split="test")
    assert table["n_reference"].tolist() == [1, 1]


def test_predicted_notions_and_clicks_can_be_evaluated(tmp_path):
    names = ["loop", "foreground"]
    model = write_model(tmp_path / "m.pt", classes=(*names, "click"), task="notions")
    rng = np.random.default_rng(0)
    samples = [
        Sample(
            rng.integers(0, 256, (16, 18, 1), np.uint8),
            notions=rng.integers(0, 4, (16, 18)).astype(np.uint16),
            target=np.full((16, 18, 1), np.nan, np.float16),
        )
        for _ in range(2)
    ]
    attributes = {"notions": names, "targets": ["click"]}
    columns = {"click_row": [3.0, np.nan], "click_column": [4.0, np.nan], "mm_per_px": 0.001}
    given = Given(samples, ["a", "b"], attributes=attributes, columns=columns)
    truths = write_store(tmp_path / "t.zarr", given)
    found = write_store(tmp_path / "p.zarr", PredictProducer([model], truths))
    assert found.attributes["notions"] == [*names, "click"]
    table = evaluate(found, truths, notions={"click_threshold": 0.0})
    predictor = Predictor.load(model)
    for i, row in enumerate(table.itertuples()):
        scores = predictor.predict(truths.image(i)).scores.astype(np.float16)
        for k, name in enumerate(names):
            inside, true = scores[:, :, k] > 0.5, (truths.notions(i) >> k & 1).astype(bool)
            assert getattr(row, f"inside_union_{name}") == (inside | true).sum()
    place = np.unravel_index(
        np.argmax(predictor.predict(truths.image(0)).scores[:, :, 2].astype(np.float16)), (16, 18)
    )
    distance = np.hypot(place[0] - 3, place[1] - 4)
    assert table["click_distance_px"][0] == distance
    assert table["click_distance_um"][0] == pytest.approx(distance)
    assert np.isnan(table["click_distance_px"][1])


def test_content_does_not_depend_on_parts(store, model_file, other_model_file, tmp_path):
    options = {"tiling": {"mode": "blend", "size": 16}, "tta": "flips"}
    producer = PredictProducer([model_file, other_model_file], store, **options)
    one = write_store(tmp_path / "one.zarr", producer)
    two = write_store(tmp_path / "two.zarr", producer, parts=2, workers=2)
    assert one.content_hash == two.content_hash
    assert len(one) == 3


def test_options_reach_the_predictor(store, model_file):
    producer = PredictProducer([model_file], store, instances={"method": "components"})
    expected = Predictor.load(model_file, instances={"method": "components"})
    found = producer.sample(0)
    np.testing.assert_array_equal(found.instances, expected.predict(store.image(0)).instances)
    assert producer.plan().attributes["config"]["instances"] == {"method": "components"}


def test_a_split_without_samples_is_refused(store, model_file):
    with pytest.raises(ConfigError, match=r"no sample of split 'val', only of \['test', 'train'\]"):
        PredictProducer([model_file], store, "val")
