"""Summarise counts over images and seeds, and write one table."""

import pandas as pd

from _job import begin
from segmill.metrics import summarise
from segmill.report.layout import TableLayout
from segmill.report.tables import collect_summaries, write_table

begin(snakemake)
summaries = {
    method: {seed: summarise(pd.read_parquet(path)) for seed, path in seeds.items()}
    for method, seeds in snakemake.params.sources.items()
}
layout = TableLayout.from_config(snakemake.wildcards.table, snakemake.params.table)
write_table(layout, collect_summaries(summaries), snakemake.output[0], snakemake.params.preset)
