"""Datasets: raw files of many layouts become sample stores.

A configuration (``config/datasets/NAME.yaml``) names a reader; :class:`IngestProducer` checks every
file and hands the samples to :func:`segmill.store.write_store`::

    fetch(config, "results/downloads/NAME")
    producer = IngestProducer(config, "results/downloads/NAME")
    write_store("results/stores/NAME.zarr", producer)

The names below are loaded on first use: planning a workflow asks for the names of readers only.
"""

import importlib

_HOME = {
    "BaseReader": "segmill.datasets.base",
    "IngestProducer": "segmill.datasets.producer",
    "Reader": "segmill.datasets.base",
    "Record": "segmill.datasets.base",
    "build_reader": "segmill.datasets.base",
    "fetch": "segmill.datasets.download",
    "locate": "segmill.datasets.download",
    "reader_names": "segmill.datasets.readers",
}

__all__ = [*_HOME]


def __getattr__(name: str):
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'segmill.datasets' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
