"""Choose on validation images how scores become objects, and keep what was tried."""

import json
from dataclasses import asdict
from pathlib import Path

from _job import begin
from segmill.inference import InstanceOptions
from segmill.metrics.postprocessing import choose_postprocessing_of_stores
from segmill.progress import log
from segmill.store import open_store

begin(snakemake)
choice = choose_postprocessing_of_stores(
    open_store(snakemake.input.prediction),
    open_store(snakemake.input.truth),
    split="val",
    default=InstanceOptions(**(snakemake.params.instances or {})),
    **snakemake.params.choose,
)
log.info("chosen: %s", choice.options)
choice.table.to_csv(snakemake.output.tried, index=False)
Path(snakemake.output.choice).write_text(json.dumps(asdict(choice.options), indent=1))
