"""The configuration: files, preset and command line, merged and checked before any job.

Every file under ``config/`` may hold a section ``presets`` whose entry for the current preset is
laid over the rest of the file; ``--config set="studies.cells.base.training.batch_size=2"`` is laid
over that. The result is validated against ``workflow/schemas``; all offences are named at once.
"""

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import jsonschema
import yaml

from segmill.errors import ConfigError

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
# Readers are modules of a package, which is only listed here: importing it would load much.
READERS = (
    "synthetic",
    *sorted(
        path.stem
        for path in (Path(__file__).parent / "datasets" / "readers").glob("*.py")
        if path.stem != "__init__"
    ),
)


@dataclass
class Config:
    """Everything that is configured, with the preset and the command line already laid over.

    Attributes
    ----------
    preset : smoke, demo or full
    selected : names of the studies to run
    predict : what the target `predict` applies to new images
    datasets, recipes, classical, studies : name -> settings
    """

    preset: str
    selected: list[str]
    predict: dict = field(default_factory=dict)
    datasets: dict[str, dict] = field(default_factory=dict)
    recipes: dict[str, dict] = field(default_factory=dict)
    classical: dict[str, dict] = field(default_factory=dict)
    studies: dict[str, dict] = field(default_factory=dict)
    _merged: dict[tuple[str, str], dict] = field(default_factory=dict, repr=False, compare=False)

    def experiments(self, study: str) -> list[str]:
        """Names of the experiments of a study that the current preset runs."""
        settings = self.studies[study]
        return list(settings["run"].get("experiments") or settings["experiments"])

    def experiment(self, study: str, name: str) -> dict:
        """Complete settings of one experiment: the study's base with its own laid over.

        Planning asks for the same experiment many times: all get the same mapping, to be read only.
        """
        if (study, name) not in self._merged:
            settings = self.studies[study]
            self._merged[study, name] = merge(settings["base"], settings["experiments"][name])
        return self._merged[study, name]

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
    _raise(
        [
            *_schema_offences(schemas, config),
            *_reference_problems(config),
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
    for kind in overrides:
        if kind not in KINDS:
            yield f"set: {_unknown('kind', kind, KINDS)}"
    for kind in KINDS:
        files = {path.stem: path for path in sorted((root / "config" / kind).glob("*.yaml"))}
        for name in overrides.get(kind, {}):
            if name not in files:
                yield f"set: {kind}.{name}: {_unknown(kind, name, files)}"
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
            for preset in presets:
                if preset not in PRESETS:
                    yield f"{shown}: presets: {_unknown('preset', preset, PRESETS)}"
            laid = merge(raw, presets.get(config.preset) or {})
            getattr(config, kind)[name] = merge(laid, overrides.get(kind, {}).get(name, {}))


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
    for study, settings in config.studies.items():
        if not isinstance(settings.get("base"), dict):
            continue  # the schema of the study has said so
        for name in settings.get("experiments") or {}:
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
                yield f"{place}: {_unknown('key', key, known)}"
    elif error.validator == "enum":
        allowed = [str(value) for value in error.validator_value]
        yield f"{place}: {_unknown('value', str(error.instance), allowed)}"
    else:
        yield f"{place}: {error.message}"


def _unknown(what: str, name: str, legal) -> str:
    legal = sorted(str(value) for value in legal)
    close = difflib.get_close_matches(str(name), legal, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"unknown {what} {name!r}, allowed are {', '.join(legal) or 'none'}{hint}"


def _reference_problems(config: Config) -> Iterator[str]:
    """Names in one file that no other file defines."""
    for dataset, settings in config.datasets.items():
        if settings.get("reader") not in READERS:
            problem = _unknown("reader", str(settings.get("reader")), READERS)
            yield f"config/datasets/{dataset}.yaml: {problem}"
    for study in config.selected:
        if study not in config.studies:
            yield f"config/config.yaml: studies: {_unknown('study', study, config.studies)}"
            continue
        yield from _study_problems(config, study)


def _study_problems(config: Config, study: str) -> Iterator[str]:
    file = f"config/studies/{study}.yaml"
    settings = config.studies[study]
    defined = settings.get("experiments") or {}
    if not isinstance(settings.get("run"), dict) or not isinstance(settings.get("base"), dict):
        return  # the schema has said so
    for name in settings["run"].get("experiments") or []:
        if name not in defined:
            yield f"{file}: run.experiments: {_unknown('experiment', name, defined)}"
    for method in settings.get("classical") or []:
        if method not in config.classical:
            yield f"{file}: classical: {_unknown('method', method, config.classical)}"
    for name in defined:
        merged = config.experiment(study, name)
        for key, legal in (("dataset", config.datasets), ("recipe", config.recipes)):
            if merged.get(key) not in legal:
                problem = _unknown(key, str(merged.get(key)), legal)
                yield f"{file}: experiments.{name}.{key}: {problem}"


def _raise(problems) -> None:
    problems = list(dict.fromkeys(problems))
    if problems:
        count = len(problems)
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise ConfigError(f"{count} problem{'s' * (count != 1)} in the configuration:\n{lines}")
