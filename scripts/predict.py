"""Apply a trained network to new images."""

from _job import begin
from segmill.inference import predict_files

begin(snakemake)
settings = snakemake.params.settings
if not settings.get("images"):
    raise SystemExit("name the images: snakemake predict --config 'predict={images: FOLDER}'")
predict_files(
    settings["images"],
    snakemake.input[0],
    settings["output"],
    outputs=tuple(settings["outputs"]),
)
