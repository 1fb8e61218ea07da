"""Compare predictions with the truth, image by image."""

from _job import begin
from segmill.metrics import evaluate
from segmill.store import open_store

begin(snakemake)
counts = evaluate(
    open_store(snakemake.input.prediction),
    open_store(snakemake.input.truth),
    split="test",
    **snakemake.params.evaluation,
)
counts.to_parquet(snakemake.output[0], index=False)
