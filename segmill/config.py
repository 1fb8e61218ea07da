"""The configuration: files, preset and command line, merged and checked before any job.

Every file under ``config/`` may hold a section ``presets`` whose entry for the current preset is
laid over the rest of the file; ``--config set="studies.cells.base.training.batch_size=2"`` is laid
over that. The result is validated against ``workflow/schemas``; all offences are named at once.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import jsonschema
import yaml

from segmill.errors import ConfigError
from segmill.names import Named, name_problems, unknown
from segmill.sweeps import expand_sweeps

PRESETS = ("smoke", "demo", "full")
# The same YAML, read several times faster where PyYAML was built with libyaml.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Kind of file -> its folder under config/ and its schema under workflow/schemas/.
KINDS = {
    "datasets": "dataset",
    "recipes": "recipe",
    "classical": "classical",
    "studies": "study",
}
# Blocks of an experiment with a schema of their own, applied once base and experiment are merged.
BLOCKS = ("training", "prediction", "evaluation")


@dataclass
class Config:
    """Everything that is configured, with the preset and the command line already laid over.

    Attributes
    ----------
    preset : smoke, demo or full
    selected : names of the studies to run
    predict : what the target `predict` applies to new images
    datasets, recipes, classical, studies : name -> settings; an unknown name raises ConfigError
    """

    preset: str
    selected: list[str]
    predict: dict = field(default_factory=dict)
    datasets: dict[str, dict] = field(default_factory=lambda: Named("dataset"))
    recipes: dict[str, dict] = field(default_factory=lambda: Named("recipe"))
    classical: dict[str, dict] = field(default_factory=lambda: Named("classical method"))
    studies: dict[str, dict] = field(default_factory=lambda: Named("study"))
    _merged: dict[tuple[str, str], dict] = field(default_factory=dict, repr=False, compare=False)

    def experiments(self, study: str) -> list[str]:
        """Names of the experiments of a study that the current preset runs."""
        settings = self.studies[study]
        return list(settings["run"].get("experiments") or settings["experiments"])

    def experiment(self, study: str, name: str) -> dict:
        """Complete settings of one experiment: the study's base with its own laid over.

        Planning asks for the same experiment many times: all get the same mapping, to be read only.
        Raises ConfigError for a name that the study does not define.
        """
        if (study, name) not in self._merged:
            settings = self.studies[study]
            own = Named(f"experiment of {study}", settings["experiments"])[name]
            self._merged[study, name] = merge(settings["base"], own)
        return self._merged[study, name]

    def complete_experiments(self, study: str) -> list[str]:
        """Names of the experiments whose settings are mappings, in a study not checked yet."""
        settings = self.studies[study]
        found = settings.get("experiments")
        if not isinstance(settings.get("base"), dict) or not isinstance(found, dict):
            return []
        return [name for name, own in found.items() if isinstance(own, dict)]

    def seeds(self, study: str) -> list[int]:
        """Training seeds of a study."""
        return list(self.studies[study]["run"]["seeds"])


def merge(base: dict, over: dict) -> dict:
    """`base` with `over` laid over it, key by key at every depth; neither is changed.

    A mapping given as ``null`` replaces the whole mapping below it; a list replaces a list.
    What only one of them has is not copied: the result is there to be read.
    """
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def load_config(root: str | Path, settings: dict, schemas: str | Path | None = None) -> Config:
    """Read ``config/*/*.yaml`` under `root` and lay preset and command line over them.

    Parameters
    ----------
    root : the folder that holds ``config/``
    settings : content of config/config.yaml, with what the command line changed in it
    schemas : folder of the JSON schemas, ``workflow/schemas`` under `root` if not given

    Raises
    ------
    ConfigError
        naming file, key, what was found and what is allowed, for all offences at once.
    """
    root = Path(root)
    schemas = Path(schemas or root / "workflow" / "schemas")
    settings = {**settings, "studies": _as_list(settings.get("studies"))}
    _raise(_schema_problems(settings, _validator(schemas, "config"), "config/config.yaml"))
    config = Config(
        preset=settings["preset"],
        selected=settings["studies"],
        predict=settings.get("predict") or {},
    )
    overrides = parse_assignments(settings.get("set") or [])
    _raise(_read_all(root, config, overrides))
    _raise(_sweep_offences(config))
    _raise(
        [
            *_schema_offences(schemas, config),
            *name_problems(config),
            *_block_offences(schemas, config),
        ]
    )
    return config


def _as_list(value) -> list:
    """A single name typed on the command line stands for a list of one."""
    return value if isinstance(value, list) else [] if value is None else [value]


def parse_assignments(assignments: str | list[str]) -> dict:
    """Nested mapping of ``"a.b.c=value"`` texts, blank-separated or in a list; values are YAML."""
    texts = assignments.split() if isinstance(assignments, str) else list(assignments)
    nested: dict = {}
    for text in texts:
        path, sign, value = str(text).partition("=")
        keys = path.split(".")
        if not sign or not all(keys):
            raise ConfigError(f"set: expected kind.name.key=value, found {text!r}")
        branch: dict = yaml.safe_load(value)
        for key in reversed(keys):
            branch = {key: branch}
        nested = merge(nested, branch)
    return nested


def _read_all(root: Path, config: Config, overrides: dict) -> Iterator[str]:
    """Fill `config` from the files; yield what keeps a file from being read."""
    for kind, over in list(overrides.items()):
        if kind not in KINDS:
            yield f"set: {unknown('kind', kind, KINDS)}"
        elif not isinstance(over, dict):
            yield f"set: {kind}: expected the name of a file as well, found the value {over!r}"
            del overrides[kind]
    for kind in KINDS:
        files = {path.stem: path for path in sorted((root / "config" / kind).glob("*.yaml"))}
        for name in overrides.get(kind, {}):
            if name not in files:
                yield f"set: {kind}.{name}: {unknown(kind, name, files)}"
        for name, path in files.items():
            shown = path.relative_to(root)
            try:
                raw = yaml.load(path.read_text(), Loader=LOADER)
            except yaml.YAMLError as error:
                yield f"{shown}: not readable as YAML: {error}"
                continue
            if not isinstance(raw, dict):
                yield f"{shown}: expected a mapping of keys, found {type(raw).__name__}"
                continue
            presets = raw.pop("presets", None) or {}
            own = overrides.get(kind, {}).get(name, {})
            problems = [*_preset_problems(shown, presets), *_override_problems(kind, name, own)]
            yield from problems
            if not problems:
                laid = merge(raw, presets.get(config.preset) or {})
                getattr(config, kind)[name] = merge(laid, own)


def _sweep_offences(config: Config) -> Iterator[str]:
    """Write out the sweeps of every study; what is wrong with them."""
    for study, settings in config.studies.items():
        for problem in expand_sweeps(settings, merge):
            yield f"config/studies/{study}.yaml: {problem}"


def _preset_problems(shown: Path, presets) -> Iterator[str]:
    if not isinstance(presets, dict):
        yield f"{shown}: presets: expected a mapping of presets, found {type(presets).__name__}"
        return
    for preset, over in presets.items():
        if preset not in PRESETS:
            yield f"{shown}: presets: {unknown('preset', preset, PRESETS)}"
        elif over is not None and not isinstance(over, dict):
            found = type(over).__name__
            yield f"{shown}: presets.{preset}: expected a mapping of keys, found {found}"


def _override_problems(kind: str, name: str, over) -> Iterator[str]:
    if not isinstance(over, dict):
        yield f"set: {kind}.{name}: expected a key of the file as well, found the value {over!r}"


@cache
def _validator(schemas: Path, name: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((schemas / f"{name}.schema.json").read_text())
    return jsonschema.Draft202012Validator(schema)


def _schema_offences(schemas: Path, config: Config) -> Iterator[str]:
    for kind, schema_name in KINDS.items():
        validator = _validator(schemas, schema_name)
        for name, settings in getattr(config, kind).items():
            yield from _schema_problems(settings, validator, f"config/{kind}/{name}.yaml")


def _block_offences(schemas: Path, config: Config) -> Iterator[str]:
    """Offences of the blocks of each experiment, once the study's base and its own are merged."""
    for study in config.studies:
        for name in config.complete_experiments(study):
            merged = config.experiment(study, name)
            for block in BLOCKS:
                file = f"config/studies/{study}.yaml: experiments.{name}.{block}"
                found = merged.get(block) or {}
                yield from _schema_problems(found, _validator(schemas, block), file)


def _schema_problems(
    settings: dict, validator: jsonschema.Draft202012Validator, file: str
) -> Iterator[str]:
    """One line for each place where `settings` breaks a schema."""
    for error in sorted(validator.iter_errors(settings), key=lambda e: str(list(e.path))):
        yield from _describe(error, file)


def _describe(error: jsonschema.ValidationError, file: str) -> Iterator[str]:
    """Name the key, the value found and what is allowed; look into alternatives for the closest."""
    if error.context:
        best = jsonschema.exceptions.best_match([error])
        if best is not error:
            yield from _describe(best, file)
            return
    where = ".".join(str(key) for key in error.absolute_path)
    place = f"{file}: {where}" if where else file
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = error.schema.get("properties", {})
        for key in error.instance:
            if key not in known:
                yield f"{place}: {unknown('key', key, known)}"
    elif error.validator == "enum":
        allowed = [str(value) for value in error.validator_value]
        yield f"{place}: {unknown('value', str(error.instance), allowed)}"
    else:
        yield f"{place}: {error.message}"


def _raise(problems) -> None:
    problems = list(dict.fromkeys(problems))
    if problems:
        count = len(problems)
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise ConfigError(f"{count} problem{'s' * (count != 1)} in the configuration:\n{lines}")
