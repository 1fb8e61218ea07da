"""Stores of superpixels."""

from collections.abc import Mapping

import numpy as np

from segmill.classical.options import SUPERPIXEL_METHODS, method_options
from segmill.errors import ConfigError
from segmill.samples import Sample
from segmill.store import FieldSpec, Store, StorePlan
from segmill.superpixels import divide


class SuperpixelProducer:
    """Divides the images of a store into superpixels; the result is a store again.

    Its samples are the source's, in the same order: the image, and as `instances` its superpixels
    1 .. n. The column ``n_superpixels`` counts them.

    Parameters
    ----------
    store : source of the images
    config : mapping with the keys ``method`` (of :data:`SUPERPIXEL_METHODS`), ``options`` and
        ``title``
    split : the samples of this split only; None: all
    name : of the method, for messages and the store's card

    Raises
    ------
    ConfigError
        for whatever is wrong with the configuration, or a split without samples.
    """

    def __init__(
        self, store: Store, config: Mapping, split: str | None = None, name: str = "superpixels"
    ):
        self.store, self.config, self.name = store, dict(config), name
        self.options = method_options(config, name)
        if config["method"] not in SUPERPIXEL_METHODS:
            raise ConfigError(f"{name}: {config['method']} gives no superpixels")
        self.rows = np.arange(len(store)) if split is None else store.where(split=split)
        if self.rows.size == 0:
            found = sorted(store.table["split"].unique())
            raise ConfigError(f"{store.path} has no sample of split {split!r}, only of {found}")

    def plan(self) -> StorePlan:
        """Layout, table and attributes of the store of superpixels."""
        _, height, width, channels = self.store.shape("image")
        kept = ("dataset", "units", "source", "licence")
        attributes = {
            key: self.store.attributes[key] for key in kept if key in self.store.attributes
        }
        return StorePlan(
            table=self.store.table.iloc[self.rows].reset_index(drop=True),
            fields={
                "image": FieldSpec(self.store.dtype("image").name, channels),
                "instances": FieldSpec("int32", None),
            },
            height=height,
            width=width,
            attributes={
                **attributes,
                "config": {"name": self.name, **self.config},
                "images": self.store.content_hash,
            },
        )

    def sample(self, i: int) -> Sample:
        """Divide the image of row `i`."""
        image = self.store.image(int(self.rows[i]))
        found = divide(image, self.options)
        return Sample(image=image, instances=found, notes={"n_superpixels": int(found.max())})
