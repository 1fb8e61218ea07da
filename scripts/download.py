"""Download the files of a dataset and list them with their checksums."""

import json
from pathlib import Path

from _job import begin
from segmill.datasets import fetch

begin(snakemake)
files = fetch(snakemake.params.dataset, snakemake.params.folder)
Path(snakemake.output[0]).write_text(json.dumps(files, indent=1))
