"""What a store will hold, said before the first sample is made."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pandas as pd

from segmill.errors import StoreError
from segmill.samples import LAYOUT, Sample

COMPRESSIONS = ("zstd", "lz4", "none")
SPLITS = ("train", "val", "test")
# Wanted size of a shard of the largest array, uncompressed, in MiB.
SHARD_MIB = 128.0
REQUIRED_COLUMNS = ("sample_id", "group", "split", "source", "frame")


@dataclass(frozen=True)
class FieldSpec:
    """Dtype of one array of a store and its number of channels (None: no channel axis)."""

    dtype: str
    channels: int | None = None


class ShardLayout:
    """How samples lie in shards; for a class that has a length and a plan's attributes."""

    fields: Mapping[str, FieldSpec]
    height: int
    width: int
    shard_mib: float

    @property
    def sample_bytes(self) -> int:
        """Uncompressed bytes of one sample in the largest array."""
        return max(
            self.height * self.width * (spec.channels or 1) * np.dtype(spec.dtype).itemsize
            for spec in self.fields.values()
        )

    @property
    def shard_samples(self) -> int:
        """Samples per shard, the same for all arrays so that parts end at shard borders of each."""
        wanted = int(self.shard_mib * 2**20 // max(1, self.sample_bytes))
        return max(1, min(wanted, len(self)))

    @property
    def n_shards(self) -> int:
        """Number of shards of each array."""
        return math.ceil(len(self) / self.shard_samples)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape (N, H, W) or (N, H, W, C) of the array `name`."""
        channels = self.fields[name].channels
        return (len(self), self.height, self.width) + (() if channels is None else (channels,))

    def shards_of(self, part: int, parts: int) -> range:
        """Shard numbers that part `part` (from 0) of `parts` writes: a contiguous, fair share."""
        if not 0 <= part < parts:
            raise StoreError(f"part {part} of {parts} does not exist: parts count from 0")
        return range(part * self.n_shards // parts, (part + 1) * self.n_shards // parts)

    def members(self, shards: range) -> range:
        """Numbers of the samples of consecutive shards."""
        size = self.shard_samples
        return range(min(shards.start * size, len(self)), min(shards.stop * size, len(self)))


@dataclass
class StorePlan(ShardLayout):
    """Layout, table and attributes of a store, fixed by configuration and input, not by its parts.

    Attributes
    ----------
    table : one row per sample, with at least the columns `sample_id` (unique), `group`, `split`
        (train, val or test), `source` and `frame`
    fields : array name -> FieldSpec; `image` must be among them
    height, width : size in pixels of the largest sample
    attributes : JSON-serialisable facts: dataset, classes, notions, targets, units, source,
        licence, config, derived, preprocessing
    shard_mib : wanted size of a shard of the largest array, uncompressed, in MiB
    compression : codec of every array: zstd (smallest), lz4 (blosc), none (fastest to read)
    hidden : columns of the table that serve the producer alone and do not enter the store
    """

    table: pd.DataFrame
    fields: dict[str, FieldSpec]
    height: int
    width: int
    attributes: dict = field(default_factory=dict)
    shard_mib: float = SHARD_MIB
    compression: str = "zstd"
    hidden: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.table)

    def check(self) -> None:
        """Raise StoreError where the plan breaks the contract, all offences at once."""
        offences = [*self._table_offences(), *self._field_offences()]
        if self.height < 1 or self.width < 1:
            offences.append(f"samples of {self.height} x {self.width} pixels")
        if offences:
            raise StoreError("a store cannot be made so: " + "; ".join(offences))

    def _table_offences(self) -> list[str]:
        if self.table.empty:
            return ["there is no sample"]
        missing = [name for name in REQUIRED_COLUMNS if name not in self.table]
        if missing:
            return [f"the table lacks the columns {missing}"]
        offences = []
        repeated = self.table["sample_id"][self.table["sample_id"].duplicated()]
        if len(repeated):
            offences.append(f"sample_id is not unique: {sorted(set(repeated))[:10]}")
        alien = sorted(set(self.table["split"]) - set(SPLITS))
        if alien:
            offences.append(f"split must be one of {SPLITS}, found {alien}")
        return offences

    def _field_offences(self) -> list[str]:
        offences = [] if "image" in self.fields else ["the field image is missing"]
        if self.compression not in COMPRESSIONS:
            offences.append(f"compression {self.compression}, allowed are {COMPRESSIONS}")
        for name, spec in self.fields.items():
            if name not in LAYOUT:
                offences.append(f"unknown field {name}, known are {sorted(LAYOUT)}")
                continue
            dtypes, has_channels = LAYOUT[name]
            if spec.dtype not in dtypes:
                offences.append(f"{name} as {spec.dtype}, allowed are {dtypes}")
            if has_channels != (spec.channels is not None):
                offences.append(f"{name} with channels={spec.channels}")
        return offences


@dataclass
class PartPlan(ShardLayout):
    """What a job needs that fills one part of a store: the layout, and rows of its own.

    Attributes
    ----------
    rows : rows of the plan's table in the shards of this part, indexed by their numbers in it
    shards : numbers of these shards
    samples : number of samples of the whole store; the other attributes are those of the plan
    """

    rows: pd.DataFrame
    shards: range
    samples: int
    fields: dict[str, FieldSpec]
    height: int
    width: int
    shard_mib: float
    compression: str

    def __len__(self) -> int:
        return self.samples


class Producer(Protocol):
    """Any stage that makes a store: it says what the store will hold and makes sample i.

    `sample` must depend on `i` and the configuration only, and may be called from several threads.

    A producer whose samples follow from the rows of its table may have a method
    ``take_rows(rows: pd.DataFrame) -> None``. It is called before the first `sample` of a part with
    the rows of this part as :meth:`plan` gave them, columns in `hidden` among them, indexed by `i`:
    a job then need not find out again, for the whole store, what the plan knew.
    """

    def plan(self) -> StorePlan:
        """Layout, table and attributes of the store."""
        ...

    def sample(self, i: int) -> Sample:
        """Make the sample of row `i` of the plan's table."""
        ...
