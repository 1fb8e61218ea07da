"""The membranes of ISBI 2012 as they are shipped, and their scores against scikit-image."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from scipy import ndimage
from skimage.metrics import adapted_rand_error

from segmill.datasets import IngestProducer
from segmill.metrics.membranes import region_agreement
from segmill.store import write_store

CONFIG = Path(__file__).resolve().parents[2] / "config" / "datasets" / "membranes_isbi2012.yaml"


@pytest.mark.real
def test_sections_are_in_their_order_and_have_their_classes(real_data, tmp_path):
    config = yaml.safe_load(CONFIG.read_text())
    store = write_store(tmp_path / "membranes.zarr", IngestProducer(config, tmp_path))
    assert store.table["sample_id"].tolist() == [str(k) for k in range(20)]
    assert store.table["split"].tolist() == ["train"] * 12 + ["val"] * 3 + ["test"] * 5
    assert store.classes == ("membrane", "cell")
    for k in range(20):
        with Image.open(real_data / "membranes_isbi2012" / "label" / f"{k}.png") as mask:
            np.testing.assert_array_equal(store.semantic(k), np.array(mask) == 255)


@pytest.mark.real
def test_a_real_section_is_scored_as_scikit_image_does(real_data):
    with Image.open(real_data / "membranes_isbi2012" / "label" / "17.png") as mask:
        truth = np.array(mask) == 255
    prediction = ndimage.binary_dilation(truth, iterations=2)
    found = region_agreement(prediction, truth)
    cells, guessed = ndimage.label(truth)[0], ndimage.label(prediction)[0]
    # Where a cell is true the dilated prediction is one, too: thinning changes nothing there.
    error, _, _ = adapted_rand_error(cells, guessed, ignore_labels=(0,))
    score = 2 * found["rand_joint"] / (found["rand_true"] + found["rand_predicted"])
    assert score == pytest.approx(1 - error)
    assert 0.05 < error < 0.999
    assert found["rand_joint"] == found["rand_true"]
