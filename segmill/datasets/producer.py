"""Raw files to a sample store: plan, table and samples of a configured dataset."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import pandas as pd

from segmill.datasets.base import Record, build_reader
from segmill.datasets.bulk import BulkReader, Layout, Rows, collect, hidden_columns
from segmill.datasets.download import locate
from segmill.datasets.splits import assign_splits, split_rows
from segmill.errors import ConfigError
from segmill.progress import log
from segmill.samples import Sample
from segmill.store.plan import REQUIRED_COLUMNS, SHARD_MIB, SPLITS, FieldSpec, StorePlan

# Columns that the store itself adds.
RESERVED = (*REQUIRED_COLUMNS, "digest", "extent", "row")
DTYPES = {"semantic": "uint8", "instances": "int32", "notions": "uint16", "ignore": "bool"}
TARGET_DTYPE = "float16"


class IngestProducer:
    """The samples of a configured dataset, for :func:`segmill.store.write_store` or its parts.

    Parameters
    ----------
    config : content of ``config/datasets/NAME.yaml``, with its `name`
    root : folder of its downloads; not used where `config` has a local `path`

    Raises
    ------
    ConfigError
        if the configuration is wrong or the raw files are not where it says.
    """

    def __init__(self, config: Mapping, root: str | Path):
        self.config = dict(config)
        self.name = self.config.get("name", "")
        self.root = locate(self.config, root)
        self.reader = build_reader(self.config, self.root)
        self._rows: Rows | None = None
        if not self.config.get("split"):
            raise ConfigError("split: missing, for example {fractions: {train: 0.8, val: 0.2}}")

    @cached_property
    def records(self) -> list[Record]:
        """The samples in the order of the store; lists names, reads no pixels.

        Raises IntegrityError listing everything that is wrong with the names.
        """
        return self.reader.records()

    def plan(self) -> StorePlan:
        """Check the files, then say what the store will hold.

        Raises IntegrityError listing all offending files, or all samples without a split.
        """
        if isinstance(self.reader, BulkReader):
            return self._plan_rows(self.reader)
        records = self.reader.scan()
        splits = assign_splits(records, self.config["split"], self.root)
        layout = Layout(
            height=max(record.shape[0] for record in records),
            width=max(record.shape[1] for record in records),
            channels=records[0].shape[2],
            dtype=records[0].dtype,
        )
        table = _table(records, splits, self.config.get("pixel_size_um"))
        return self._plan(table, layout)

    def _plan_rows(self, reader: BulkReader) -> StorePlan:
        """The plan of a reader of rows; no object stands for a sample."""
        table = collect(reader)
        _refuse_reserved(name for name in table if name not in REQUIRED_COLUMNS)
        table["split"] = split_rows(table, self.config["split"], self.root)
        order = [*REQUIRED_COLUMNS, *(name for name in table if name not in REQUIRED_COLUMNS)]
        table = table[order]
        pixel_size_um = self.config.get("pixel_size_um")
        if pixel_size_um is not None and "mm_per_px" not in table:
            table["mm_per_px"] = pixel_size_um / 1000
        plan = self._plan(table, reader.layout(), hidden_columns(table))
        self.take_rows(table)
        return plan

    def _plan(self, table: pd.DataFrame, layout: Layout, hidden: tuple = ()) -> StorePlan:
        counts = table["split"].value_counts()
        shares = ", ".join(f"{counts.get(split, 0)} {split}" for split in SPLITS)
        log.info("dataset %s: %d samples (%s)", self.name or self.root, len(table), shares)
        with_channels = {
            "image": FieldSpec(layout.dtype, layout.channels),
            "target": FieldSpec(TARGET_DTYPE, len(self.reader.targets)),
        }
        fields = {
            name: with_channels.get(name) or FieldSpec(DTYPES[name]) for name in self.reader.fields
        }
        return StorePlan(
            table=table,
            fields=fields,
            height=layout.height,
            width=layout.width,
            attributes=self._attributes(),
            shard_mib=self.config.get("shard_mib", SHARD_MIB),
            compression=self.config.get("compression", "zstd"),
            hidden=hidden,
        )

    def take_rows(self, rows: pd.DataFrame) -> None:
        """Rows of the plan's table, by their numbers, of the samples that will be asked for.

        Only readers of rows need them; the others know their samples from the names of files.
        """
        if isinstance(self.reader, BulkReader):
            self._rows = Rows(rows)

    def sample(self, i: int) -> Sample:
        """The sample of row `i`, with derived labels.

        Raises IntegrityError naming the offending files.
        """
        if not isinstance(self.reader, BulkReader):
            return self.reader.read(self.records[i])
        if self._rows is None:
            self.plan()
        return self.reader.read_row(self._rows[i])

    def _attributes(self) -> dict:
        return {
            "dataset": self.name,
            "classes": list(self.reader.classes),
            **{
                name: list(names)
                for name in ("notions", "targets")
                if (names := getattr(self.reader, name))
            },
            "units": self.config.get("units", "grey levels"),
            "source": self.config.get("source", ""),
            "licence": self.config.get("licence", ""),
            "config": self.config,
            "derived": self.reader.derived,
        }


def _table(
    records: Sequence[Record], splits: Sequence[str], pixel_size_um: float | None
) -> pd.DataFrame:
    """One row per sample: the contract's columns, then what the source knows.

    Raises ConfigError if a column of the source has a name that the store needs.
    """
    extra = pd.DataFrame([dict(record.extra) for record in records], index=range(len(records)))
    _refuse_reserved(extra)
    contract = pd.DataFrame(
        {
            "sample_id": [record.sample_id for record in records],
            "group": [record.group for record in records],
            "split": list(splits),
            "source": [record.source for record in records],
            "frame": [record.frame for record in records],
        }
    )
    if pixel_size_um is not None and "mm_per_px" not in extra:
        contract["mm_per_px"] = pixel_size_um / 1000
    return pd.concat([contract, extra], axis=1)


def _refuse_reserved(names: Iterable[str]) -> None:
    """Raise ConfigError for columns of the source that have a name of the store's own."""
    taken = [name for name in names if name in RESERVED]
    if taken:
        raise ConfigError(
            f"columns of the source: expected names besides {', '.join(RESERVED)}, found {taken}"
        )
