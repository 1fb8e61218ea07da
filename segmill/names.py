"""Names in the configuration: what one file mentions, another must define."""

import difflib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from segmill.errors import ConfigError
from segmill.methods import parse_method

# Readers are modules of a package, which is only listed here: importing it would load much.
READERS = (
    *("synthetic", "union", "classical"),
    *sorted(
        path.stem
        for path in (Path(__file__).parent / "datasets" / "readers").glob("*.py")
        if path.stem != "__init__"
    ),
)


class Named(dict):
    """Settings by name; asked for a name that it does not have, it says which there are.

    Raises ConfigError, which names `what` was asked for and the legal names.
    """

    def __init__(self, what: str, settings: Mapping = ()):
        super().__init__(settings)
        self.what = what

    def __missing__(self, name: str):
        raise ConfigError(unknown(self.what, name, self))


def unknown(what: str, name: str, legal: Collection) -> str:
    """Message for a name that is not among the legal ones, with the closest of them."""
    legal = sorted(str(value) for value in legal)
    close = difflib.get_close_matches(str(name), legal, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"unknown {what} {name!r}, allowed are {', '.join(legal) or 'none'}{hint}"


def name_problems(config) -> Iterator[str]:
    """One line for each name in a file of a `Config` that no other file defines.

    Entries of the wrong type are passed over: the schema names them.
    """
    for dataset, settings in config.datasets.items():
        if settings.get("reader") not in READERS:
            problem = unknown("reader", str(settings.get("reader")), READERS)
            yield f"config/datasets/{dataset}.yaml: {problem}"
        for problem in _made_of_problems(config, settings):
            yield f"config/datasets/{dataset}.yaml: {problem}"
    for recipe, settings in config.recipes.items():
        dataset = _mapping(settings.get("backgrounds")).get("dataset")
        if dataset is not None and dataset not in config.datasets:
            problem = unknown("dataset", str(dataset), config.datasets)
            yield f"config/recipes/{recipe}.yaml: backgrounds.dataset: {problem}"
    for study in config.selected:
        if study not in config.studies:
            yield f"config/config.yaml: studies: {unknown('study', study, config.studies)}"
            continue
        file = f"config/studies/{study}.yaml"
        for problem in _study_problems(config, study, config.studies[study]):
            yield f"{file}: {problem}"


def _made_of_problems(config, settings: dict) -> Iterator[str]:
    """What is wrong with the datasets and the method that a dataset is made of."""
    if settings.get("reader") not in ("union", "classical"):
        return
    for name in [settings.get("dataset"), *_list(settings.get("datasets"))]:
        if name is not None and name not in config.datasets:
            yield unknown("dataset", str(name), config.datasets)
    method = settings.get("method")
    if method is not None and method not in config.classical:
        yield unknown("method", str(method), config.classical)


def _study_problems(config, study: str, settings: dict) -> Iterator[str]:
    defined = _mapping(settings.get("experiments"))
    for name in _list(_mapping(settings.get("run")).get("experiments")):
        if name not in defined:
            yield f"run.experiments: {unknown('experiment', name, defined)}"
    for name in config.complete_experiments(study):
        merged = config.experiment(study, name)
        for key, legal in (("dataset", config.datasets), ("recipe", config.recipes)):
            if merged.get(key) not in legal:
                problem = unknown(key, str(merged.get(key)), legal)
                yield f"experiments.{name}.{key}: {problem}"
    for name, table in _mapping(settings.get("tables")).items():
        for problem in _table_problems(config, _mapping(table), defined):
            yield f"tables.{name}: {problem}"
    for name, figure in _mapping(settings.get("figures")).items():
        for problem in _figure_problems(config, _mapping(figure), defined):
            yield f"figures.{name}: {problem}"


def _table_problems(config, table: dict, defined: dict) -> Iterator[str]:
    rows = [_mapping(row) for row in _list(table.get("rows"))]
    for row in rows:
        methods = [row.get("experiment"), *_mapping(row.get("experiments")).values()]
        for method in methods:
            if method is not None:
                yield from _method_problems(config, str(method), defined)
    columns = [_mapping(column) for column in _list(table.get("columns"))]
    legal = {
        "row": [row.get("row") for row in rows],
        "column": [column.get("column") for column in columns],
    }
    for value in _list(table.get("published")):
        for key, names in legal.items():
            if _mapping(value).get(key) not in names:
                yield f"published: {unknown(key, str(_mapping(value).get(key)), names)}"


def _method_problems(config, text: str, defined: dict) -> Iterator[str]:
    """What is wrong with the name of a method in a table."""
    try:
        method = parse_method(text)
    except ValueError as error:
        yield str(error)
        return
    where = "" if text in (method.experiment, method.dataset) else f"{text}: "
    legal = {"experiment": defined, "method": config.classical, "dataset": config.datasets}
    if method.study is not None:
        legal["study"] = config.studies
        other = _mapping(config.studies.get(method.study))
        legal["network"] = _mapping(other.get("experiments"))
    for key, names in legal.items():
        name = getattr(method, key)
        if name is not None and name not in names:
            yield where + unknown(key, name, names)


def _figure_problems(config, figure: dict, defined: dict) -> Iterator[str]:
    for name in [figure.get("experiment"), *_list(figure.get("experiments"))]:
        if name is not None and name not in defined:
            yield unknown("experiment", name, defined)
    if figure.get("dataset") not in (None, *config.datasets):
        yield unknown("dataset", figure["dataset"], config.datasets)
    if figure.get("kind") in ("superpixels", "superpixel_numbers"):
        for method in [figure.get("method"), *_list(figure.get("methods"))]:
            if method is not None and method not in config.classical:
                yield unknown("method", str(method), config.classical)


def _mapping(value) -> dict:
    return value if isinstance(value, dict) else {}


def _list(value) -> list:
    return value if isinstance(value, list) else []
