"""Datasets: raw files of many layouts become sample stores.

A configuration (``config/datasets/NAME.yaml``) names a reader; :class:`IngestProducer` checks every
file and hands the samples to :func:`segmill.store.write_store`::

    fetch(config, "results/downloads/NAME")
    producer = IngestProducer(config, "results/downloads/NAME")
    write_store("results/stores/NAME.zarr", producer)
"""

from segmill.datasets.base import BaseReader, Reader, Record, build_reader, reader_names
from segmill.datasets.download import fetch, locate
from segmill.datasets.producer import IngestProducer

__all__ = [
    "BaseReader",
    "IngestProducer",
    "Reader",
    "Record",
    "build_reader",
    "fetch",
    "locate",
    "reader_names",
]
