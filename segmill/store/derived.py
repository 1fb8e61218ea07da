"""Stores made of the images of another store: the rows that they take, and what they keep of it."""

from collections.abc import Mapping

import numpy as np

from segmill.errors import ConfigError
from segmill.store.plan import FieldSpec, StorePlan
from segmill.store.reader import Store

# What is true of images stays true of what is found in them.
KEPT_ATTRIBUTES = ("dataset", "units", "source", "licence")


def rows_of_split(store: Store, split: str | None) -> np.ndarray:
    """Indices (int64, ascending) of the samples of a split; None: of all.

    Raises ConfigError naming the splits that there are, where this one has no sample.
    """
    if split is None:
        return np.arange(len(store))
    rows = store.where(split=split)
    if rows.size == 0:
        found = sorted(store.table["split"].unique())
        raise ConfigError(f"{store.path} has no sample of split {split!r}, only of {found}")
    return rows


def derived_plan(
    store: Store, rows: np.ndarray, fields: Mapping[str, FieldSpec], attributes: Mapping
) -> StorePlan:
    """Plan of a store that holds the images of some rows of another, and more arrays.

    Parameters
    ----------
    store : source of the images
    rows : indices of its samples that are taken, in this order
    fields : the arrays beside `image`
    attributes : further ones; dataset, units, source and licence are those of the source, and
        ``images`` is its content hash
    """
    _, height, width, channels = store.shape("image")
    kept = {key: store.attributes[key] for key in KEPT_ATTRIBUTES if key in store.attributes}
    return StorePlan(
        table=store.table.iloc[rows].reset_index(drop=True),
        fields={"image": FieldSpec(store.dtype("image").name, channels), **fields},
        height=height,
        width=width,
        attributes={**kept, **attributes, "images": store.content_hash},
    )
