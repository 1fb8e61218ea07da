"""The settings of a training as a whole: the block ``training`` of an experiment, checked."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch

from segmill import losses, models
from segmill.errors import ConfigError
from segmill.options import build_options
from segmill.training.optimizers import OPTIMIZERS, optimizer_options
from segmill.training.precision import Precision
from segmill.training.schedule import ScheduleOptions, schedule_options
from segmill.training.settings import (
    Choice,
    Curriculum,
    EarlyStop,
    NotionBalance,
    Settings,
    WeightMap,
)

ALL = "all"
AUTO = "auto"
# Sections of a training that a configuration has among the options of the loss.
_AMONG_LOSS = ("weights", "balance")
_WEIGHT_MAP = tuple(f.name for f in fields(WeightMap))


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(Settings):
    """All settings of a training; see :class:`Settings` for the plain ones.

    model : name and options of a network, see :func:`segmill.models.build`
    loss : name and options of a loss, see :func:`segmill.losses.build`; the option ``weights`` of
        ``focal`` may be ``"auto"``: measured on the training's images, see `balance`
    balance : how; in a configuration its key ``weights_limit`` stands among the options of the loss
    weights : the weight map of losses that need one; in a configuration its keys ``w0``,
        ``sigma`` and ``class_weights`` stand among the options of the loss
    optimizer : name and options, see :mod:`segmill.training.optimizers`
    schedule, early_stop, curriculum, precision : see their classes; null for early_stop: never
        stop early; null for curriculum: all levels from the start
    """

    model: Choice
    loss: Choice
    weights: WeightMap
    balance: NotionBalance
    optimizer: Choice
    schedule: ScheduleOptions
    early_stop: EarlyStop | None
    curriculum: Curriculum | None
    precision: Precision

    @classmethod
    def from_dict(cls, block: Mapping[str, Any]) -> "TrainingConfig":
        """Check the block ``training`` of an experiment and fill in defaults.

        Raises
        ------
        ConfigError
            naming every unknown key, wrong type, illegal name and value at once.
        """
        return _Reader(block).read()

    def to_dict(self) -> dict:
        """The settings as plain values, defaults filled in: what :meth:`from_dict` reads."""
        block = asdict(self)
        maps, balance = block.pop("weights"), block.pop("balance")
        block["loss"]["options"] |= maps if "weight" in self.needs else {}
        block["loss"]["options"] |= balance if self.balances_notions else {}
        for key in ("steps_per_epoch", "validation_steps"):
            block[key] = ALL if block[key] is None else block[key]
        return _plain(block)

    @property
    def needs(self) -> tuple[str, ...]:
        """Labels that the loss cannot do without."""
        return self.build_loss().needs

    @property
    def balances_notions(self) -> bool:
        """Whether the weights of the notions come from the data."""
        return self.loss.options.get("weights") == AUTO

    def build_loss(self, notion_weights: tuple[float, ...] | None = None) -> losses.Loss:
        """The loss, with these weights where they come from the data."""
        measured = {"weights": notion_weights} if self.balances_notions else {}
        return losses.build(self.loss.name, **{**self.loss.options, **measured})


def _plain(value: Any) -> Any:
    """Tuples as lists, at every depth."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value


class _Reader:
    """Reads the block section by section and collects what is wrong with each."""

    def __init__(self, block: Mapping[str, Any]):
        if not isinstance(block, Mapping):
            raise ConfigError(f"training: expected a mapping of settings, found {block!r}")
        self.block = dict(block)
        self.offences: list[str] = []

    def read(self) -> TrainingConfig:
        known = [f.name for f in fields(TrainingConfig) if f.name not in _AMONG_LOSS]
        self._refuse_unknown(self.block, known, "")
        model = self._choice("model", models.names(), _check_model)
        loss, weights, balance = self._loss()
        optimizer = self._choice("optimizer", OPTIMIZERS, optimizer_options, {"name": "adam"})
        sections = {
            "schedule": self._section("schedule", schedule_options),
            "precision": self._section("precision", Precision),
            "early_stop": self._section("early_stop", EarlyStop, optional=True),
            "curriculum": self._section("curriculum", Curriculum, optional=True),
        }
        settings = self._settings()
        if self.offences:
            lines = "\n".join(f"  {offence}" for offence in self.offences)
            raise ConfigError(f"settings of a training:\n{lines}")
        return TrainingConfig(
            **asdict(settings),
            **sections,
            model=model,
            loss=loss,
            weights=weights,
            balance=balance,
            optimizer=optimizer,
        )

    def _refuse_unknown(self, found: Mapping, known: list[str], where: str) -> None:
        for key in [key for key in found if key not in known]:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            self.offences.append(f"{where}{key}: unknown key; {hint}known: {', '.join(known)}")

    def _try(self, make: Callable[[], Any], where: str) -> Any:
        try:
            return make()
        except ConfigError as error:
            lines = str(error).split("\n")
            for line in lines[1:] or lines:
                self.offences.append(f"{where}{line.strip()}")
            return None

    def _section(self, key: str, make: type | Callable, optional: bool = False) -> Any:
        values = self.block.get(key)
        if values is None and optional:
            return None
        if values is not None and not isinstance(values, Mapping):
            self.offences.append(f"{key}: expected a mapping, found {values!r}")
            return None
        values = dict(values or {})
        if isinstance(make, type):
            return self._try(lambda: build_options(make, values, key), f"{key}.")
        return self._try(lambda: make(values), f"{key}.")

    def _choice(
        self,
        key: str,
        legal: tuple[str, ...],
        check: Callable[[str, dict], Any],
        default: Mapping | None = None,
    ) -> Choice | None:
        values = self.block.get(key) or default
        if not isinstance(values, Mapping) or "name" not in values:
            self.offences.append(f"{key}: expected a mapping with a name, found {values!r}")
            return None
        self._refuse_unknown(values, ["name", "options"], f"{key}.")
        name, options = values["name"], values.get("options") or {}
        if name not in legal:
            self.offences.append(f"{key}.name: expected one of {', '.join(legal)}, found {name!r}")
            return None
        if not isinstance(options, Mapping):
            self.offences.append(f"{key}.options: expected a mapping, found {options!r}")
            return None
        self._try(lambda: check(name, dict(options)), f"{key}.options.")
        return Choice(name, dict(options))

    def _loss(self) -> tuple[Choice | None, WeightMap | None, NotionBalance | None]:
        """The loss, and the options that stand among its own but are of the training."""
        maps: dict[str, Any] = {}
        balance: dict[str, Any] = {}

        def check(name: str, options: dict) -> None:
            own = dict(options)
            if name == "weighted_cross_entropy":
                maps.update({k: own.pop(k) for k in _WEIGHT_MAP if k in own})
            if name == "focal" and own.get("weights") == AUTO:
                own.pop("weights")
                balance.update({k: own.pop(k) for k in ("weights_limit",) if k in own})
            losses.build(name, **own)

        loss = self._choice("loss", losses.names(), check)
        if loss is not None:
            taken = {*maps, *balance}
            own = {key: value for key, value in loss.options.items() if key not in taken}
            loss = Choice(loss.name, own)
        where = "loss.options."
        return (
            loss,
            self._try(lambda: build_options(WeightMap, maps, "loss"), where),
            self._try(lambda: build_options(NotionBalance, balance, "loss"), where),
        )

    def _settings(self) -> Settings | None:
        names = {f.name for f in fields(Settings)}
        values = {key: value for key, value in self.block.items() if key in names}
        for key in ("steps_per_epoch", "validation_steps"):
            if key in values:
                if values[key] is None:
                    self.offences.append(f"{key}: expected a number of steps or {ALL!r}")
                elif values[key] == ALL:
                    values[key] = None
        return self._try(lambda: build_options(Settings, values, "training"), "")


def _check_model(name: str, options: dict) -> None:
    """Build the network without memory or random draws, for its checks alone."""
    with torch.device("meta"):
        models.build(name, 1, 2, **options)
