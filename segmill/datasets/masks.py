"""Label files of a dataset: class ids, class colours, object ids, or regions of equal value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np
from skimage.measure import label as label_regions

from segmill.datasets.raster import LOSSY_SUFFIXES, Raster, offence, read_raster
from segmill.errors import ConfigError
from segmill.options import build_options, option

KINDS = ("instances", "regions", "object_files", "semantic", "colours")
INSTANCE_KINDS = KINDS[:3]
BORDER_CLASSES = ("background", "cell", "border")
# More offending values than this help nobody.
SHOWN = 5


@dataclass(frozen=True)
class LabelRules:
    """What the pixels of a label file mean.

    Attributes
    ----------
    kind : ``instances`` (object ids), ``regions`` (an object is a connected region of equal
        non-zero value), ``object_files`` (one binary file per object), ``semantic`` (class ids) or
        ``colours`` (a colour per class)
    border_width : derive class ids background, cell, border from objects with borders of that many
        pixels; None leaves the objects alone
    channel : the channel that carries the labels, where the file has several
    connectivity : 8 or 4 neighbours make a region
    ignore : label value of pixels that nobody annotated
    fragments : one object may lie in several pieces even if it is alone in its image
    classes : class names, position = id
    values : class name -> values of the file; without it the values are the ids
    colours : class name -> "#rrggbb" colours of the file
    """

    kind: str = option("instances", choices=KINDS)
    border_width: int | None = option(None, low=1, high=100)
    channel: int | None = option(None, low=0, high=15)
    connectivity: int = option(8, choices=(4, 8))
    ignore: int | None = option(None, low=0, high=65535)
    fragments: bool = option(False)
    classes: tuple[str, ...] = field(default=())
    values: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    colours: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def gives_instances(self) -> bool:
        """Whether the files tell objects apart."""
        return self.kind in INSTANCE_KINDS

    @property
    def gives_semantic(self) -> bool:
        """Whether there will be class ids, read or derived."""
        return not self.gives_instances or self.border_width is not None


def label_rules(config: Mapping) -> LabelRules:
    """Rules from the keys `labels` and `classes` of a dataset's configuration.

    Raises ConfigError naming every key that is unknown, missing or at odds with another.
    """
    section = dict(config.get("labels") or {})
    tables = {name: _several(section.pop(name, None) or {}) for name in ("values", "colours")}
    scalar = {f.name for f in fields(LabelRules) if "low" in f.metadata}
    unknown = {k: v for k, v in section.items() if k not in scalar}
    if unknown:
        known = sorted([*scalar, *tables])
        raise ConfigError(f"labels: unknown keys {sorted(unknown)}; known are {known}")
    rules = build_options(LabelRules, section, "labels")
    classes = tuple(config.get("classes") or ())
    if not classes and rules.gives_instances and rules.border_width is not None:
        classes = BORDER_CLASSES
    rules = replace(rules, classes=classes, **tables)
    offences = _conflicts(rules)
    if offences:
        raise ConfigError("labels:\n" + "\n".join(f"  {line}" for line in offences))
    return rules


def _several(table: Mapping) -> dict[str, tuple]:
    """A table of one value or a list of values per class, as tuples."""
    return {str(k): tuple(v) if isinstance(v, list | tuple) else (v,) for k, v in table.items()}


def _conflicts(rules: LabelRules) -> list[str]:
    offences = []
    if rules.gives_instances and rules.border_width is not None and len(rules.classes) != 3:
        offences.append(
            "classes: expected three names (background, object, border) with labels.border_width, "
            f"found {list(rules.classes)}"
        )
    if not rules.gives_instances and not rules.classes:
        offences.append(f"classes: expected class names with labels.kind: {rules.kind}, found none")
    if not rules.gives_instances and rules.border_width is not None:
        offences.append(f"border_width: expected labels with objects, found kind: {rules.kind}")
    if rules.gives_instances and (rules.values or rules.colours):
        offences.append(f"values, colours: expected none with kind: {rules.kind}")
    if rules.kind == "colours" and set(rules.colours) != set(rules.classes):
        offences.append(
            f"colours: expected a colour for each of {list(rules.classes)}, "
            f"found {list(rules.colours)}"
        )
    for name in [*rules.values, *rules.colours]:
        if name not in rules.classes:
            offences.append(f"{name}: expected one of the classes {list(rules.classes)}")
    return offences + _repeated(rules)


def _repeated(rules: LabelRules) -> list[str]:
    """Values or colours that two classes claim, and colours that are none."""
    offences = []
    for what, table in (("values", rules.values), ("colours", rules.colours)):
        flat = [str(v).lower() for several in table.values() for v in several]
        twice = sorted({v for v in flat if flat.count(v) > 1})
        if twice:
            offences.append(f"{what}: expected one class for each, found {twice} in two classes")
    for colour in (c for several in rules.colours.values() for c in several):
        try:
            parse_colour(colour)
        except ValueError:
            offences.append(f'colours: expected "#rrggbb", found {colour!r}')
    return offences


def parse_colour(text: str) -> int:
    """The 24-bit number of a colour written as ``#rrggbb``; ValueError otherwise."""
    text = str(text)
    if len(text) != 7 or text[0] != "#":
        raise ValueError(f"expected #rrggbb, found {text!r}")
    return int(text[1:], 16)


@dataclass(frozen=True)
class Labels:
    """Labels of one image; arrays are (h, w): semantic uint8, instances int32, ignore bool."""

    semantic: np.ndarray | None = None
    instances: np.ndarray | None = None
    ignore: np.ndarray | None = None


def read_labels(paths: Sequence[Path], rules: LabelRules, page: int | None = None) -> Labels:
    """Read the label file, or the files of all objects, of one image.

    Object ids are kept as they are in the file; regions are numbered in raster order, files of
    single objects in the order given.

    Raises
    ------
    IntegrityError
        naming each file, what was expected and what was found.
    """
    if rules.kind == "object_files":
        return Labels(instances=_join_objects(paths, rules))
    if len(paths) != 1:
        names = ", ".join(p.name for p in paths)
        raise offence(paths[0], "one mask for its image", f"{len(paths)}: {names}")
    path = paths[0]
    raster = _read_lossless(path, page)
    if rules.kind == "colours":
        return Labels(semantic=_from_colours(raster, rules, path))
    values = _label_values(raster, rules, path)
    ignore = None if rules.ignore is None else values == rules.ignore
    if ignore is not None:
        values = np.where(ignore, np.zeros((), values.dtype), values)
    if rules.kind == "semantic":
        return Labels(semantic=_class_ids(values, rules, path, ignore), ignore=ignore)
    if rules.kind == "regions":
        instances = label_regions(values, background=0, connectivity=rules.connectivity // 4)
        return Labels(instances=instances.astype(np.int32), ignore=ignore)
    return Labels(instances=_object_ids(values, rules, path), ignore=ignore)


def _read_lossless(path: Path, page: int | None) -> Raster:
    if path.suffix.lower() in LOSSY_SUFFIXES:
        raise offence(path, "a lossless mask (PNG, TIFF, BMP)", "JPEG, which alters label values")
    return read_raster(path, page)


def _label_values(raster: Raster, rules: LabelRules, path: Path) -> np.ndarray:
    """The (h, w) integer values that carry labels."""
    values = raster.values
    if values.ndim == 3:
        if rules.channel is None:
            fix = "labels.channel: 0 takes the first channel, labels.kind: colours reads colours"
            found = "an RGB mask" if values.shape[2] == 3 else f"{values.shape[2]} channels"
            raise offence(path, f"one channel of label values ({fix})", found)
        if rules.channel >= values.shape[2]:
            raise offence(path, f"channel {rules.channel}", f"{values.shape[2]} channels")
        values = np.ascontiguousarray(values[..., rules.channel])
    if values.dtype == bool:
        values = values.astype(np.uint8)
    if values.dtype.kind not in "ui":
        raise offence(path, "whole numbers as labels", f"{values.dtype.name} values")
    if values.dtype.kind == "i" and values.min(initial=0) < 0:
        raise offence(path, "labels from 0", f"the value {values.min()}")
    return values


def _object_ids(values: np.ndarray, rules: LabelRules, path: Path) -> np.ndarray:
    if values.max(initial=0) > np.iinfo(np.int32).max:
        raise offence(path, f"object ids up to {np.iinfo(np.int32).max}", f"{values.max()}")
    if values.dtype == np.uint8 and values.max(initial=0) == 255 and not rules.fragments:
        present = np.flatnonzero(np.bincount(values.ravel(), minlength=256))
        regions = label_regions(values > 0, connectivity=2).max() if len(present) <= 2 else 1
        if regions > 1:
            raise offence(path, INSTANCES_EXPECTED, f"a binary mask 0/255 of {regions} regions")
    return values.astype(np.int32)


INSTANCES_EXPECTED = (
    "an id for each object (labels.kind: regions makes each connected region an object)"
)


def _class_ids(
    values: np.ndarray, rules: LabelRules, path: Path, ignore: np.ndarray | None
) -> np.ndarray:
    """Class ids from file values; `ignore` pixels are class 0."""
    present, counts = np.unique(values if ignore is None else values[~ignore], return_counts=True)
    table = rules.values or {name: (k,) for k, name in enumerate(rules.classes)}
    ids = {value: rules.classes.index(name) for name, several in table.items() for value in several}
    alien = [(int(v), int(n)) for v, n in zip(present, counts, strict=True) if int(v) not in ids]
    if alien:
        raise offence(path, *_alien_values(alien, present, ids, rules))
    semantic = np.zeros(values.shape, np.uint8)
    for value in present:
        if ids[int(value)]:
            semantic[values == value] = ids[int(value)]
    if ignore is not None:
        semantic[ignore] = 0
    return semantic


def _alien_values(
    alien: list[tuple[int, int]], present: np.ndarray, ids: dict[int, int], rules: LabelRules
) -> tuple[str, str]:
    """What was expected and found where values belong to no class."""
    known = ", ".join(f"{v} ({rules.classes[k]})" for v, k in sorted(ids.items())[:10])
    if set(present.tolist()) <= {0, 255} and not rules.values:
        names = f"{rules.classes[0]}: 0, {rules.classes[-1]}: 255"
        fix = f"labels.values: {{{names}}} maps a binary mask"
        return f"class ids {known}; {fix}", "a mask 0/255"
    shown = ", ".join(f"{v} ({n} pixels)" for v, n in alien[:SHOWN])
    more = f" and {len(alien) - SHOWN} more" if len(alien) > SHOWN else ""
    return f"labels {known}", f"labels outside the classes: {shown}{more}"


def _from_colours(raster: Raster, rules: LabelRules, path: Path) -> np.ndarray:
    """Class ids from colours."""
    colours = raster.rgb()
    if colours.ndim == 2:
        colours = np.repeat(colours[..., None], 3, axis=2)
    if colours.dtype != np.uint8 or colours.shape[2] != 3:
        found = f"{colours.shape[2]} channels of {colours.dtype.name}"
        raise offence(path, "8-bit RGB or palette colours", found)
    r, g, b = (colours[..., k].astype(np.int32) for k in range(3))
    codes = (r << 16) | (g << 8) | b
    present, inverse, counts = np.unique(codes, return_inverse=True, return_counts=True)
    ids = {
        parse_colour(colour): rules.classes.index(name)
        for name, several in rules.colours.items()
        for colour in several
    }
    alien = [(int(c), int(n)) for c, n in zip(present, counts, strict=True) if int(c) not in ids]
    if alien:
        shown = ", ".join(f"#{c:06x} ({n} pixels)" for c, n in alien[:SHOWN])
        more = f" and {len(alien) - SHOWN} more" if len(alien) > SHOWN else ""
        known = ", ".join(f"#{c:06x} ({rules.classes[k]})" for c, k in ids.items())
        raise offence(path, f"the colours {known}", f"colours of no class: {shown}{more}")
    lookup = np.array([ids[int(code)] for code in present], np.uint8)
    return lookup[inverse].reshape(codes.shape)


def _join_objects(paths: Sequence[Path], rules: LabelRules) -> np.ndarray:
    """One label image from a binary file per object; objects must not overlap."""
    instances: np.ndarray | None = None
    for k, path in enumerate(paths, start=1):
        inside = _label_values(_read_lossless(path, None), rules, path) > 0
        if instances is None:
            instances = np.zeros(inside.shape, np.int32)
        if inside.shape != instances.shape:
            found = f"{inside.shape[0]} x {inside.shape[1]}"
            raise offence(path, f"{_size(instances)} pixels as {paths[0].name}", found)
        taken = instances[inside & (instances > 0)]
        if taken.size:
            other = paths[int(taken[0]) - 1].name
            raise offence(path, "objects that do not overlap", f"{taken.size} pixels of {other}")
        instances[inside] = k
    return instances


def _size(array: np.ndarray) -> str:
    return f"{array.shape[0]} x {array.shape[1]}"
