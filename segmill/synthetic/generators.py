"""What a synthetic data set can be made of: a table of generators by name."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar

from segmill.clicks import CLICK
from segmill.errors import ConfigError
from segmill.notions import BEAMLINE
from segmill.options import build_options
from segmill.samples import Sample
from segmill.store import FieldSpec
from segmill.synthetic.beamline import beamline_options, render_frame
from segmill.synthetic.cells import CLASSES, cell_options, render_cells
from segmill.synthetic.membranes import CLASSES as MEMBRANE_CLASSES
from segmill.synthetic.membranes import MembraneOptions, render_membranes
from segmill.synthetic.scenes import SceneOptions, render_scene
from segmill.synthetic.suspensions import CENTRE_SIGMA, render_particles, suspension_options
from segmill.targets import check_target, target_names


class Generator(ABC):
    """Draws the samples of a data set from its configuration.

    Samples come in scenes of `frames` images each; the images of a scene are one group.

    Parameters
    ----------
    config : mapping, with ``options`` and the keys in `KEYS`

    Attributes
    ----------
    KEYS : keys of the configuration that only this generator knows
    options : dataclass with at least `height` and `width`, checked
    fields : arrays of the store, name -> FieldSpec
    source : what the table says the images come from
    units : of the grey levels, where the configuration does not say
    frames : images per scene
    columns : of the table, equal in all rows

    Raises
    ------
    ConfigError
        on construction, naming every wrong option.
    """

    KEYS: ClassVar[frozenset[str]] = frozenset()
    units = "grey levels"
    frames = 1
    options: Any
    fields: dict[str, FieldSpec]
    source: str

    @abstractmethod
    def __init__(self, config: Mapping):
        pass

    @staticmethod
    def offences(config: Mapping) -> list[str]:
        """What is wrong with the keys of `KEYS`."""
        return []

    @property
    def columns(self) -> dict[str, Any]:
        return {}

    @abstractmethod
    def attributes(self) -> tuple[dict, dict]:
        """Attributes of the store: those before, and those after the ones of the data set."""

    @abstractmethod
    def sample(self, seed: int, scene: int, frame: int) -> Sample:
        """Draw one image of a scene."""


class Cells(Generator):
    """Cells under a microscope; `modality` and `border_width` as of `segmill.synthetic.cells`."""

    KEYS = frozenset({"modality", "border_width"})

    def __init__(self, config: Mapping):
        self.modality = config.get("modality", "fluorescent")
        self.border_width = config.get("border_width", 2)
        self.options = cell_options(self.modality, **(config.get("options") or {}))
        self.source = f"synthetic {self.modality} cells"
        self.fields = {
            "image": FieldSpec("uint8" if self.options.bit_depth == 8 else "uint16", 1),
            "semantic": FieldSpec("uint8", None),
            "instances": FieldSpec("int32", None),
        }

    @staticmethod
    def offences(config: Mapping) -> list[str]:
        width = config.get("border_width", 2)
        is_number = isinstance(width, int | float) and not isinstance(width, bool)
        if is_number and 0 <= width <= 100:
            return []
        return [f"border_width: expected 0 to 100 pixels, found {width!r}"]

    @property
    def columns(self) -> dict[str, Any]:
        return {"mm_per_px": self.options.pixel_size_um / 1000}

    def attributes(self) -> tuple[dict, dict]:
        derived = {"semantic": {"kind": "cell_border", "width": self.border_width}}
        return {"classes": list(CLASSES)}, {"derived": derived}

    def sample(self, seed: int, scene: int, frame: int) -> Sample:
        return render_cells(seed, scene, self.modality, self.options, self.border_width)


class Beamline(Generator):
    """Samples on a goniometer; the columns are those of `segmill.synthetic.beamline_sweep`."""

    source = "synthetic beamline"
    units = "grey levels (8-bit colour camera)"

    def __init__(self, config: Mapping):
        self.options = beamline_options(**{"frames": 1, **(config.get("options") or {})})
        self.frames = self.options.frames
        self.fields = {
            "image": FieldSpec("uint8", 3),
            "notions": FieldSpec("uint16", None),
            "target": FieldSpec("float16", 1),
        }

    def attributes(self) -> tuple[dict, dict]:
        return {"notions": list(BEAMLINE), "targets": [CLICK]}, {}

    def sample(self, seed: int, scene: int, frame: int) -> Sample:
        return render_frame(seed, scene, frame, self.options)


class Particles(Generator):
    """Dense suspensions; `centre_sigma` as `sigma` of `segmill.synthetic.particles`."""

    KEYS = frozenset({"centre_sigma"})
    source = "synthetic suspension"
    units = "grey levels (8-bit camera)"

    def __init__(self, config: Mapping):
        self.options = suspension_options(**(config.get("options") or {}))
        self.target = _particle_target(config)
        self.fields = {
            "image": FieldSpec("uint8", 3),
            "instances": FieldSpec("int32", None),
            "target": FieldSpec("float16", len(target_names(self.target))),
        }

    @staticmethod
    def offences(config: Mapping) -> list[str]:
        try:
            check_target(_particle_target(config))
        except ConfigError:
            low_to_high = "expected 0.1 to 1000 pixels"
            return [f"centre_sigma: {low_to_high}, found {config['centre_sigma']!r}"]
        return []

    def attributes(self) -> tuple[dict, dict]:
        return {"targets": list(target_names(self.target))}, {"derived": {"target": self.target}}

    def sample(self, seed: int, scene: int, frame: int) -> Sample:
        sample = render_particles(seed, scene, self.options, self.target["sigma"])
        sample.target = sample.target.astype("float16")
        return sample


class Membranes(Generator):
    """Sections of nerve tissue, see `segmill.synthetic.membranes`."""

    source = "synthetic membranes"
    units = "grey levels (8 bits)"

    def __init__(self, config: Mapping):
        options = config.get("options") or {}
        self.options = build_options(MembraneOptions, options, "options of membranes")
        self.fields = {"image": FieldSpec("uint8", 1), "semantic": FieldSpec("uint8", None)}

    def attributes(self) -> tuple[dict, dict]:
        return {"classes": list(MEMBRANE_CLASSES)}, {}

    def sample(self, seed: int, scene: int, frame: int) -> Sample:
        return render_membranes(seed, scene, self.options)


class Scenes(Generator):
    """Colour scenes of shapes that hide one another, see `segmill.synthetic.scenes`."""

    source = "synthetic scenes"
    units = "grey levels (8 bits per colour)"

    def __init__(self, config: Mapping):
        options = config.get("options") or {}
        self.options = build_options(SceneOptions, options, "options of scenes")
        self.fields = {"image": FieldSpec("uint8", 3), "instances": FieldSpec("int32", None)}

    def attributes(self) -> tuple[dict, dict]:
        return {}, {}

    def sample(self, seed: int, scene: int, frame: int) -> Sample:
        return render_scene(seed, scene, self.options)


def _particle_target(config: Mapping) -> dict:
    """What makes the target from the instances, see :func:`segmill.targets.derive_target`."""
    return {"kind": "particles", "sigma": config.get("centre_sigma", CENTRE_SIGMA)}


GENERATORS: dict[str, type[Generator]] = {
    "cells": Cells,
    "beamline": Beamline,
    "particles": Particles,
    "membranes": Membranes,
    "scenes": Scenes,
}


def plain_options(generator: Generator) -> dict:
    """The options of a generator as a mapping, all defaults among them."""
    return asdict(generator.options)
