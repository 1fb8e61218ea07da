"""Put the parts of a store together, or make the whole store where it has no parts."""

import json
from pathlib import Path

from _job import begin
from segmill.stages import build_producer
from segmill.store import finalise, write_store

begin(snakemake)
parts = snakemake.input.get("parts")
if parts:
    finalise(snakemake.params.store, [json.loads(Path(part).read_text()) for part in parts])
else:
    producer = build_producer(**snakemake.params.producer)
    write_store(snakemake.params.store, producer, workers=snakemake.threads)
