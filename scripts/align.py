"""Align every sweep of a store."""

from _job import begin
from segmill.classical import align_store
from segmill.store import open_store

begin(snakemake)
fits = align_store(open_store(snakemake.input[0]), snakemake.params.options)
fits.to_parquet(snakemake.output[0], index=False)
