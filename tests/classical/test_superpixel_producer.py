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
