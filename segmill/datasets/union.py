"""Several stores as one: for networks that learn from more than one source of truth."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from segmill.errors import Problem, StoreError, raise_problems
from segmill.samples import LAYOUT, Sample
from segmill.store import FieldSpec, Store, StorePlan
from segmill.store.plan import REQUIRED_COLUMNS

# What an array means is said by this attribute: stores that say different things do not share it.
MEANING = {"semantic": "classes", "notions": "notions", "target": "targets"}
# Columns that every store makes for itself.
OWN = ("digest", "row", "extent")


class UnionProducer:
    """The samples of several stores, one store after the other; the result is a store again.

    It has the arrays that all of them have with the same meaning, and the columns that all of them
    have; sample ids and groups are ``DATASET/ID``, and the column `dataset` says where from.

    Parameters
    ----------
    stores : name of the dataset -> its store
    name : of the union

    Raises
    ------
    StoreError
        for fewer than two stores, or stores that share nothing but images.
    IntegrityError
        naming every store whose images have another dtype or number of channels than the first's.
    """

    def __init__(self, stores: Mapping[str, Store], name: str = "union"):
        if len(stores) < 2:
            raise StoreError(f"union {name}: expected at least two stores, found {list(stores)}")
        self.name, self.stores = name, dict(stores)
        self._check_images()
        self.fields = self._shared_fields()
        if self.fields == ["image"]:
            found = {name: store.fields for name, store in self.stores.items()}
            raise StoreError(f"union {self.name}: expected labels that all have, found {found}")
        self._places = [(s, i) for s in self.stores.values() for i in range(len(s))]

    def _check_images(self) -> None:
        kinds = {n: (str(s.dtype()), s.shape()[3]) for n, s in self.stores.items()}
        first = next(iter(kinds.values()))
        problems = [
            Problem(str(self.stores[name].path), f"images of (dtype, channels) {first}", str(kind))
            for name, kind in kinds.items()
            if kind != first
        ]
        raise_problems(problems, f"the stores of {self.name}")

    def _shared_fields(self) -> list[str]:
        stores = list(self.stores.values())
        shared = [f for f in LAYOUT if f != "scores" and all(f in s.fields for s in stores)]
        return [f for f in shared if f not in MEANING or self._agreed(MEANING[f]) is not None]

    def _agreed(self, attribute: str):
        """The value of an attribute that all stores give to it, None where they differ."""
        values = [store.attributes.get(attribute) for store in self.stores.values()]
        return values[0] if all(value == values[0] for value in values) else None

    def plan(self) -> StorePlan:
        """Layout, table and attributes of the union."""
        first = next(iter(self.stores.values()))
        shapes = np.array([store.shape()[1:3] for store in self.stores.values()])
        height, width = shapes.max(axis=0).tolist()
        fields = {}
        for name in self.fields:
            channels = first.shape(name)[3] if LAYOUT[name][1] else None
            fields[name] = FieldSpec(first.dtype(name).name, channels)
        kept = ("classes", "notions", "targets", "derived", "units")
        attributes = {k: value for k in kept if (value := self._agreed(k)) is not None}
        attributes |= {
            "dataset": self.name,
            "source": "; ".join(str(s.attributes.get("source", "")) for s in self.stores.values()),
            "licence": "; ".join(str(s.attributes.get("licence")) for s in self.stores.values()),
            "config": {"union": {n: store.content_hash for n, store in self.stores.items()}},
        }
        return StorePlan(self._table(), fields, height, width, attributes)

    def _table(self) -> pd.DataFrame:
        tables = []
        for name, store in self.stores.items():
            table = store.table.drop(columns=[c for c in OWN if c in store.table])
            names = {key: f"{name}/" + table[key].astype(str) for key in ("sample_id", "group")}
            tables.append(table.assign(**names, dataset=name))
        shared = [c for c in tables[0] if all(c in table for table in tables)]
        ordered = [*REQUIRED_COLUMNS, *(c for c in shared if c not in REQUIRED_COLUMNS)]
        return pd.concat([table[ordered] for table in tables], ignore_index=True)

    def sample(self, i: int) -> Sample:
        """The sample of row `i`."""
        store, row = self._places[i]
        return Sample(**{name: store.read(name, row) for name in self.fields})
