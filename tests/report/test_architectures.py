"""Networks side by side."""

import pandas as pd

from segmill.models.architecture import describe_network
from segmill.report.architectures import network_bars


def test_the_data_are_the_networks_asked_for_in_their_order(tmp_path):
    options = {"network/a/x": {"layers": 2, "width": 2}, "network/a/y": {"layers": 3, "width": 4}}
    rows = [
        {"method": method, **describe_network("pang", own, draws=1)}
        for method, own in options.items()
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "networks.parquet")
    labels = {"network/a/y": "Deep", "network/a/x": "Flat"}
    paths = network_bars(tmp_path / "networks.parquet", labels, tmp_path / "f.svg")
    data = pd.read_csv(paths["csv"]).set_index("label")
    assert data.index.tolist() == ["Deep", "Flat"]
    # 1 + 2 (n + 1) pixels for n convolutions of 3 x 3 and the last one.
    assert data["receptive_field"].tolist() == [9, 7]
    svg = paths["svg"].read_text()
    assert "<svg" in svg
    only = network_bars(tmp_path / "networks.parquet", {"network/a/x": "x"}, tmp_path / "g.svg")
    assert len(pd.read_csv(only["csv"])) == 1
