# ruff: noqa: F821
"""Write a small store, as slowly as asked."""

import time
from pathlib import Path

import numpy as np
import pandas as pd

from segmill.store import FieldSpec, Sample, StorePlan, write_store

SAMPLES, SIZE = 20, 16


class Slow:
    def plan(self):
        names = [f"s{i:02}" for i in range(SAMPLES)]
        columns = {"group": names, "split": "train", "source": "mini", "frame": range(SAMPLES)}
        table = pd.DataFrame({"sample_id": names} | columns)
        fields = {"image": FieldSpec("uint8", 1)}
        return StorePlan(table, fields, SIZE, SIZE, attributes={"dataset": "mini"})

    def sample(self, i):
        time.sleep(float(snakemake.params.seconds_per_sample))
        return Sample(image=np.full((SIZE, SIZE, 1), i, np.uint8))


Path(snakemake.log[0]).write_text("writing\n")
write_store(Path(snakemake.output[0]).with_suffix(".zarr"), Slow(), parts=4)
