"""Stores of samples that a test has in memory."""

import numpy as np
import pandas as pd

from segmill.store import FieldSpec, StorePlan

CLASSES = ["background", "cell", "border"]


class Given:
    """A producer of samples that are already in memory."""

    def __init__(self, samples, names, splits=None, classes=CLASSES, attributes=None, columns=None):
        self.samples, self.names, self.classes = samples, names, classes
        self.attributes, self.columns = attributes or {}, columns or {}
        self.splits = splits or ["test"] * len(names)

    def plan(self):
        table = pd.DataFrame(
            {
                "sample_id": self.names,
                "group": [f"g{name}" for name in self.names],
                "split": self.splits,
                "source": "here",
                "frame": 0,
                **self.columns,
            }
        )
        fields = {
            name: FieldSpec(array.dtype.name, array.shape[2] if array.ndim == 3 else None)
            for name, array in self.samples[0].arrays().items()
        }
        height, width = np.max([sample.shape for sample in self.samples], axis=0)
        attributes = {"classes": self.classes, **self.attributes}
        return StorePlan(table, fields, int(height), int(width), attributes)

    def sample(self, i):
        return self.samples[i]
