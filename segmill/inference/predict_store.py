"""Stores of predictions."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from segmill.inference.predictor import Predictor
from segmill.samples import Sample
from segmill.store import FieldSpec, Store, StorePlan
from segmill.store.derived import derived_plan, rows_of_split


class PredictProducer:
    """Predicts the images of a store; the result is a store again.

    Its samples are the source's, in the same order: the image and `scores` (float16); for exclusive
    classes also `semantic` and `instances`, for particles `instances`. Attribute ``images`` is the
    content hash of the source.

    Parameters
    ----------
    models : model files; the scores of several are averaged
    store : source of the images
    split : predict the samples of this split only; None: all
    options : of :meth:`segmill.inference.Predictor.load`

    Raises
    ------
    ConfigError, IntegrityError
        for options or models that are wrong, or a split without samples.
    """

    def __init__(
        self, models: Sequence[str | Path], store: Store, split: str | None = None, **options
    ):
        self.store, self.models, self.options = store, [str(path) for path in models], options
        self.rows = rows_of_split(store, split)
        self.predictor = Predictor.load(self.models, **options)

    def plan(self) -> StorePlan:
        """Layout, table and attributes of the store of predictions."""
        fields = {"scores": FieldSpec("float16", len(self.predictor.classes))}
        if self.predictor.task == "semantic":
            fields |= {"semantic": FieldSpec("uint8"), "instances": FieldSpec("int32")}
        if self.predictor.kind == "particles":
            fields["instances"] = FieldSpec("int32")
        names = {"semantic": "classes", "notions": "notions", "target": "targets"}
        attributes = {
            names[self.predictor.task]: list(self.predictor.classes),
            "config": {"models": self.models, **self.options},
        }
        return derived_plan(self.store, self.rows, fields, attributes)

    def sample(self, i: int) -> Sample:
        """Predict the image of row `i`."""
        image = self.store.image(int(self.rows[i]))
        found = self.predictor.predict(image)
        sample = Sample(image=image, scores=found.scores.astype(np.float16))
        if self.predictor.task == "semantic":
            sample.semantic, sample.instances = found.semantic, found.instances
        if found.kind == "particles":
            sample.instances = found.instances
        return sample
