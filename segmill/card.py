"""The card of a store: what it holds, in words and numbers."""

import pandas as pd

from segmill.store import Store

FACTS = ("dataset", "source", "licence", "units", "classes", "notions", "targets", "derived")


def card(store: Store) -> str:
    """Text that says what a store holds: facts, arrays, splits, columns, content hash."""
    lines = [f"{store.path}", f"  content      {store.content_hash}"]
    for name in FACTS:
        value = store.attributes.get(name)
        if value:
            shown = ", ".join(map(str, value)) if isinstance(value, list) else value
            lines.append(f"  {name:<12} {shown}")
    lines += ["", "  arrays", *_arrays(store), "", "  samples", *_splits(store.table)]
    lines += ["", "  table", *_columns(store.table)]
    return "\n".join(lines)


def _arrays(store: Store):
    for name in store.fields:
        shape = " x ".join(map(str, store.shape(name)))
        yield f"    {name:<10} {shape}  {store.dtype(name)}"
    heights, widths = store.extent[:, 0], store.extent[:, 1]
    yield (
        f"    samples are {heights.min()} to {heights.max()} pixels high, "
        f"{widths.min()} to {widths.max()} wide"
    )


def _splits(table: pd.DataFrame):
    for split, rows in table.groupby("split", sort=False):
        groups = rows["group"].nunique()
        yield f"    {split:<6} {len(rows):>7} samples in {groups} group{'s' * (groups != 1)}"


def _columns(table: pd.DataFrame):
    for name in table.columns:
        values = table[name]
        if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
            shown = f"{values.min():g} to {values.max():g}"
        else:
            shown = f"{values.nunique()} values, as {values.iloc[0]!r}"
        yield f"    {name:<14} {shown}"
