"""Predict turned and scaled test images and compare with the equally transformed truth."""

from _job import begin
from segmill.inference import Predictor
from segmill.metrics.invariance import robustness
from segmill.store import open_store

begin(snakemake)
counts = robustness(
    Predictor.load(snakemake.input.model, **snakemake.params.prediction),
    open_store(snakemake.input.store),
    split="test",
    **snakemake.params.changes,
)
counts.to_parquet(snakemake.output[0], index=False)
