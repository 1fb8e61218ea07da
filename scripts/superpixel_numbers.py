"""Divide test images into several numbers of superpixels by several methods, and measure them."""

from _job import begin
from segmill.metrics.superpixel_numbers import superpixel_numbers
from segmill.store import open_store

begin(snakemake)
measured = superpixel_numbers(
    open_store(snakemake.input[0]),
    snakemake.params.methods,
    snakemake.params.numbers,
    split="test",
)
measured.to_parquet(snakemake.output[0], index=False)
