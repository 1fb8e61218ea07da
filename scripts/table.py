"""Summarise what was measured over images and seeds, and write one table."""

from _job import begin
from segmill.report.layout import TableLayout
from segmill.report.summaries import read_summary
from segmill.report.tables import collect_summaries, write_table

begin(snakemake)
summaries = {
    method: {seed: read_summary(method, path) for seed, path in seeds.items()}
    for method, seeds in snakemake.params.sources.items()
}
layout = TableLayout.from_config(snakemake.wildcards.table, snakemake.params.table)
write_table(layout, collect_summaries(summaries), snakemake.output[0], snakemake.params.preset)
