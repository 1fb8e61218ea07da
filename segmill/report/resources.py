"""Time and memory per stage, from the files that Snakemake's ``benchmark:`` directive writes."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from segmill.errors import Problem, raise_problems

COLUMNS = ("s", "max_rss", "mean_load", "cpu_time")
# Snakemake writes these where a job ended before its first sample of memory and load.
MISSING = ("NA", "-", "")


def collect(files: Iterable[str | Path], root: str | Path) -> pd.DataFrame:
    """Sum up benchmark files by stage.

    Parameters
    ----------
    files : benchmark files (TSV) below `root`; the stage is the first folder below `root`, or the
        stem of a file that lies in `root` itself
    root : folder of all benchmark files

    Returns
    -------
    DataFrame, stages in order of first appearance, with the columns ``stage``; ``jobs``;
    ``seconds``, wall time of all jobs together; ``longest_s``, of the longest job; ``cpu_s``,
    processor time of all jobs together; ``max_rss_mb``, greatest resident memory of any job in MB
    as Snakemake samples it. Processor time and memory are empty where no job ran long enough to be
    sampled.

    Raises
    ------
    IntegrityError : names every file that is missing, outside of `root`, without a column or a row
    """
    root, problems, tables = Path(root), [], []
    for path in map(Path, files):
        if not path.is_file():
            problems.append(Problem(str(path), "a benchmark file", "no file"))
            continue
        if not path.is_relative_to(root):
            problems.append(Problem(str(path), f"a file below {root}", "a file elsewhere"))
            continue
        table = pd.read_csv(path, sep="\t", na_values=MISSING, keep_default_na=False)
        absent = [name for name in COLUMNS if name not in table]
        if absent or table.empty:
            found = ", ".join(map(str, table.columns)) if absent else "no row"
            problems.append(Problem(str(path), f"rows of {', '.join(COLUMNS)}", found))
            continue
        tables.append(table[list(COLUMNS)].astype(float).assign(stage=_stage(path, root)))
    raise_problems(problems, "the benchmark files")
    if not tables:
        names = ["stage", "jobs", "seconds", "longest_s", "cpu_s", "max_rss_mb"]
        return pd.DataFrame(columns=names)
    grouped = pd.concat(tables, ignore_index=True).groupby("stage", sort=False)
    return pd.DataFrame(
        {
            "jobs": grouped.size(),
            "seconds": grouped["s"].sum(),
            "longest_s": grouped["s"].max(),
            "cpu_s": grouped["cpu_time"].sum(min_count=1),
            "max_rss_mb": grouped["max_rss"].max(),
        }
    ).reset_index()


def find(root: str | Path) -> list[Path]:
    """All benchmark files below `root`, sorted by path."""
    return sorted(Path(root).rglob("*.tsv"))


def _stage(path: Path, root: Path) -> str:
    inside = path.relative_to(root)
    return inside.parts[0] if len(inside.parts) > 1 else inside.stem


def duration(seconds: float) -> str:
    """A duration for reading: ``0.4 s``, ``12 s``, ``3 min 05 s``, ``2 h 07 min``.

    >>> [duration(s) for s in (0.42, 12.3, 185, 7620)]
    ['0.4 s', '12 s', '3 min 05 s', '2 h 07 min']
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"
