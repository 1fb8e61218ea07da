"""Stores of post-processed predictions."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from segmill.inference.postprocess import ClassPostprocessing, postprocess_classes
from segmill.inference.postprocess_store import PostprocessProducer, superpixels_of_store
from segmill.store import write_store
from segmill.superpixels import EikonalOptions, divide
from tests.report.test_class_panels import H, Maps, W


@pytest.mark.parametrize("votes", [False, True])
def test_every_class_map_is_corrected_and_the_rest_stays(tmp_path, votes):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (2, H, W, 1), np.uint8)
    maps = rng.integers(0, 2, (2, H, W), np.uint8)
    store = write_store(tmp_path / "found.zarr", Maps(images, maps))
    options = ClassPostprocessing(superpixels=votes, min_size=5)
    superpixels = EikonalOptions(n_segments=12)
    producer = PostprocessProducer(store, options, superpixels)
    corrected = write_store(tmp_path / "corrected.zarr", producer)
    assert corrected.classes == store.classes
    assert corrected.attributes["images"] == store.content_hash
    for i, labels in enumerate(superpixels_of_store(store, superpixels)):
        assert_array_equal(labels, divide(images[i], superpixels))
        expected = postprocess_classes(maps[i], options, labels)
        assert_array_equal(corrected.semantic(i), expected)
        assert_array_equal(corrected.image(i), images[i])
        assert (expected != maps[i]).any()
