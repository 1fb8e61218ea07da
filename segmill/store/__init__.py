"""The sample store: the one contract that every stage of Segmill reads and writes.

A store is a Zarr v3 group ``NAME.zarr`` with one array per kind of data, and a table
``NAME.parquet`` with one row per sample. See :class:`Store` for reading, :func:`write_store` for
writing in one process, and :func:`create`, :func:`fill`, :func:`finalise` for writing in parts by
parallel jobs.
"""

from segmill.samples import Sample
from segmill.store.paths import store_paths
from segmill.store.plan import FieldSpec, Producer, StorePlan
from segmill.store.reader import Store, open_store
from segmill.store.staging import create, fill, finalise, write_store

__all__ = [
    "FieldSpec",
    "Producer",
    "Sample",
    "Store",
    "StorePlan",
    "create",
    "fill",
    "finalise",
    "open_store",
    "store_paths",
    "write_store",
]
