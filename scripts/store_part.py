"""Make the samples of one part of a store."""

import json
from pathlib import Path

from _job import begin
from segmill.stages import build_producer
from segmill.store import fill

begin(snakemake)
manifest = fill(
    snakemake.params.store,
    build_producer(**snakemake.params.producer),
    part=int(snakemake.wildcards.part),
    parts=int(snakemake.wildcards.parts),
    workers=snakemake.threads,
)
Path(snakemake.output[0]).write_text(json.dumps(manifest))
