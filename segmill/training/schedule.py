"""The learning rate of each epoch."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from segmill.errors import ConfigError
from segmill.options import build_options, option

KINDS = ("table", "constant", "halve_every", "plateau", "cosine")


@dataclass(frozen=True)
class ScheduleOptions:
    """Options of the schedule. Keys that the `kind` does not use are ignored, so that an experiment
    can change the kind of the settings that it shares with others.

    kind : ``"table"``, ``"constant"``, ``"halve_every"``, ``"plateau"`` or ``"cosine"``
    table : for ``"table"``: [[first epoch, rate], ...], epochs counting from 1 and ascending; a row
        holds until the next one begins, the last one for ever
    rate : of the first epoch, for all kinds but ``"table"``
    every : for ``"halve_every"``: epochs after which the rate is halved, again and again
    factor : for ``"plateau"``: what the rate is multiplied by
    patience : for ``"plateau"``: epochs in a row without a lower validation loss before it is;
        counted as by Keras, where torch's ReduceLROnPlateau wants one less for the same. Any lower
        loss counts, while these ask for 1e-4 (Keras: absolute, torch: relative) by default
    floor : least rate of ``"halve_every"``, ``"plateau"`` and ``"cosine"`` (its last epoch)
    warmup : for ``"cosine"``: epochs in which the rate rises linearly to `rate` first
    """

    kind: str = option("constant", choices=KINDS)
    table: tuple = ()
    rate: float = option(1e-3, low=0.0)
    every: int = option(2, low=1)
    factor: float = option(0.5, low=0.0, high=1.0)
    patience: int = option(3, low=1)
    floor: float = option(0.0, low=0.0)
    warmup: int = option(0, low=0)


def schedule_options(values: Mapping) -> ScheduleOptions:
    """Options from a configuration; ConfigError names every wrong one."""
    values = dict(values)
    table = values.pop("table", None)
    offences = []
    try:
        options = build_options(ScheduleOptions, values, "schedule")
    except ConfigError as error:
        offences = [line.strip() for line in str(error).split("\n")[1:]]
    if values.get("kind") == "table":
        offences += _table_offences(table)
    if offences:
        raise ConfigError("schedule:\n" + "\n".join(f"  {offence}" for offence in offences))
    if options.kind != "table":
        return options
    return replace(options, table=tuple((int(first), float(rate)) for first, rate in table))


def _table_offences(table: Any) -> list[str]:
    expected = "table: expected rows [first epoch, rate]"
    if not isinstance(table, list | tuple) or not table:
        return [f"{expected}, found {table!r}"]
    for row in table:
        pair = isinstance(row, list | tuple) and len(row) == 2
        if not pair or any(isinstance(v, bool) or not isinstance(v, int | float) for v in row):
            return [f"{expected}, found {row!r}"]
        if int(row[0]) != row[0] or not 0 <= row[1] < math.inf:
            return [f"{expected}, a whole number and a rate of at least 0, found {row!r}"]
    epochs = [row[0] for row in table]
    if epochs[0] != 1 or any(a >= b for a, b in itertools.pairwise(epochs)):
        return [f"table: expected ascending first epochs from 1 on, found {epochs}"]
    return []


@dataclass
class Schedule:
    """The rate of each epoch; for ``"plateau"`` it depends on the validation losses so far.

    Attributes
    ----------
    options : what to do
    epochs : number of epochs of the whole training, the length of ``"cosine"``
    state : plain numbers that a checkpoint keeps: rate, least validation loss, epochs without a
        lower one
    """

    options: ScheduleOptions
    epochs: int
    state: dict[str, float] = field(default_factory=dict)

    def __post_init__(self):
        self.state = self.state or {"rate": self.options.rate, "lowest": math.inf, "waited": 0}

    def rate(self, epoch: int) -> float:
        """Learning rate of an epoch, counting from 1."""
        o = self.options
        if o.kind == "table":
            return float([rate for first, rate in o.table if first <= epoch][-1])
        if o.kind == "halve_every":
            return max(o.rate * 0.5 ** ((epoch - 1) // o.every), o.floor)
        if o.kind == "plateau":
            return self.state["rate"]
        if o.kind == "cosine":
            return self._cosine(epoch)
        return o.rate

    def _cosine(self, epoch: int) -> float:
        o = self.options
        if epoch <= o.warmup:
            return o.rate * epoch / o.warmup
        share = (epoch - o.warmup - 1) / max(1, self.epochs - o.warmup - 1)
        return o.floor + (o.rate - o.floor) * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))

    def observe(self, validation_loss: float) -> None:
        """Tell the validation loss of the epoch that has ended."""
        if self.options.kind != "plateau":
            return
        if validation_loss < self.state["lowest"]:
            self.state |= {"lowest": validation_loss, "waited": 0}
            return
        self.state["waited"] += 1
        if self.state["waited"] >= self.options.patience:
            lower = max(self.state["rate"] * self.options.factor, self.options.floor)
            self.state |= {"rate": lower, "waited": 0}
