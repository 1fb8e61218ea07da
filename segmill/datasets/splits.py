"""Which samples train, validate and test: groups are never divided."""

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import translate
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from segmill.datasets.base import Record
from segmill.datasets.raster import SUFFIXES
from segmill.errors import ConfigError, Problem, raise_problems
from segmill.random import generator
from segmill.store.plan import SPLITS

KEYS = ("column", "names", "lists", "files", "rest", "fractions", "seed")
TOLERANCE = 1e-6
# Names that an unknown entry is compared with, for a hint.
MAX_COMPARED = 10_000


def assign_splits(records: Sequence[Record], settings: Mapping, root: Path) -> list[str]:
    """The split of each record: train, val or test; see :func:`split_rows`."""
    column = (settings or {}).get("column", "split")
    values = [r.split if column == "split" else r.extra.get(column) for r in records]
    table = pd.DataFrame(
        {
            "sample_id": [record.sample_id for record in records],
            "group": [record.group for record in records],
            # As objects: a whole number beside an empty cell stays a whole number.
            column: pd.Series(values, dtype=object),
        }
    )
    return list(split_rows(table, settings, root))


def split_rows(table: pd.DataFrame, settings: Mapping, root: Path) -> pd.Categorical:
    """The split of each row of a table: train, val or test.

    A group takes the split that its source names, else the one of the list that names it or one
    of its samples, else `rest`, else its share of `fractions`.

    Parameters
    ----------
    table : with the columns `sample_id`, `group` and the column that names the split, if any
    settings : the key `split` of a dataset's configuration. `column`: the source's own column, by
        default ``split``; `names`: split -> the source's words for it; `lists`: split -> sample
        ids, groups, or patterns with ``*``; `files`: split -> text file with one of these per
        line, relative to `root`; `rest`: one split; `fractions`: split -> share of the samples;
        `seed`: of the draw.
    root : folder of the dataset

    Raises
    ------
    ConfigError
        for settings that contradict each other.
    IntegrityError
        listing unknown entries, groups in two splits, and samples without a split.
    """
    settings = dict(settings or {})
    _check_settings(settings)
    claims, problems = _claims(table, settings, root)
    groups: dict[str, str] = {}
    for group, found in claims.items():
        if len(found) > 1:
            shown = ", ".join(f"{split} ({why})" for split, why in sorted(found.items()))
            problems.append(Problem(f"group {group}", "one split for all its samples", shown))
        groups[group] = min(found)
    counts = table["group"].value_counts(sort=False)
    sizes = {group: int(count) for group, count in counts.items() if group not in groups and count}
    if "rest" in settings:
        groups.update(dict.fromkeys(sizes, settings["rest"]))
    elif "fractions" in settings:
        drawn, more = _draw(sizes, settings["fractions"], settings.get("seed", 0))
        groups.update(drawn)
        problems += more
    named = {problem.file for problem in problems}
    # By group, not by row: there may be a hundred times as many rows.
    codes, names = pd.factorize(table["group"])
    by_group = np.array([SPLITS.index(groups[n]) if n in groups else -1 for n in names], np.int8)
    splits = pd.Categorical.from_codes(by_group[codes], SPLITS)
    problems += [
        Problem(_name(sample_id), f"a split ({', '.join(SPLITS)})", "none: see split")
        for sample_id in table["sample_id"][splits.isna()]
        if _name(sample_id) not in named
    ]
    raise_problems(problems, f"the split of dataset {root}")
    return splits


def _name(sample_id: str) -> str:
    return f"sample {sample_id}"


def _check_settings(settings: Mapping) -> None:
    offences = [f"unknown key {key!r}; known are {KEYS}" for key in settings if key not in KEYS]
    for key in ("names", "lists", "files", "fractions"):
        alien = set(settings.get(key) or {}) - set(SPLITS)
        if alien:
            offences.append(f"{key}: expected splits {SPLITS}, found {sorted(map(str, alien))}")
    if "rest" in settings and settings["rest"] not in SPLITS:
        offences.append(f"rest: expected one of {SPLITS}, found {settings['rest']!r}")
    if "rest" in settings and "fractions" in settings:
        offences.append("rest, fractions: expected one of the two, found both")
    if "names" in settings and "column" not in settings:
        offences.append("names: expected the key column beside it")
    fractions = settings.get("fractions")
    if fractions is not None:
        values = list(fractions.values())
        if any(v < 0 for v in values) or abs(sum(values) - 1) > TOLERANCE:
            offences.append(f"fractions: expected shares that sum to 1, found {dict(fractions)}")
    if offences:
        raise ConfigError("split:\n" + "\n".join(f"  {offence}" for offence in offences))


def _claims(
    table: pd.DataFrame, settings: Mapping, root: Path
) -> tuple[dict[str, dict[str, str]], list[Problem]]:
    """For each group the splits that the source or a list gives it, with the first reason."""
    claims: dict[str, dict[str, str]] = defaultdict(dict)
    problems = []
    if settings.get("column") in table:
        words, unknown = _by_column(table, settings)
        problems += unknown
        for sample_id, group, split in words:
            claims[group].setdefault(split, sample_id)
    own = set(claims) if "column" in settings else set()
    lists = list(_lists(settings, root, problems))
    exact = _exact_matches({name for _, entries, _ in lists for name in entries}, table)
    for split, entries, where in lists:
        for entry in entries:
            groups = exact.get(entry) or _matching(entry, table)
            if not groups:
                problems.append(_unmatched(entry, table, where))
            for group in groups:
                # A list answers for what the source leaves open.
                if group not in own:
                    claims[group].setdefault(split, entry)
    return claims, problems


def _by_column(
    table: pd.DataFrame, settings: Mapping
) -> tuple[list[tuple[str, str, str]], list[Problem]]:
    """(sample, group, split) of the first row of each group and split that a column names."""
    column = settings["column"]
    names = settings.get("names") or {}
    words = {split: split for split in SPLITS}
    for split, several in names.items():
        several = several if isinstance(several, list | tuple) else [several]
        words.update({str(word): split for word in several})
    # An empty cell of a table names nothing.
    given = table[table[column].notna()]
    splits = given[column].astype(object).map(lambda value: words.get(str(value)))
    unknown = given[splits.isna()]
    expected = f"one of {', '.join(words)} in column {column} (split.names adds words)"
    problems = [
        Problem(_name(sample_id), expected, repr(value))
        for sample_id, value in zip(unknown["sample_id"], unknown[column], strict=True)
    ]
    found = given[["sample_id", "group"]].assign(split=splits)[splits.notna()]
    found = found.drop_duplicates(["group", "split"])
    return list(found.itertuples(index=False, name=None)), problems


def _lists(
    settings: Mapping, root: Path, problems: list[Problem]
) -> Iterable[tuple[str, list[str], str]]:
    """(split, entries, where they stand) of all lists in the configuration and in files."""
    for split, entries in (settings.get("lists") or {}).items():
        yield split, [str(entry) for entry in entries], f"split.lists.{split}"
    for split, name in (settings.get("files") or {}).items():
        path = root / name
        try:
            lines = [line.strip() for line in path.read_text().splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            problems.append(Problem(str(path), f"a text file with the {split} samples", str(error)))
            continue
        yield split, [line for line in lines if line and not line.startswith("#")], str(path)


def _names(entry: str) -> set[str]:
    """What an entry may name: lists in files often name the image with its extension."""
    suffix = PurePosixPath(entry).suffix.lower()
    return {entry, entry[: -len(suffix)]} if suffix in SUFFIXES else {entry}


def _exact_matches(entries: set[str], table: pd.DataFrame) -> dict[str, list[str]]:
    """For each entry the groups that it names by group or sample id, letter by letter."""
    names = {name for entry in entries for name in _names(entry)}
    hit = table["group"].isin(names) | table["sample_id"].isin(names)
    found = table.loc[hit, ["sample_id", "group"]]
    groups: dict[str, set[str]] = defaultdict(set)
    for sample_id, group in found.itertuples(index=False, name=None):
        groups[group].add(group)
        groups[sample_id].add(group)
    return {
        entry: sorted(set().union(*(groups.get(name, ()) for name in _names(entry))))
        for entry in entries
    }


def _matching(entry: str, table: pd.DataFrame) -> list[str]:
    """Groups that a pattern names by group or sample id."""
    if not any(sign in entry for sign in "*?"):
        return []
    matches = re.compile(translate(entry.replace("[", "[[]"))).match
    groups = {group for group in table["group"].unique() if matches(group)}
    rows = zip(table["sample_id"], table["group"], strict=True)
    return sorted(groups | {group for sample_id, group in rows if matches(sample_id)})


def _unmatched(entry: str, table: pd.DataFrame, where: str) -> Problem:
    names = table["sample_id"].tolist()
    near = difflib.get_close_matches(entry, names[:MAX_COMPARED], n=1)
    hint = f", such as {(near or names)[0]}" if names else ""
    return Problem(where, f"a sample id, a group or a pattern of these{hint}", repr(entry))


def _draw(
    sizes: Mapping[str, int], fractions: Mapping[str, float], seed: int
) -> tuple[dict[str, str], list[Problem]]:
    """A split for each group, samples shared out as the fractions say.

    Every wanted split first gets one group; then each group goes where most samples are lacking.
    The order is drawn for each group by its name, whatever other groups there are.
    """
    wanted = [split for split in SPLITS if fractions.get(split, 0) > 0]
    if sizes and len(sizes) < len(wanted):
        expected = f"at least {len(wanted)} groups to share out among {', '.join(wanted)}"
        return {}, [Problem("split.fractions", expected, f"{len(sizes)}: {', '.join(sizes)}")]
    order = sorted(sizes, key=lambda group: (generator(seed, "split", group).random(), group))
    total = sum(sizes.values())
    lacking = {split: fractions[split] * total for split in wanted}
    drawn = {}
    for k, group in enumerate(order):
        # Ties go to the first split of SPLITS: deterministic.
        split = wanted[k] if k < len(wanted) else max(wanted, key=lambda s: lacking[s])
        drawn[group] = split
        lacking[split] -= sizes[group]
    return drawn, []
