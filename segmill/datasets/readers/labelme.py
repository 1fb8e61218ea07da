"""Annotations by LabelMe: overlapping notions drawn as polygons, and the point a user would click.

A label becomes the notion of its name; several shapes of one label unite. Two labels of the
beamline's annotators speak of the image as a whole. ``not_background`` marks what is no background
without saying which part it is: foreground and nothing else. ``background``, drawn around the whole
image, says that somebody looked and found no sample: it adds to no notion, and parts drawn over it
stay what they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from segmill.clicks import CLICK
from segmill.datasets.base import BaseReader, Record
from segmill.datasets.click_names import parse_name
from segmill.datasets.images import single_image_rules
from segmill.datasets.labelme_files import Annotation, Shape, read_annotation, read_labelme_image
from segmill.datasets.names import natural
from segmill.datasets.polygons import outside, rasterise
from segmill.datasets.raster import offence
from segmill.datasets.views import View
from segmill.errors import ConfigError, Problem, raise_problems
from segmill.notions import BEAMLINE, MOST_NOTIONS, pack_named
from segmill.options import build_options, option
from segmill.samples import Sample


@dataclass(frozen=True)
class LabelmeRules:
    """Which files are read and what their labels mean.

    Attributes
    ----------
    pattern : glob of the JSON files, relative to the root of the dataset
    notions : names of the notions in the order of their bits; `foreground` is the union of all
    foreground_labels : labels of things that belong to the foreground and to no other notion
    background_labels : labels that add to no notion, and say that the image has been looked at
    ignored_labels : labels of shapes that are left out without a word
    click_label : label of the point where a user would click
    tolerance : points up to this far outside the image are accepted, in px; what a polygon covers
        there is cut off
    empty : a file without any shape is an ``error``, since nobody may have annotated it, or
        ``background``
    named_clicks : where no point was drawn, take the click in the name of the file
    """

    pattern: str = option("*.json")
    notions: tuple[str, ...] = option(BEAMLINE)
    foreground_labels: tuple[str, ...] = option(("not_background", "dust", "drop"))
    background_labels: tuple[str, ...] = option(("background",))
    ignored_labels: tuple[str, ...] = option(())
    click_label: str = option("user_click")
    tolerance: float = option(1.0, low=0, high=100)
    empty: str = option("error", choices=("error", "background"))
    named_clicks: bool = option(False)

    def conflicts(self) -> list[str]:
        """What is wrong with the rules."""
        labels = [*self.notions, *self.foreground_labels, *self.background_labels]
        labels += [*self.ignored_labels, self.click_label]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        offences = [f"{label}: expected one meaning for this label" for label in twice]
        if not 1 <= len(self.notions) <= MOST_NOTIONS:
            offences.append(f"notions: expected 1 to {MOST_NOTIONS}, found {len(self.notions)}")
        return offences


class Reader(BaseReader):
    """One sample per JSON file. Configuration: `labelme` (LabelmeRules, ViewRules of
    :mod:`segmill.datasets.views`, `calibration`, `aliases`: label -> label of the rules), `images`.

    `target` holds the click's heat map: zero where the image is known to be empty, since nobody
    would click there, NaN where there is a sample but no click.
    """

    targets = (CLICK,)

    def __init__(self, config: Mapping, root: str | Path):
        super().__init__(config, root)
        if "labels" in config:
            raise ConfigError("labels: expected none, shapes become notions: see labelme")
        section = dict(config.get("labelme") or {})
        self.aliases = dict(section.pop("aliases", None) or {})
        self.view = View(config, section, "labelme")
        self.rules = build_options(LabelmeRules, section, "labelme")
        self.notions = self.rules.notions
        self.images = single_image_rules(config.get("images"))
        strangers = sorted({v for v in self.aliases.values() if v not in self._known})
        if strangers:
            known = ", ".join(self._known)
            raise ConfigError(f"labelme.aliases: expected a name among {known}, found {strangers}")

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the arrays that each sample has."""
        return ("image", "notions", "target")

    @property
    def _known(self) -> tuple[str, ...]:
        rules = self.rules
        lists = (rules.notions, rules.foreground_labels, rules.background_labels)
        return (*(n for names in lists for n in names), *rules.ignored_labels, rules.click_label)

    @property
    def _ignored(self) -> set[str]:
        """Labels in the files that are left out."""
        ignored = set(self.rules.ignored_labels)
        return ignored | {label for label, meant in self.aliases.items() if meant in ignored}

    def listing(self) -> tuple[list[Record], list[Problem]]:
        """The files in natural order; what their names tell becomes columns of the table."""
        paths = [path for path in self.root.glob(self.rules.pattern) if path.is_file()]
        paths.sort(key=lambda path: natural(path.relative_to(self.root).as_posix()))
        if not paths:
            expected = "JSON files of LabelMe"
            return [], [Problem(f"{self.root}/{self.rules.pattern}", expected, "none")]
        problems: list[Problem] = []
        records = [self._record(path, problems) for path in paths]
        return [record for record in records if record is not None], problems

    def _record(self, path: Path, problems: list[Problem]) -> Record | None:
        source = path.relative_to(self.root).as_posix()
        sample_id = source.removesuffix(path.suffix)
        try:
            facts = parse_name(path.stem)
        except ValueError as error:
            problems.append(Problem(str(path), "a date that exists in its name", str(error)))
            return None
        try:
            mm_per_px = self.view.mm_per_px(facts.zoom)
        except ValueError as error:
            problems.append(Problem(str(path), str(error), f"zoom {facts.zoom}"))
            return None
        return Record(
            sample_id=sample_id,
            group=self.view.family(facts, path.stem) or sample_id,
            source=source,
            image=path,
            extra={
                "kind": facts.kind,
                "omega": np.nan if facts.omega is None else facts.omega,
                "zoom": np.nan if facts.zoom is None else facts.zoom,
                "mm_per_px": mm_per_px,
            },
        )

    def read(self, record: Record) -> Sample:
        """The sample of a record; nothing is derived."""
        return self.load(record)

    def load(self, record: Record) -> Sample:
        """Image, notions and click of a file.

        Raises IntegrityError naming the file, and each label and coordinate that is wrong in it.
        """
        annotation = read_annotation(record.image, self._ignored)
        image = read_labelme_image(annotation, self.images)
        shapes = self._meant(annotation, image.shape[:2])
        image = self.view.shrink(image)
        click = self._click(shapes, record.image, image.shape[:2])
        declared_empty = click is None and all(
            shape.label in self.rules.background_labels for shape in shapes
        )
        target = self.view.target(image.shape[:2], click, record.extra["mm_per_px"])
        if declared_empty:
            target[:] = 0
        row, column = (np.nan, np.nan) if click is None else click
        return Sample(
            image,
            notions=self._notions(shapes, image.shape[:2]),
            target=target,
            notes={"click_row": row, "click_column": column, "shapes": len(shapes)},
        )

    def _meant(self, annotation: Annotation, size: tuple[int, int]) -> list[Shape]:
        """The shapes that count, labelled as the rules do; IntegrityError naming the others."""
        path, problems, meant = annotation.path, [], []
        for shape in annotation.shapes:
            label = self.aliases.get(shape.label, shape.label)
            where = f"{path}, shape {shape.number} ({shape.label})"
            expected = self._offence(label, shape)
            if expected:
                problems.append(Problem(where, expected, f"a {shape.kind} {shape.label!r}"))
            stray = outside(shape.points, size, self.rules.tolerance)
            if len(stray):
                found = ", ".join(f"({x:g}, {y:g})" for x, y in stray)
                image = f"points x, y inside the image of {size[1]} x {size[0]} px (width x height)"
                problems.append(Problem(where, image, found))
            meant.append(replace(shape, label=label, points=self.view.moved(shape.points)))
        clicks = sum(shape.label == self.rules.click_label for shape in meant)
        if clicks > 1:
            label = self.rules.click_label
            problems.append(Problem(str(path), f"at most one {label}", f"{clicks}"))
        if not meant and self.rules.empty == "error":
            hint = "labelme.empty: background takes such a file as an image without sample"
            problems.append(Problem(str(path), f"a shape ({hint})", "none"))
        raise_problems(problems)
        return meant

    def _offence(self, label: str, shape: Shape) -> str | None:
        """What was expected instead of a label that is unknown or does not go with its shape."""
        if label not in self._known:
            return f"one of {', '.join(self._known)} (labelme.aliases or ignored_labels adds more)"
        is_click = label == self.rules.click_label
        if is_click != (shape.kind == "point"):
            return f"{label} as a {'point' if is_click else 'polygon or rectangle'}"
        return None

    def _click(
        self, shapes: list[Shape], path: Path, size: tuple[int, int]
    ) -> tuple[float, float] | None:
        """(row, column) of the click in px of the stored image of `size`, None without one."""
        for shape in shapes:
            if shape.label == self.rules.click_label:
                column, row = shape.points[0]
                return float(row), float(column)
        named = parse_name(path.stem).click
        if not self.rules.named_clicks or named is None:
            return None
        row, column = self.view.moved(np.array(named))
        if len(outside(np.array([[column, row]]), size)):
            found = f"a click in its name at row {named[0]:g}, column {named[1]:g}"
            raise offence(path, "a click inside the image", found)
        return float(row), float(column)

    def _notions(self, shapes: list[Shape], size: tuple[int, int]) -> np.ndarray:
        """Bit map (h, w) uint16 of the drawn notions."""
        silent = (*self.rules.background_labels, self.rules.click_label)
        masks: dict[str, np.ndarray] = {}
        for shape in shapes:
            if shape.label not in silent:
                mask = rasterise(shape.points, size)
                masks[shape.label] = masks[shape.label] | mask if shape.label in masks else mask
        return pack_named(masks, self.notions, size)
