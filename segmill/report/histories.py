"""Training histories as one table, and what a curve needs of them."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from segmill.errors import Problem, raise_problems

COLUMNS = ("epoch", "phase", "loss", "iou", "lr", "level")
PHASES = ("train", "val")

HistoryFiles = Mapping[str, Mapping[int, str | Path]]


def read_histories(files: HistoryFiles) -> pd.DataFrame:
    """Read ``history.parquet`` of every experiment and training seed into one table.

    Parameters
    ----------
    files : ``{experiment: {seed: path}}``

    Returns
    -------
    DataFrame with the columns ``experiment, seed`` and those of the files, in the order given, then
    by epoch

    Raises
    ------
    IntegrityError : names every file that is missing, lacks a column or phase, or repeats an epoch
    """
    problems, tables = [], []
    for experiment, seeds in files.items():
        for seed, path in seeds.items():
            if not Path(path).is_file():
                problems.append(Problem(str(path), "a training history", "no file"))
                continue
            table = pd.read_parquet(path)
            problems += _problems(str(path), table)
            table.insert(0, "seed", seed)
            table.insert(0, "experiment", experiment)
            tables.append(table)
    if not files:
        problems.append(Problem("histories", "at least one training history", "none"))
    raise_problems(problems, "the training histories")
    together = pd.concat(tables, ignore_index=True)
    rank = together["experiment"].map({name: i for i, name in enumerate(files)})
    return (
        together.assign(rank=rank)
        .sort_values(["rank", "seed", "epoch", "phase"], ignore_index=True)
        .drop(columns="rank")
    )


def _problems(path: str, table: pd.DataFrame) -> list[Problem]:
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        found = ", ".join(map(str, table.columns))
        return [Problem(path, f"the columns {', '.join(missing)}", found)]
    phases = set(table["phase"])
    if phases != set(PHASES):
        return [Problem(path, "the phases train and val", ", ".join(sorted(phases)) or "no row")]
    repeated = table[table.duplicated(["epoch", "phase"])]
    if len(repeated):
        epochs = ", ".join(map(str, sorted(set(repeated["epoch"]))))
        return [Problem(path, "each epoch once per phase", f"epoch {epochs} repeated")]
    return []


def mean_over_seeds(history: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """Mean, least and greatest value over the seeds of one experiment and phase, by epoch.

    Only epochs that every seed reached count: where one seed stopped early, a mean over those left
    would jump without any network having changed.

    Returns
    -------
    DataFrame indexed by epoch with the columns ``mean, low, high``
    """
    by_epoch = history.groupby("epoch")[quantity].agg(["mean", "min", "max", "count"])
    complete = by_epoch[by_epoch["count"] == history["seed"].nunique()]
    return complete.rename(columns={"min": "low", "max": "high"})[["mean", "low", "high"]]


def best_epoch(history: pd.DataFrame, kept_by: str = "iou") -> int:
    """Epoch whose weights were kept, of one run: greatest validation IoU, or least validation loss.

    The first of equals, as a run that keeps only what is strictly better.
    """
    validation = history[history["phase"] == "val"].set_index("epoch")
    if kept_by == "loss":
        return int(validation["loss"].idxmin())
    return int(validation[kept_by].idxmax())


def switch_epoch(history: pd.DataFrame) -> int | None:
    """First epoch that one run trained at a level above its first, or None."""
    training = history[history["phase"] == "train"]
    above = training[training["level"] > training["level"].min()]
    return None if above.empty else int(above["epoch"].min())


def rate_changes(history: pd.DataFrame) -> list[tuple[int, float]]:
    """``(epoch, learning rate)`` at the start and wherever the rate changes, over all seeds.

    Seeds of one experiment share their schedule but may stop at different epochs: the longest is
    read.
    """
    training = history[history["phase"] == "train"]
    longest = training.loc[training["seed"] == training.groupby("seed")["epoch"].max().idxmax()]
    rates = longest.sort_values("epoch")
    changed = rates["lr"].ne(rates["lr"].shift())
    return [(int(epoch), float(lr)) for epoch, lr in rates.loc[changed, ["epoch", "lr"]].to_numpy()]
