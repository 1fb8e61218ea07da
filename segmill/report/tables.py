"""Tables of a study: mean and spread over training seeds, published values beside ours."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from segmill.errors import Problem, raise_problems
from segmill.report.files import write_together
from segmill.report.layout import Column, Row, TableLayout
from segmill.report.templates import render

SUMMARY_COLUMNS = ("metric", "value", "low", "high", "images")
FULL_PRESET = "full"


def collect_summaries(summaries: Mapping[str, Mapping[int, pd.DataFrame]]) -> pd.DataFrame:
    """Put the summaries of all experiments and seeds into one table.

    Parameters
    ----------
    summaries : ``{experiment: {seed: summary}}``; a summary has one row per metric with the columns
        ``metric, value, low, high, images`` (bounds of the bootstrap interval over images)

    Returns
    -------
    DataFrame with the columns ``experiment, seed, metric, value, low, high, images``

    Raises
    ------
    IntegrityError : names every summary that lacks a column or repeats a metric
    """
    problems, tables = [], []
    for experiment, seeds in summaries.items():
        for seed, summary in seeds.items():
            where = f"summary of {experiment}, seed {seed}"
            missing = [name for name in SUMMARY_COLUMNS if name not in summary]
            if missing:
                found = ", ".join(map(str, summary.columns))
                problems.append(Problem(where, f"the columns {', '.join(missing)}", found))
                continue
            repeated = sorted(set(summary["metric"][summary["metric"].duplicated()]))
            if repeated:
                found = f"{', '.join(repeated)} repeated"
                problems.append(Problem(where, "each metric once", found))
            table = summary[list(SUMMARY_COLUMNS)].copy()
            table.insert(0, "seed", seed)
            table.insert(0, "experiment", experiment)
            tables.append(table)
    raise_problems(problems, "the summaries of the metrics")
    columns = ["experiment", "seed", *SUMMARY_COLUMNS]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def tabulate(layout: TableLayout, summaries: pd.DataFrame) -> pd.DataFrame:
    """Compute a table: one row per method, for each column of the layout these columns.

    ``{column}`` mean over training seeds; ``{column}_sd`` standard deviation over seeds (n - 1 in
    the denominator, empty for one seed); ``{column}_low`` and ``{column}_high`` bounds of the
    bootstrap interval over test images, averaged over seeds; ``{column}_n_seeds``;
    ``{column}_n_images``; and ``{column}_published`` where the layout has published values.

    Parameters
    ----------
    summaries : as made by :func:`collect_summaries`

    Raises
    ------
    IntegrityError : names every experiment and metric of the layout that no summary has
    """
    groups = dict(iter(summaries.groupby(["experiment", "metric"])))
    problems = []
    for experiment in layout.experiments():
        cells = [(r, c) for r, c in _cells(layout) if _source(r, c) == experiment]
        wanted = dict.fromkeys(row.metric(column) for row, column in cells)
        known = sorted(metric for name, metric in groups if name == experiment)
        for metric in wanted:
            if metric not in known:
                found = ", ".join(known) or "no summary"
                problems.append(Problem(f"experiment {experiment}", f"the metric {metric}", found))
    raise_problems(problems, f"table {layout.name}")
    return pd.DataFrame([_table_row(layout, row, groups) for row in layout.rows])


def write_table(
    layout: TableLayout, summaries: pd.DataFrame, csv: str | Path, preset: str
) -> dict[str, Path]:
    """Write a table as CSV for programs and as HTML fragment for readers, beside each other.

    Parameters
    ----------
    summaries : as made by :func:`collect_summaries`
    csv : path ending in ``.csv``; the fragment takes its stem and ``.html``
    preset : name of the preset; any but ``full`` is called out below the table

    Returns
    -------
    paths by kind: ``csv``, ``html``

    Raises
    ------
    IntegrityError : names every experiment and metric of the layout that no summary has
    """
    table = tabulate(layout, summaries)
    fragment = table_html(layout, table, preset)
    paths = {"csv": Path(csv), "html": Path(csv).with_suffix(".html")}
    write_together(
        {
            paths["csv"]: lambda to: table.to_csv(to, index=False, lineterminator="\n"),
            paths["html"]: lambda to: to.write_bytes(fragment.encode("ascii", "xmlcharrefreplace")),
        }
    )
    return paths


def table_html(layout: TableLayout, table: pd.DataFrame, preset: str) -> str:
    """The HTML fragment of a table of :func:`tabulate`; styled by itself, sorted by the page."""
    records = {record["row"]: record for record in table.to_dict("records")}
    footnotes = list(dict.fromkeys(p.note for p in layout.published if p.note))
    published = {(p.row, p.column): p for p in layout.published}
    best = {c.column: _best(table, c) for c in layout.columns}
    seeds = _most_seeds(layout, table)
    rows = [
        {
            "label": row.label,
            "cells": [
                _cell(row, column, records[row.row], seeds, best[column.column])
                | _published_cell(published.get((row.row, column.column)), footnotes)
                for column in layout.columns
            ],
        }
        for row in layout.rows
    ]
    return render(
        "table.html",
        layout=layout,
        rows=rows,
        with_published={p.column for p in layout.published},
        footnotes=footnotes,
        seeds=seeds,
        demo_of=None if preset == FULL_PRESET else preset,
        has_interval=any(cell["interval"] for row in rows for cell in row["cells"]),
    )


def _cells(layout: TableLayout) -> list[tuple[Row, Column]]:
    return [(row, column) for row in layout.rows for column in layout.columns]


def _source(row: Row, column: Column) -> str | None:
    return row.experiments.get(column.variant)


def _table_row(layout: TableLayout, row: Row, groups: Mapping) -> dict:
    published = {p.column: float(p.value) for p in layout.published if p.row == row.row}
    with_published = {p.column for p in layout.published}
    record: dict = {"row": row.row, "label": row.label}
    for column in layout.columns:
        name = column.column
        source = _source(row, column)
        statistics = _over_seeds(None if source is None else groups[source, row.metric(column)])
        record |= {name + suffix: value for suffix, value in statistics.items()}
        if name in with_published:
            record[f"{name}_published"] = published.get(name, np.nan)
    return record


def _over_seeds(summary: pd.DataFrame | None) -> dict[str, float]:
    """Statistics of one metric over the seeds of an experiment, keyed by the column's suffix."""
    if summary is None:
        nothing = dict.fromkeys(("", "_sd", "_low", "_high"), np.nan)
        return nothing | {"_n_seeds": 0, "_n_images": 0}
    values = summary["value"].to_numpy(float)
    return {
        "": values.mean(),
        "_sd": values.std(ddof=1) if len(values) > 1 else np.nan,
        "_low": summary["low"].mean(),
        "_high": summary["high"].mean(),
        "_n_seeds": len(values),
        "_n_images": int(summary["images"].max()),
    }


def _most_seeds(layout: TableLayout, table: pd.DataFrame) -> int:
    trained = [row.row for row in layout.rows if row.trained]
    counts = table.loc[table["row"].isin(trained), [f"{c.column}_n_seeds" for c in layout.columns]]
    return int(counts.to_numpy().max(initial=0))


def _best(table: pd.DataFrame, column: Column) -> float | None:
    """The best value of a column as printed, or None where nothing competes."""
    values = table[column.column].dropna()
    if column.better == "none" or len(values) < 2:
        return None
    return round(values.max() if column.better == "high" else values.min(), column.digits)


def _cell(row: Row, column: Column, record: Mapping, seeds: int, best: float | None) -> dict:
    name, digits = column.column, column.digits
    mean, sd = record[name], record[f"{name}_sd"]
    low, high = record[f"{name}_low"], record[f"{name}_high"]
    count = record[f"{name}_n_seeds"]
    if np.isnan(mean):
        return dict.fromkeys(("sort", "mean", "sd", "interval", "fewer"), "") | {"best": False}
    return {
        "sort": repr(float(mean)),
        "mean": f"{mean:.{digits}f}",
        "sd": "" if np.isnan(sd) else f"{sd:.{digits}f}",
        "interval": "" if np.isnan(low) else f"{low:.{digits}f} to {high:.{digits}f}",
        "fewer": f"n = {count}" if row.trained and count < seeds else "",
        "best": best is not None and round(mean, digits) == best,
    }


def _published_cell(published, footnotes: list[str]) -> dict:
    if published is None:
        return {"published": "", "mark": ""}
    mark = "abcdefghijklmnopqrstuvwxyz"[footnotes.index(published.note)] if published.note else ""
    return {"published": str(published.value), "mark": mark}
