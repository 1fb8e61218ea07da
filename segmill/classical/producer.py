"""Stores of classical segmentations."""

from collections.abc import Mapping

from segmill.classical.options import method_options
from segmill.classical.watershed import segment_cells
from segmill.errors import ConfigError
from segmill.labels import cell_border
from segmill.samples import Sample
from segmill.store import FieldSpec, Store, StorePlan
from segmill.store.derived import derived_plan, rows_of_split

CLASSES = ("background", "cell", "border")
WATERSHED = "watershed"


class ClassicalProducer:
    """Segments the images of a store by a classical method; the result is a store again.

    Its samples are the source's, in the same order: the image, `instances`, and `semantic` with the
    classes background, cell, border derived from the instances as in the source. The column
    ``empty_reason`` says why a sample has no instance.

    Parameters
    ----------
    store : source of the images
    config : mapping with the keys ``method`` (``watershed``), ``options`` (see
        :class:`WatershedOptions`) and ``title``
    split : segment the samples of this split only; None: all
    name : of the method, for messages and the store's card

    Raises
    ------
    ConfigError
        for whatever is wrong with the configuration, or a split without samples.
    """

    def __init__(
        self, store: Store, config: Mapping, split: str | None = None, name: str = "classical"
    ):
        self.store, self.config, self.name = store, dict(config), name
        self.options = method_options(config, name)
        if config["method"] != WATERSHED:
            raise ConfigError(f"{name}: {config['method']} does not segment cells")
        self.rows = rows_of_split(store, split)
        self.border_width = derived_border_width(store)

    def plan(self) -> StorePlan:
        """Layout, table and attributes of the store of segmentations."""
        fields = {"semantic": FieldSpec("uint8"), "instances": FieldSpec("int32")}
        attributes = {
            "classes": list(CLASSES),
            "config": {"name": self.name, **self.config},
            "derived": {"semantic": {"kind": "cell_border", "width": self.border_width}},
        }
        return derived_plan(self.store, self.rows, fields, attributes)

    def sample(self, i: int) -> Sample:
        """Segment the image of row `i`."""
        image = self.store.image(int(self.rows[i]))
        found = segment_cells(image, self.options)
        return Sample(
            image=image,
            semantic=cell_border(found.instances, self.border_width),
            instances=found.instances,
            notes={"empty_reason": found.reason or ""},
        )


def derived_border_width(store: Store) -> float:
    """Width in pixels of the class border in a store, 2 where the store does not say it."""
    derived = (store.attributes.get("derived") or {}).get("semantic") or {}
    return derived.get("width", 2)
