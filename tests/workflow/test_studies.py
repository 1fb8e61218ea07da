"""The smoke preset of every study from a fresh clone: all that it declares is made."""

import pandas as pd
import pytest
import yaml

from segmill import open_store
from segmill.config import load_config
from segmill.workflow import Lookup
from tests.slurm.project import ROOT

pytestmark = pytest.mark.workflow

SHIPPED = yaml.safe_load((ROOT / "config/config.yaml").read_text())
# The other tests of this folder run `cells`; the studies of real images need these.
STUDIES = ("particles", "beamline", "superpixels", "fcn")


@pytest.mark.parametrize("study", STUDIES)
def test_all_that_a_study_declares_is_made(clone, study):
    arguments = ("--config", "preset=smoke", f"studies={study}")
    clone.make(*arguments)
    settings = {**SHIPPED, "preset": "smoke", "studies": [study]}
    look = Lookup(load_config(clone.folder, settings))
    for path in look.tables(study):
        assert len(pd.read_csv(clone.folder / path)) > 0
    for path in look.figures(study):
        assert "<svg" in (clone.folder / path).read_text()
    for path in (*look.models(study), *look.data(study)):
        assert (clone.folder / path).exists()
    for store in sorted((clone.folder / "results").rglob("*.zarr")):
        open_store(store).verify()
    page = clone.read(f"results/report/{study}.html")
    for table in look.config.studies[study]["tables"].values():
        assert table["title"] in page
    assert "Nothing to be done" in clone.make(*arguments)
