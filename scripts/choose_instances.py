"""Choose on validation images how scores become objects, and keep what was tried."""

import json
from dataclasses import asdict
from pathlib import Path

from _job import begin
from segmill.inference import InstanceOptions, ParticleOptions
from segmill.metrics.postprocessing import choose_postprocessing_of_stores
from segmill.progress import log
from segmill.store import open_store

begin(snakemake)
prediction = open_store(snakemake.input.prediction)
settings = snakemake.params.prediction
of_classes = "classes" in prediction.attributes
default = (
    InstanceOptions(**(settings.get("instances") or {}))
    if of_classes
    else ParticleOptions(**(settings.get("particles") or {}))
)
choice = choose_postprocessing_of_stores(
    prediction,
    open_store(snakemake.input.truth),
    split="val",
    default=default,
    **snakemake.params.choose,
)
log.info("chosen: %s", choice.options)
choice.table.to_csv(snakemake.output.tried, index=False)
chosen = {choice.kind: asdict(choice.options)}
Path(snakemake.output.choice).write_text(json.dumps(chosen, indent=1))
