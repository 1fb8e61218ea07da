"""Eikonal superpixels on photographs with several annotators: they must stay ahead of SLIC."""

import os
from pathlib import Path

import cv2
import pandas as pd
import pytest
import yaml
from scipy.io import loadmat

from segmill.classical.options import method_options
from segmill.metrics import superpixels
from segmill.superpixels import divide

CONFIG = Path(__file__).parents[2] / "config/classical"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        not os.environ.get("SEGMILL_REAL_DATA"),
        reason="SEGMILL_REAL_DATA is unset: it names the folder of real samples",
    ),
]


def figures(method):
    """Mean of every metric over the validation images of BSDS500."""
    folder = Path(os.environ["SEGMILL_REAL_DATA"]) / "bsds500"
    options = method_options(yaml.safe_load((CONFIG / f"{method}.yaml").read_text()))
    rows = []
    for path in sorted((folder / "images/val").glob("*.jpg")):
        image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        annotators = loadmat(folder / f"groundTruth/val/{path.stem}.mat")["groundTruth"][0]
        truths = [a["Segmentation"][0, 0].astype(int) for a in annotators]
        rows.append(superpixels(divide(image, options), truths, image))
    return pd.DataFrame(rows).mean()


# Least values: what the study asks for.
def test_eikonal_superpixels_on_photographs():
    found, slic = figures("superpixels_eikonal"), figures("superpixels_slic")
    assert found["n_superpixels"] == 400
    assert found["boundary_recall_5"] >= 0.90
    assert found["boundary_precision_5"] > 0.19
    assert found["undersegmentation_np"] <= 0.080
    assert found["compactness"] > 0.6
    for name in ("boundary_recall_5", "boundary_precision_5", "explained_variation"):
        assert found[name] > slic[name]
