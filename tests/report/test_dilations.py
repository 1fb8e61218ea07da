"""Diagram of dilated convolutions."""

import pandas as pd
import pytest
import torch

from segmill.models import build, measured_receptive_field
from segmill.report.dilations import dilation_diagram


@pytest.mark.parametrize("dilations", [[1, 2, 4], [1, 2, 1], [3]])
def test_the_receptive_field_drawn_is_that_of_the_network(dilations, tmp_path):
    data = pd.read_csv(dilation_diagram(dilations, tmp_path / "d.svg")["csv"])
    torch.manual_seed(0)
    network = build("can", 1, 1, channels=2, dilations=dilations)
    assert data["receptive_field"].iloc[-1] == measured_receptive_field(network)
    assert data["dilation"].tolist() == dilations
