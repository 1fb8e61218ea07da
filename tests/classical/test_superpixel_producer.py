import numpy as np
import pytest
from skimage import data

from segmill.classical import SuperpixelProducer, classical_producer, eikonal_superpixels
from segmill.errors import ConfigError
from segmill.samples import Sample
from segmill.store import open_store, write_store
from tests.metrics.given import Given

CONFIG = {"title": "Eikonal", "method": "eikonal", "options": {"n_segments": 20}}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    image = data.astronaut()[:60, :80]
    images = (image, image[:, :50])
    samples = [Sample(image=i, instances=np.zeros(i.shape[:2], np.int32)) for i in images]
    path = tmp_path_factory.mktemp("superpixels") / "source.zarr"
    write_store(path, Given(samples, ["a", "b"], ["test", "train"]))
    return open_store(path)


def test_a_store_of_superpixels(source, tmp_path):
    store = write_store(tmp_path / "found.zarr", classical_producer(source, CONFIG))
    assert store.table["n_superpixels"].tolist() == [20, 20]
    assert store.attributes["config"]["options"] == {"n_segments": 20}
    for i in range(2):
        np.testing.assert_array_equal(store.image(i), source.image(i))
        expected = eikonal_superpixels(source.image(i), 20)
        np.testing.assert_array_equal(store.instances(i), expected)


def test_one_split(source):
    assert SuperpixelProducer(source, CONFIG, "train").plan().table["sample_id"].tolist() == ["b"]
    with pytest.raises(ConfigError, match="no sample of split 'val'"):
        SuperpixelProducer(source, CONFIG, "val")


def test_wrong_configurations_are_named(source):
    with pytest.raises(ConfigError, match="n_segments: expected at least 1"):
        SuperpixelProducer(source, {**CONFIG, "options": {"n_segments": 0}})
    with pytest.raises(ConfigError, match="watershed gives no superpixels"):
        SuperpixelProducer(source, {"method": "watershed"})


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    """A flat image of which only the truth knows two halves, and a painting that shows them."""
    image = np.full((40, 60, 3), 90, np.uint8)
    truth = np.ones((40, 60), np.int32)
    truth[:, 33:] = 2
    painted = np.where(truth[..., None] == 1, 0.1, 0.9).repeat(3, axis=2).astype(np.float16)
    path = tmp_path_factory.mktemp("halves")
    annotated = Given([Sample(image, instances=truth)], ["a"])
    painting = Given(
        [Sample(image, scores=painted)], ["a"], attributes={"targets": ["red", "green", "blue"]}
    )
    write_store(path / "truth.zarr", annotated)
    write_store(path / "painted.zarr", painting)
    return open_store(path / "truth.zarr"), open_store(path / "painted.zarr"), truth


def crossing(labels, truth):
    """Superpixels that lie in more than one region."""
    return [k for k in np.unique(labels) if np.unique(truth[labels == k]).size > 1]


def test_consistent_superpixels_keep_to_the_instances(halves):
    store, _, truth = halves
    kept = SuperpixelProducer(store, {**CONFIG, "consistent": True}).sample(0)
    assert crossing(kept.instances, truth) == []
    assert crossing(SuperpixelProducer(store, CONFIG).sample(0).instances, truth)


def test_what_a_network_painted_is_divided_in_place_of_the_image(halves):
    _, store, truth = halves
    found = SuperpixelProducer(store, CONFIG, painted=True).sample(0)
    assert crossing(found.instances, truth) == []
    np.testing.assert_array_equal(found.image, store.image(0))


def test_truth_and_painting_must_be_there(halves, source):
    _, painted, _ = halves
    with pytest.raises(ConfigError, match="expected instances as truth"):
        SuperpixelProducer(painted, {**CONFIG, "consistent": True})
    with pytest.raises(ConfigError, match=r"expected the scores .*'red'"):
        SuperpixelProducer(source, CONFIG, painted=True)
    with pytest.raises(ConfigError, match="consistent: expected false, or true where"):
        SuperpixelProducer(source, {"method": "slic", "consistent": True})


def test_annotators_of_an_image_share_its_superpixels(source, monkeypatch):
    calls = []

    def divide(image, options):
        calls.append(image)
        return np.ones(image.shape[:2], np.int32)

    monkeypatch.setattr("segmill.classical.superpixel_producer.divide", divide)
    producer = SuperpixelProducer(source, CONFIG)
    for i in (0, 0, 1, 1, 0):
        assert producer.sample(i).instances.shape == source.image(i).shape[:2]
    assert len(calls) == 3
