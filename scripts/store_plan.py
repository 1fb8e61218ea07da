"""Lay out a store that several jobs will fill."""

import json
from pathlib import Path

from _job import begin
from segmill.stages import build_producer
from segmill.store import create

begin(snakemake)
plan = build_producer(**snakemake.params.producer).plan()
create(snakemake.params.store, plan)
Path(snakemake.output[0]).write_text(json.dumps({"samples": len(plan), "shards": plan.n_shards}))
