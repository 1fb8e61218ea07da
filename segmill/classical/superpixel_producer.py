"""Stores of superpixels."""

import hashlib
from collections.abc import Mapping

import numpy as np

from segmill.classical.options import SUPERPIXEL_METHODS, method_options
from segmill.errors import ConfigError
from segmill.samples import Sample
from segmill.store import FieldSpec, Store, StorePlan
from segmill.store.derived import derived_plan, rows_of_split
from segmill.superpixels import divide
from segmill.targets import COLOURS


class SuperpixelProducer:
    """Divides the images of a store into superpixels; the result is a store again.

    Its samples are the source's, in the same order: the image, and as `instances` its superpixels
    1 .. n. The column ``n_superpixels`` counts them. With ``consistent: true`` no superpixel
    crosses the boundary between two `instances` of the source, the ground truth: so are made the
    superpixels whose mean colours a network learns to paint. With `painted`, not the image is
    divided but what a network painted of it, the `scores` of a store of predictions.

    Parameters
    ----------
    store : source of the images
    config : mapping with the keys ``method`` (of :data:`SUPERPIXEL_METHODS`), ``options``,
        ``consistent`` and ``title``
    split : the samples of this split only; None: all
    name : of the method, for messages and the store's card
    painted : divide the scores red, green and blue instead of the image

    Raises
    ------
    ConfigError
        for whatever is wrong with the configuration, a split without samples, a consistent method
        without instances, or a painted image without the scores red, green and blue.
    """

    def __init__(
        self,
        store: Store,
        config: Mapping,
        split: str | None = None,
        name: str = "superpixels",
        painted: bool = False,
    ):
        self.store, self.config, self.name = store, dict(config), name
        self.options = method_options(config, name)
        if config["method"] not in SUPERPIXEL_METHODS:
            raise ConfigError(f"{name}: {config['method']} gives no superpixels")
        self.consistent, self.painted = bool(config.get("consistent", False)), painted
        self._latest: tuple[tuple, np.ndarray] | None = None
        if self.consistent and "instances" not in store.fields:
            raise ConfigError(f"{store.path}: expected instances as truth, found {store.fields}")
        targets = tuple(store.attributes.get("targets") or ())
        if painted and targets != COLOURS:
            raise ConfigError(f"{store.path}: expected the scores {COLOURS}, found {targets}")
        self.rows = rows_of_split(store, split)

    def plan(self) -> StorePlan:
        """Layout, table and attributes of the store of superpixels."""
        attributes = {"config": {"name": self.name, **self.config}}
        return derived_plan(self.store, self.rows, {"instances": FieldSpec("int32")}, attributes)

    def sample(self, i: int) -> Sample:
        """Divide the image of row `i`."""
        row = int(self.rows[i])
        image = self.store.image(row)
        divided = np.clip(self.store.scores(row), 0, 1) if self.painted else image
        truth = self.store.instances(row) if self.consistent else None
        found = self._divide(divided) if truth is None else divide(divided, self.options, truth)
        return Sample(image=image, instances=found, notes={"n_superpixels": int(found.max())})

    def _divide(self, image: np.ndarray) -> np.ndarray:
        """Superpixels of an image; annotators of one follow each other and share them."""
        key = image.shape, hashlib.blake2b(np.ascontiguousarray(image)).digest()
        latest = self._latest
        if latest is None or latest[0] != key:
            self._latest = latest = key, divide(image, self.options)
        return latest[1]
