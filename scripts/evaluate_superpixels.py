"""Compare superpixels with all annotators of each image, image by image."""

from _job import begin
from segmill.metrics.superpixel_tables import evaluate_superpixels

begin(snakemake)
table = evaluate_superpixels(snakemake.input.found, snakemake.input.truth, split="test")
table.to_parquet(snakemake.output[0], index=False)
