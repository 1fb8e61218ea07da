"""Describe networks: cost, receptive fields, legal sizes."""

import pandas as pd

from _job import begin
from segmill.models.architecture import describe_network
from segmill.progress import track

begin(snakemake)
networks = snakemake.params.networks
rows = [
    {"method": method, **describe_network(**network)}
    for method, network in track(networks.items(), len(networks), "networks", "network")
]
pd.DataFrame(rows).to_parquet(snakemake.output[0], index=False)
