"""Stores of post-processed predictions."""

from collections.abc import Iterator

import numpy as np

from segmill.inference.postprocess import ClassPostprocessing, postprocess_classes
from segmill.samples import Sample
from segmill.store import FieldSpec, Store, StorePlan
from segmill.superpixels import EikonalOptions, divide


class PostprocessProducer:
    """Post-processes the class maps of a store of predictions; the result is a store again.

    Its samples are the source's, in the same order: the image and `semantic`.

    Parameters
    ----------
    store : predictions with `semantic`
    options : what is done to a class map
    superpixels : of the images, where they are to vote
    """

    def __init__(self, store: Store, options: ClassPostprocessing, superpixels: EikonalOptions):
        self.store, self.options, self.superpixels = store, options, superpixels

    def plan(self) -> StorePlan:
        """Layout, table and attributes of the store."""
        _, height, width, channels = self.store.shape("image")
        fields = {
            "image": FieldSpec(self.store.dtype("image").name, channels),
            "semantic": FieldSpec("uint8"),
        }
        attributes = self.store.attributes | {"images": self.store.content_hash}
        return StorePlan(self.store.table, fields, height, width, attributes)

    def sample(self, i: int) -> Sample:
        """Post-process row `i`."""
        image = self.store.image(i)
        votes = divide(image, self.superpixels) if self.options.superpixels else None
        semantic = postprocess_classes(self.store.semantic(i), self.options, votes)
        return Sample(image=image, semantic=semantic)


def superpixels_of_store(
    store: Store, options: EikonalOptions, rows: Iterator[int] | None = None
) -> Iterator[np.ndarray]:
    """(h, w) int32 superpixels of the images of a store, one by one; `rows` by default all."""
    for i in range(len(store)) if rows is None else rows:
        yield divide(store.image(i), options)
