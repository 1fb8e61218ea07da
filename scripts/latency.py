"""Measure how fast a trained network answers."""

from _job import begin
from segmill.inference import Predictor, latency

begin(snakemake)
predictor = Predictor.load(snakemake.input.model, **snakemake.params.prediction)
latency(predictor, **snakemake.params.latency).to_parquet(snakemake.output[0], index=False)
