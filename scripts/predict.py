"""Apply a trained network to new images."""

from _job import begin
from segmill.inference import predict_files

begin(snakemake)
settings = snakemake.params.settings
predict_files(
    settings["images"],
    snakemake.input.model,
    settings["output"],
    outputs=tuple(settings["outputs"]),
)
