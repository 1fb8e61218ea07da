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
from segmill.training.settings import Choice, Curriculum, EarlyStop, Settings, WeightMap

ALL = "all"


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(Settings):
    """All settings of a training; see :class:`Settings` for the plain ones.

    model : name and options of a network, see :func:`segmill.models.build`
    loss : name and options of a loss, see :func:`segmill.losses.build`
    weights : the weight map of losses that need one; in a configuration its keys ``w0`` and
        ``sigma`` stand among the options of the loss
    optimizer : name and options, see :mod:`segmill.training.optimizers`
    schedule, early_stop, curriculum, precision : see their classes; null for early_stop: never
        stop early; null for curriculum: all levels from the start
    """

    model: Choice
    loss: Choice
    weights: WeightMap
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
        block["loss"]["options"] |= block.pop("weights") if "weight" in self.needs else {}
        if "weight" not in self.needs:
            block.pop("weights", None)
        for key in ("steps_per_epoch", "validation_steps"):
            block[key] = ALL if block[key] is None else block[key]
        return _plain(block)

    @property
    def needs(self) -> tuple[str, ...]:
        """Labels that the loss cannot do without."""
        return losses.build(self.loss.name, **self.loss.options).needs


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
        self._refuse_unknown(self.block, [f.name for f in fields(TrainingConfig)], "")
        model = self._choice("model", models.names(), _check_model)
        weights, loss = self._loss()
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
            optimizer=optimizer,
        )

    def _refuse_unknown(self, found: Mapping, known: list[str], where: str) -> None:
        for key in [key for key in found if key not in known or key == "weights"]:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            legal = ", ".join(name for name in known if name != "weights")
            self.offences.append(f"{where}{key}: unknown key; {hint}known: {legal}")

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

    def _loss(self) -> tuple[WeightMap | None, Choice | None]:
        """The loss without the options of its weight map, and those."""
        taken: dict[str, Any] = {}

        def check(name: str, options: dict) -> None:
            own = dict(options)
            if name == "weighted_cross_entropy":
                taken.update({k: own.pop(k) for k in ("w0", "sigma") if k in own})
            losses.build(name, **own)

        loss = self._choice("loss", losses.names(), check)
        weights = self._try(lambda: build_options(WeightMap, taken, "loss"), "loss.options.")
        if loss is None:
            return weights, None
        own = {key: value for key, value in loss.options.items() if key not in taken}
        return weights, Choice(loss.name, own)

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
