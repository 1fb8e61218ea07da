"""What a configuration says of COCO files: which there are, and what their categories become."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from segmill.errors import ConfigError, Problem
from segmill.options import build_options, option

BACKGROUND = "background"
# Class ids of objects that are not among the wanted categories.
LEFT_OUT, IGNORED = 0, -1
MOST_CLASSES = 256


@dataclass(frozen=True)
class CocoRules:
    """What becomes of images and annotations.

    Attributes
    ----------
    labels : arrays to make: `instances`, `semantic` (the category of the object seen at a pixel)
    crowd : pixels of crowds (several objects as one region) are not annotated (``ignore``), or a
        crowd is an object like others (``instances``), or not there (``background``)
    others : objects of categories that are not wanted are ``background``, or their pixels are not
        annotated (``ignore``)
    empty : images without any wanted object are kept (``keep``), or left out (``drop``)
    check : before the store is planned, decode every image (``full``), read its size from its
        header (``headers``), or trust the annotations (``names``)
    invalid : an annotation with a malformed segmentation, or one outside its image, is an
        ``error``, or left out with a warning (``skip``)
    tolerance : coordinates up to this far outside the image are accepted, in px; what a polygon
        covers there is cut off
    """

    labels: tuple[str, ...] = option(("instances", "semantic"), choices=("instances", "semantic"))
    crowd: str = option("ignore", choices=("ignore", "instances", "background"))
    others: str = option("background", choices=("background", "ignore"))
    empty: str = option("keep", choices=("keep", "drop"))
    check: str = option("headers", choices=("full", "headers", "names"))
    invalid: str = option("error", choices=("error", "skip"))
    tolerance: float = option(1.0, low=0, high=100)

    def conflicts(self) -> list[str]:
        """What is wrong with the rules."""
        good = self.labels and len(set(self.labels)) == len(self.labels)
        return [] if good else [f"labels: expected each at most once, found {list(self.labels)}"]


@dataclass(frozen=True)
class CocoSet:
    """One annotation file and the folder of its images, both relative to the dataset's root."""

    annotations: str
    images: str = option(".")


def coco_sets(section: object) -> dict[str, CocoSet]:
    """Sets by name from ``coco.sets``; ConfigError naming all that is wrong with them."""
    example = "{train: {annotations: instances_train2017.json, images: train2017}}"
    if not isinstance(section, Mapping) or not section:
        raise ConfigError(f"coco.sets: expected sets such as {example}, found {section!r}")
    sets, offences = {}, []
    for name, entry in section.items():
        if not isinstance(entry, Mapping):
            offences.append(f"  {name}: expected annotations and images, found {entry!r}")
            continue
        try:
            sets[str(name)] = build_options(CocoSet, entry, f"coco.sets.{name}")
        except ConfigError as error:
            offences.append(f"  {error}")
    if offences:
        raise ConfigError("\n".join(["coco.sets:", *offences]))
    return sets


class Categories:
    """Which categories become which classes.

    Parameters
    ----------
    wanted : names of categories, each a class; or class -> name, or list of names; None: all
        categories, in the order of their numbers
    """

    def __init__(self, wanted: object):
        self._wanted = None if wanted is None else _as_mapping(wanted)

    def resolve(
        self, files: Iterable[tuple[Path, Mapping[int, str]]], others: int
    ) -> tuple[tuple[str, ...], list[dict[int, int]], list[Problem]]:
        """Classes, and what the categories of each file become.

        Parameters
        ----------
        files : path and categories (id -> name) of each
        others : what the categories that are not wanted become

        Returns
        -------
        classes : names, the background first
        lookups : for each file category id -> class id, or `others`
        problems : wanted names that a file does not have
        """
        files = list(files)
        wanted = self._wanted
        if wanted is None:
            names = [known[number] for _, known in files for number in sorted(known)]
            wanted = {name: name for name in dict.fromkeys(names)}
        numbers = {name: k for k, name in enumerate(dict.fromkeys(wanted.values()), start=1)}
        problems = []
        for path, known in files:
            if self._wanted is not None:
                problems += [_missing(path, name, known) for name in wanted.keys() - known.values()]
            if BACKGROUND in numbers:
                problems.append(Problem(str(path), "a category by another name", BACKGROUND))
        lookups = [
            {i: numbers[wanted[name]] if name in wanted else others for i, name in known.items()}
            for _, known in files
        ]
        return (BACKGROUND, *numbers), lookups, sorted(problems, key=str)


def _as_mapping(wanted: object) -> dict[str, str]:
    """Category -> class; ConfigError where the configuration is no such thing."""
    if isinstance(wanted, list) and wanted:
        wanted = {name: name for name in wanted} if _texts(wanted) else None
    if not isinstance(wanted, Mapping) or not wanted:
        example = "[cat, dog], or {animal: [cat, dog]}"
        raise ConfigError(f"coco.categories: expected names such as {example}, found {wanted!r}")
    classes: dict[str, str] = {}
    for name, several in wanted.items():
        several = several if isinstance(several, list) else [several]
        if not _texts([name, *several]):
            raise ConfigError(f"coco.categories.{name}: expected names, found {several!r}")
        for category in several:
            if category in classes:
                raise ConfigError(f"coco.categories: expected {category} once, found it again")
            classes[category] = name
    return classes


def _texts(values: list) -> bool:
    return all(isinstance(value, str) and value for value in values)


def _missing(path: Path, name: str, known: Mapping[int, str]) -> Problem:
    near = difflib.get_close_matches(name, known.values(), n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    listed = ", ".join(sorted(known.values()))
    return Problem(str(path), f"the category {name} ({hint}there are {listed})", "none")
