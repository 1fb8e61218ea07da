"""The plan of an unfinished store on disk, from which all its jobs work."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from segmill.errors import StoreError
from segmill.store.paths import StorePaths
from segmill.store.plan import FieldSpec, PartPlan, StorePlan

PLAN_FILE = "plan.json"
PLAN_TABLE = "plan.parquet"
# Rows of the plan that are read at once; a part reads those groups that its rows lie in.
ROW_GROUP = 8192


def write_plan(paths: StorePaths, plan: StorePlan) -> Path:
    """Keep the plan beside the group, so that every part and the end work from the same one."""
    paths.plan.mkdir()
    _write_table(plan.table, paths.plan / PLAN_TABLE)
    facts = {
        "fields": {name: asdict(spec) for name, spec in plan.fields.items()},
        "height": plan.height,
        "width": plan.width,
        "attributes": plan.attributes,
        "shard_mib": plan.shard_mib,
        "compression": plan.compression,
        "hidden": plan.hidden,
    }
    target = paths.plan / PLAN_FILE
    target.write_text(json.dumps(facts, indent=1))
    return target


def _write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table in groups of rows, categoricals as the plain texts that they stand for.

    As categoricals, every group of rows would hold the texts of all others.
    """
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    schema = arrow.schema
    if any(pa.types.is_dictionary(field.type) for field in schema):
        kinds = pa.Schema.from_pandas(plain(table.iloc[:0]), preserve_index=False)
        schema = pa.schema([_plain_field(field) for field in schema], kinds.metadata)
    with pq.ParquetWriter(path, schema) as writer:
        for first in range(0, len(table), ROW_GROUP):
            writer.write_table(arrow.slice(first, ROW_GROUP).cast(schema))


def _plain_field(field: pa.Field) -> pa.Field:
    return field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field


def plain(table: pd.DataFrame) -> pd.DataFrame:
    """The table with what was categorical, to save memory, as plain values."""
    kinds = {
        name: dtype.categories.dtype
        for name, dtype in table.dtypes.items()
        if isinstance(dtype, pd.CategoricalDtype)
    }
    return table.astype(kinds)


def _read_facts(paths: StorePaths) -> dict:
    """What the plan says of the whole store."""
    if not (paths.plan / PLAN_FILE).exists():
        raise StoreError(
            f"{paths.plan}: expected the plan of a store laid out by create(), found none"
        )
    facts = json.loads((paths.plan / PLAN_FILE).read_text())
    facts["fields"] = {name: FieldSpec(**spec) for name, spec in facts["fields"].items()}
    facts["hidden"] = tuple(facts["hidden"])
    return facts


def read_plan(paths: StorePaths) -> StorePlan:
    """The whole plan; raises StoreError where there is none."""
    facts = _read_facts(paths)
    return StorePlan(table=pd.read_parquet(paths.plan / PLAN_TABLE), **facts)


def read_part(paths: StorePaths, part: int, parts: int) -> PartPlan:
    """The plan as far as one part needs it; memory grows with the part, not with the store."""
    facts = _read_facts(paths)
    known = {key: facts[key] for key in ("fields", "height", "width", "shard_mib", "compression")}
    with pq.ParquetFile(paths.plan / PLAN_TABLE) as file:
        plan = PartPlan(pd.DataFrame(), range(0), file.metadata.num_rows, **known)
        plan.shards = plan.shards_of(part, parts)
        plan.rows = _read_rows(file, plan.members(plan.shards))
    return plan


def _read_rows(file: pq.ParquetFile, wanted: range) -> pd.DataFrame:
    """Some consecutive rows of a table, indexed by their numbers."""
    sizes = [file.metadata.row_group(k).num_rows for k in range(file.num_row_groups)]
    ends = np.cumsum(sizes)
    starts = ends - sizes
    groups = np.flatnonzero((starts < wanted.stop) & (ends > wanted.start)).tolist()
    first = int(starts[groups[0]]) if groups else 0
    table = file.read_row_groups(groups, use_pandas_metadata=True)
    rows = table.slice(wanted.start - first, len(wanted)).to_pandas()
    rows.index = pd.RangeIndex(wanted.start, wanted.stop)
    return rows
