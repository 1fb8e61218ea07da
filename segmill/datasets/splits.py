"""Which samples train, validate and test: groups are never divided."""

import difflib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from segmill.datasets.base import Record
from segmill.datasets.raster import SUFFIXES
from segmill.errors import ConfigError, Problem, raise_problems
from segmill.random import generator
from segmill.store.plan import SPLITS

KEYS = ("column", "names", "lists", "files", "rest", "fractions", "seed")
TOLERANCE = 1e-6


def assign_splits(records: Sequence[Record], settings: Mapping, root: Path) -> list[str]:
    """The split of each record: train, val or test.

    A group takes the split that its source names, else the one of the list that names it or one
    of its samples, else `rest`, else its share of `fractions`.

    Parameters
    ----------
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
    claims, problems = _claims(records, settings, root)
    groups: dict[str, str] = {}
    for group, found in claims.items():
        if len(found) > 1:
            shown = ", ".join(f"{split} ({why})" for split, why in sorted(found.items()))
            problems.append(Problem(f"group {group}", "one split for all its samples", shown))
        groups[group] = min(found)
    open_sizes = Counter(r.group for r in records if r.group not in groups)
    if "rest" in settings:
        groups.update(dict.fromkeys(open_sizes, settings["rest"]))
    elif "fractions" in settings:
        drawn, more = _draw(open_sizes, settings["fractions"], settings.get("seed", 0))
        groups.update(drawn)
        problems += more
    named = {problem.file for problem in problems}
    problems += [
        Problem(_name(r), f"a split ({', '.join(SPLITS)})", "none: see split")
        for r in records
        if r.group not in groups and _name(r) not in named
    ]
    raise_problems(problems, f"the split of dataset {root}")
    return [groups[record.group] for record in records]


def _name(record: Record) -> str:
    return f"sample {record.sample_id}"


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
    records: Sequence[Record], settings: Mapping, root: Path
) -> tuple[dict[str, dict[str, str]], list[Problem]]:
    """For each group the splits that the source or a list gives it, with the first reason."""
    claims: dict[str, dict[str, str]] = defaultdict(dict)
    problems = []
    if "column" in settings:
        words, unknown = _by_column(records, settings)
        problems += unknown
        for record, split in words:
            claims[record.group].setdefault(split, record.sample_id)
    for split, entries, where in _lists(settings, root, problems):
        for entry in entries:
            groups = _matching(entry, records)
            if not groups:
                problems.append(_unmatched(entry, records, where))
            for group in groups:
                # A list answers for what the source leaves open.
                if "column" not in settings or group not in claims:
                    claims[group].setdefault(split, entry)
    return claims, problems


def _by_column(
    records: Sequence[Record], settings: Mapping
) -> tuple[list[tuple[Record, str]], list[Problem]]:
    """Records with the split that a column of the source names."""
    column = settings["column"]
    names = settings.get("names") or {}
    words = {split: split for split in SPLITS}
    for split, several in names.items():
        several = several if isinstance(several, list | tuple) else [several]
        words.update({str(word): split for word in several})
    found, problems = [], []
    for record in records:
        value = record.split if column == "split" else record.extra.get(column)
        # An empty cell of a table is NaN, the only value unlike itself.
        if value is None or value != value:
            continue
        if str(value) in words:
            found.append((record, words[str(value)]))
        else:
            expected = f"one of {', '.join(words)} in column {column} (split.names adds words)"
            problems.append(Problem(_name(record), expected, repr(value)))
    return found, problems


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


def _matching(entry: str, records: Sequence[Record]) -> list[str]:
    """Groups that an entry names by group, sample id, or a pattern of either."""
    # Lists in files often name the image with its extension.
    suffix = PurePosixPath(entry).suffix.lower()
    names = {entry, entry[: -len(suffix)]} if suffix in SUFFIXES else {entry}
    exact = {r.group for r in records if r.group in names or r.sample_id in names}
    if exact or not any(sign in entry for sign in "*?"):
        return sorted(exact)
    pattern = entry.replace("[", "[[]")
    matches = (r for r in records if any(fnmatchcase(n, pattern) for n in (r.group, r.sample_id)))
    return sorted({record.group for record in matches})


def _unmatched(entry: str, records: Sequence[Record], where: str) -> Problem:
    names = [record.sample_id for record in records]
    near = difflib.get_close_matches(entry, names, n=1)
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
