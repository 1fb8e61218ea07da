"""Apply a trained network to new images."""

from _job import begin
from segmill.inference import predict_files
from segmill.stages import with_choice

begin(snakemake)
choice = [str(path) for path in [snakemake.input.get("choice")] if path]
settings = snakemake.params.settings
predict_files(
    settings["images"],
    snakemake.input.model,
    settings["output"],
    outputs=settings.get("outputs"),
    **with_choice(snakemake.params.options, snakemake.input.get("choice")),
)
