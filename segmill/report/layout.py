"""What a table shows: its rows, its columns and the published values beside them."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields

from segmill.errors import ConfigError


@dataclass(frozen=True)
class Column:
    """One measured quantity.

    Attributes
    ----------
    column : name in the CSV file
    label : words in the header
    metric : name of the metric in the summaries; ``{name}`` in it stands for a value of the row
    variant : which of a row's experiments is read, for example ``cl`` and ``no_cl``
    group : header shared by neighbouring columns of the same group
    better : ``high`` or ``low``, the end that is printed bold; ``none`` prints nothing bold
    digits : decimals printed; the CSV keeps all
    """

    column: str
    label: str
    metric: str
    variant: str = ""
    group: str = ""
    better: str = "high"
    digits: int = 3


@dataclass(frozen=True)
class Row:
    """One tested method.

    Attributes
    ----------
    row : name in the CSV file
    label : words in the table
    experiments : ``{variant: experiment}``; a variant left out leaves its cells empty
    trained : False for a method without training seeds, which has no spread to show
    values : what the columns' metrics take from the row, as in ``{notion: crystal}`` for the metric
        ``biou_1_{notion}``
    """

    row: str
    label: str
    experiments: Mapping[str, str] = field(default_factory=dict)
    trained: bool = True
    values: Mapping[str, str] = field(default_factory=dict)

    def metric(self, column: Column) -> str:
        """The metric that a column shows in this row."""
        metric = column.metric
        for name, value in self.values.items():
            metric = metric.replace(f"{{{name}}}", value)
        return metric


@dataclass(frozen=True)
class Published:
    """A published value, set beside the cell of `row` and `column`.

    `value` is shown as it is written: text, ``"0.760"``, keeps a published zero. A `note` becomes a
    footnote.
    """

    row: str
    column: str
    value: float | str
    note: str = ""


@dataclass(frozen=True)
class TableLayout:
    """A table of a study.

    Attributes
    ----------
    name : file name without suffix
    title : caption
    columns, rows : in the order shown
    published : values from the literature
    citation : the publication of those values
    notes : sentences below the table
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    published: tuple[Published, ...] = ()
    citation: str = ""
    notes: tuple[str, ...] = ()

    @classmethod
    def from_config(cls, name: str, config: Mapping) -> "TableLayout":
        """Read a layout from the ``tables: {name: ...}`` part of a study's configuration.

        Raises
        ------
        ConfigError : lists every unknown or missing key, and every published value or bold rule
            that fits no row or column
        """
        problems: list[str] = []
        layout = cls(
            name=name,
            title=str(config.get("title", "")),
            columns=_read_all(Column, config, "columns", name, problems),
            rows=_read_all(Row, config, "rows", name, problems),
            published=_read_all(Published, config, "published", name, problems),
            citation=str(config.get("citation", "")),
            notes=tuple(config.get("notes", ())),
        )
        allowed = {f.name for f in fields(cls)} - {"name"}
        unknown = [key for key in config if key not in allowed]
        problems += [
            f"tables.{name}: unknown key {k!r}, allowed: {sorted(allowed)}" for k in unknown
        ]
        problems += layout._contradictions()
        if problems:
            raise ConfigError("\n".join(problems))
        return layout

    def _contradictions(self) -> list[str]:
        where = f"tables.{self.name}"
        rows, columns = [r.row for r in self.rows], [c.column for c in self.columns]
        problems = []
        for kind, names in (("row", rows), ("column", columns)):
            if not names:
                problems.append(f"{where}.{kind}s: expected at least one {kind}, found none")
            repeated = sorted({n for n in names if names.count(n) > 1})
            problems += [f"{where}.{kind}s: {kind} {n!r} is given more than once" for n in repeated]
        for value in self.published:
            if value.row not in rows:
                problems.append(f"{where}.published: row {value.row!r} is none of {rows}")
            if value.column not in columns:
                problems.append(f"{where}.published: column {value.column!r} is none of {columns}")
            if not _is_number(value.value):
                problems.append(f"{where}.published: expected a number, found {value.value!r}")
        problems += [
            f"{where}: column {column.column!r} needs values that row {row.row!r} lacks: "
            f"{row.metric(column)}"
            for row in self.rows
            for column in self.columns
            if "{" in row.metric(column)
        ]
        for column in self.columns:
            if column.better not in ("high", "low", "none"):
                found = f"found {column.better!r}"
                problems.append(f"{where}.columns: better must be high, low or none, {found}")
        return problems

    def experiments(self) -> list[str]:
        """Names of all experiments that the table needs, each once, in order."""
        return list(dict.fromkeys(e for row in self.rows for e in row.experiments.values()))

    def groups(self) -> list[tuple[str, list[Column]]]:
        """Neighbouring columns of equal group, in order."""
        groups: list[tuple[str, list[Column]]] = []
        for column in self.columns:
            if groups and column.group and groups[-1][0] == column.group:
                groups[-1][1].append(column)
            else:
                groups.append((column.group, [column]))
        return groups


def _is_number(value: float | str) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _read_all(kind: type, config: Mapping, key: str, name: str, problems: list[str]) -> tuple:
    """Entries of one list of the configuration as dataclasses; offences are appended."""
    allowed = [f.name for f in fields(kind)]
    needed = [f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING]
    entries = []
    for i, entry in enumerate(config.get(key, ())):
        where = f"tables.{name}.{key}[{i}]"
        entry = dict(entry)
        if kind is Row and "experiment" in entry:
            entry["experiments"] = {"": entry.pop("experiment")}
        unknown = [k for k in entry if k not in allowed]
        missing = [k for k in needed if k not in entry]
        problems += [f"{where}: unknown key {k!r}, allowed: {allowed}" for k in unknown]
        problems += [f"{where}: the key {k!r} is missing" for k in missing]
        if not unknown and not missing:
            entries.append(kind(**entry))
    return tuple(entries)
