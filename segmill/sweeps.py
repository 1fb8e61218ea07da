"""Sweeps of a study: grids of settings around an experiment, written out as experiments.

.. code-block:: yaml

    sweeps:
      alpha:
        base: can7
        grid: {training.loss.options.alpha: [0, 1.0e-6]}

stands for the experiments ``alpha_0`` and ``alpha_1e_06``: can7 with one value each. A grid of two
keys gives every combination. Values that are no plain numbers or words have names:
``{training.schedule: {halved: {kind: halve_every}}}``. A row of a table with ``sweep: alpha``
stands for a row per experiment, with ``{experiment}`` in the names of its methods, and a name of a
sweep in ``run.experiments`` or in the ``experiments`` of a figure for all of its experiments.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from segmill.names import unknown


def expand_sweeps(settings: dict, merge) -> Iterator[str]:
    """Write out the sweeps of a study in place; yield what is wrong with them.

    Parameters
    ----------
    settings : of a study, as read from its file; what is not as the schema wants it is left alone
    merge : lays one mapping over another, see :func:`segmill.config.merge`
    """
    sweeps, experiments = settings.get("sweeps"), settings.get("experiments")
    if not isinstance(sweeps, Mapping) or not isinstance(experiments, Mapping):
        return
    written = dict(experiments)
    members: dict[str, list[str]] = {}
    for name, sweep in sweeps.items():
        if not _is_sweep(sweep):
            continue
        if name in experiments:
            yield f"sweeps.{name}: expected another name than an experiment's"
        elif sweep["base"] not in experiments:
            problem = unknown("experiment", str(sweep["base"]), experiments)
            yield f"sweeps.{name}.base: {problem}"
        else:
            points = _points(name, sweep)
            members[name] = [point for point, _ in points]
            for point in sorted({p for p in members[name] if members[name].count(p) > 1}):
                yield f"sweeps.{name}.grid: two of its points have the name {point}"
            base = experiments[sweep["base"]]
            for point, own in points:
                label = {"label": _label(base, sweep, own.pop("label"))}
                # What the file says of a point itself goes before what the grid says.
                said = experiments.get(point) or {}
                written[point] = merge(merge(merge(base, label), own), said)
    settings["experiments"] = written
    _put_members(settings, members)
    yield from _unknown_rows(settings.get("tables"), sweeps)


def _is_sweep(sweep: Any) -> bool:
    """Whether a sweep has the form that the schema asks for."""
    grid = sweep.get("grid") if isinstance(sweep, Mapping) else None
    return isinstance(grid, Mapping) and "base" in sweep and all(map(_named_values, grid.values()))


def _named_values(values: Any) -> dict[str, Any]:
    """Name -> value of the values of one key of a grid."""
    if isinstance(values, Mapping):
        return dict(values)
    return {str(value): value for value in values} if isinstance(values, list) else {}


def _points(name: str, sweep: Mapping) -> list[tuple[str, dict]]:
    """Name and settings of each point of a grid, the last key going fastest; `label` says where."""
    keys = list(sweep["grid"])
    axes = [list(_named_values(sweep["grid"][key]).items()) for key in keys]
    points = []
    for values in itertools.product(*axes):
        own: dict = {}
        for key, (_, value) in zip(keys, values, strict=True):
            branch = own
            *path, last = key.split(".")
            for part in path:
                branch = branch.setdefault(part, {})
            branch[last] = deepcopy(value)
        words = [
            f"{key.split('.')[-1]} {title.replace('_', ' ')}"
            for key, (title, _) in zip(keys, values, strict=True)
        ]
        slug = "_".join(_slug(title) for title, _ in values)
        points.append((f"{name}_{slug}", {**own, "label": ", ".join(words)}))
    return points


def _slug(text: str) -> str:
    """A value as part of a name: small letters, digits and underscores."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def _label(base: Mapping, sweep: Mapping, words: str) -> str:
    return f"{base.get('label', sweep['base'])}, {words}"


def _put_members(settings: dict, members: Mapping[str, list[str]]) -> None:
    """The experiments of sweeps in the place of their names."""
    run = settings.get("run")
    if isinstance(run, Mapping):
        settings["run"] = {**run, **_expanded(run, members)}
    figures = settings.get("figures")
    if isinstance(figures, Mapping):
        settings["figures"] = {
            name: {**figure, **_expanded(figure, members)}
            if isinstance(figure, Mapping)
            else figure
            for name, figure in figures.items()
        }
    tables = settings.get("tables")
    if isinstance(tables, Mapping):
        settings["tables"] = {
            name: _with_rows(table, members, settings["experiments"])
            for name, table in tables.items()
        }


def _unknown_rows(tables: Any, sweeps: Mapping) -> Iterator[str]:
    """Rows of tables that stand for a sweep which there is not."""
    for name, table in tables.items() if isinstance(tables, Mapping) else ():
        rows = table.get("rows") if isinstance(table, Mapping) else None
        for row in rows if isinstance(rows, list) else ():
            sweep = row.get("sweep") if isinstance(row, Mapping) else None
            if sweep is not None and sweep not in sweeps:
                yield f"tables.{name}: {unknown('sweep', str(sweep), sweeps)}"


def _expanded(block: Mapping, members: Mapping[str, list[str]]) -> dict:
    """`experiments` of a block with those of the sweeps that it names."""
    named = block.get("experiments")
    if not isinstance(named, list):
        return {}
    names = [one for name in named for one in _members(name, members)]
    return {"experiments": list(dict.fromkeys(names)) if members else named}


def _members(name: Any, members: Mapping[str, list[str]]) -> list:
    return members.get(name, [name]) if isinstance(name, str) else [name]


def _with_rows(table: Any, members: Mapping[str, list[str]], experiments: Mapping) -> Any:
    """A table with a row for each experiment of a row's sweep."""
    if not isinstance(table, Mapping) or not isinstance(table.get("rows"), list):
        return table
    rows: list = []
    for row in table["rows"]:
        sweep = row.get("sweep") if isinstance(row, Mapping) else None
        if sweep not in members:
            rows.append(row)
            continue
        for name in members[sweep]:
            kept = {key: value for key, value in row.items() if key != "sweep"}
            kept = _filled(kept, name)
            rows.append({"row": name, "label": experiments[name]["label"], **kept})
    return {**table, "rows": rows}


def _filled(row: dict, experiment: str) -> dict:
    """A row whose methods name one experiment."""

    def fill(text: Any) -> Any:
        return text.replace("{experiment}", experiment) if isinstance(text, str) else text

    filled = {key: fill(value) for key, value in row.items()}
    if isinstance(row.get("experiments"), Mapping):
        filled["experiments"] = {key: fill(value) for key, value in row["experiments"].items()}
    return filled
