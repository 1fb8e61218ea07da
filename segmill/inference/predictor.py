"""Trained networks applied to one image at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from segmill.clicks import CLICK
from segmill.errors import ConfigError
from segmill.inference.instances import InstanceOptions, instances_from_scores
from segmill.inference.network import TrainedNetwork
from segmill.inference.objects import measure_objects
from segmill.inference.particles import ParticleOptions, Particles, find_particles
from segmill.inference.pixels import as_pixels
from segmill.inference.tiling import TilingOptions
from segmill.inference.tta import VIEWS
from segmill.notions import pack
from segmill.options import build_options
from segmill.particles import CENTRE, MASK
from segmill.threads import torch_threads
from segmill.training.precision import Precision


@dataclass(frozen=True)
class Prediction:
    """What networks say of one image, all in the frame (row, column) and size of that image.

    Attributes
    ----------
    scores : (h, w, K) float32; probabilities that sum to 1 (task semantic), probabilities of
        overlapping notions (task notions), or values (task target)
    classes : names of the K scores
    task : ``"semantic"``, ``"notions"`` or ``"target"``
    instance_options : how class probabilities become objects
    particle_options : how a mask and a map of centres become particles
    """

    scores: np.ndarray
    classes: tuple[str, ...]
    task: str
    instance_options: InstanceOptions
    particle_options: ParticleOptions = field(default_factory=ParticleOptions)

    @property
    def kind(self) -> str:
        """The task, or ``"particles"`` where the values are a mask and a map of centres."""
        return kind_of(self.task, self.classes)

    @cached_property
    def semantic(self) -> np.ndarray:
        """(h, w) uint8: the class of the largest score. Only for exclusive classes."""
        self._require_classes("semantic")
        return np.argmax(self.scores, axis=2).astype(np.uint8)

    @cached_property
    def instances(self) -> np.ndarray:
        """(h, w) int32 objects from 1, 0 = background. Only for exclusive classes and particles."""
        if self.kind == "particles":
            return self.particles.instances
        self._require_classes("instances")
        return instances_from_scores(self.scores, self.instance_options)

    @cached_property
    def boxes(self) -> pd.DataFrame:
        """Box, area, centroid and score of each object: :func:`measure_objects`."""
        if self.kind == "particles":
            foreground = np.clip(self.scores[:, :, self.classes.index(MASK)], 0, 1)
        else:
            foreground = 1 - self.scores[:, :, self.instance_options.background]
        return measure_objects(self.instances, foreground)

    @cached_property
    def particles(self) -> Particles:
        """Particles with their table: :func:`find_particles`. Only for values mask and centre."""
        if self.kind != "particles":
            raise ConfigError(
                f"particles: needs the values {MASK} and {CENTRE}, this network has {self.task} of "
                f"{', '.join(self.classes)}"
            )
        mask, centre = (self.scores[:, :, self.classes.index(name)] for name in (MASK, CENTRE))
        return find_particles(mask, centre, self.particle_options)

    @property
    def notion_names(self) -> tuple[str, ...]:
        """Names of the overlapping notions, without the click. Only for notions."""
        if self.task != "notions":
            raise ConfigError(f"notions: needs overlapping notions, this network has {self.task}")
        return tuple(name for name in self.classes if name != CLICK)

    @cached_property
    def notions(self) -> np.ndarray:
        """(h, w) uint16: bit k where the probability of notion k of `notion_names` is above 0.5."""
        channels = [self.classes.index(name) for name in self.notion_names]
        return pack(self.scores[:, :, channels] > 0.5)

    def _require_classes(self, what: str) -> None:
        if self.task != "semantic":
            raise ConfigError(f"{what}: needs exclusive classes, this network has {self.task}")


def kind_of(task: str, classes: Sequence[str]) -> str:
    """The task of a network, or ``"particles"`` where its values hold a mask and centres."""
    return "particles" if task == "target" and {MASK, CENTRE} <= set(classes) else task


class Predictor:
    """One trained network, or several whose scores are averaged.

    Attributes
    ----------
    networks : list of :class:`TrainedNetwork`
    classes : names of the scores
    task : ``"semantic"``, ``"notions"`` or ``"target"``
    threads : that torch computes with
    """

    def __init__(
        self,
        networks: Sequence[TrainedNetwork],
        tiling: TilingOptions | None = None,
        tta: str = "none",
        instances: InstanceOptions | None = None,
        particles: ParticleOptions | None = None,
        threads: int = 1,
    ):
        self.networks = list(networks)
        self.threads = threads
        self.tiling = tiling or TilingOptions()
        self.tta = tta
        self.instance_options = instances or InstanceOptions()
        self.particle_options = particles or ParticleOptions()
        first = self.networks[0].bundle
        self.classes, self.task = first.classes, first.task
        for network in self.networks[1:]:
            found = network.bundle.classes, network.bundle.task
            if found != (self.classes, self.task):
                raise ConfigError(
                    f"networks of an ensemble must agree: expected {self.task} of {self.classes}, "
                    f"found {found[1]} of {found[0]}"
                )

    @classmethod
    def load(
        cls,
        path: str | Path | Sequence[str | Path],
        *,
        tiling: Mapping | None = None,
        tta: str = "none",
        instances: Mapping | None = None,
        particles: Mapping | None = None,
        precision: Mapping | None = None,
        device: str = "auto",
        threads: int = 1,
    ) -> "Predictor":
        """Open one model file, or several as an ensemble.

        Parameters
        ----------
        path : ``model.pt`` of a training, or a sequence of them
        tiling : options of :class:`segmill.inference.TilingOptions`; default: whole images, exact
            tiles where they are large
        tta : test-time augmentation: ``"none"``, ``"flips"`` (4 views) or ``"dihedral"`` (8 views)
        instances : options of :class:`segmill.inference.InstanceOptions`
        particles : options of :class:`segmill.inference.ParticleOptions`
        precision : options of :class:`segmill.training.precision.Precision`; default: float32
        device : ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ...; ``"auto"``: a GPU where there is one
        threads : that a processor computes with; another number gives other last bits

        Raises
        ------
        IntegrityError
            if a file is absent or is no model of Segmill.
        ConfigError
            for an unknown option or illegal value, or networks that do not agree on their classes.
        """
        paths = [path] if isinstance(path, str | Path) else list(path)
        if not paths:
            raise ConfigError("a prediction needs at least one model, found none")
        if tta not in VIEWS:
            raise ConfigError(f"tta: expected one of {', '.join(VIEWS)}, found {tta!r}")
        if threads < 1:
            raise ConfigError(f"threads: expected at least 1, found {threads}")
        tiling = build_options(TilingOptions, tiling or {}, "tiling of a prediction")
        instances = build_options(InstanceOptions, instances or {}, "instances of a prediction")
        particles = build_options(ParticleOptions, particles or {}, "particles of a prediction")
        precision = build_options(Precision, precision or {}, "precision of a prediction")
        networks = [TrainedNetwork.load(one, find_device(device), precision) for one in paths]
        return cls(networks, tiling, tta, instances, particles, threads)

    @property
    def kind(self) -> str:
        """The task, or ``"particles"`` where the values are a mask and a map of centres."""
        return kind_of(self.task, self.classes)

    def predict(self, image: np.ndarray) -> Prediction:
        """Predict one image.

        Parameters
        ----------
        image : (h, w) or (h, w, C), channels last, of any size; uint8, uint16, or floats from 0 to
            1. Raw, as it comes from the microscope: each network prepares it as its training did.

        Raises
        ------
        ImageError
            saying what was expected and what was found.
        """
        pixels = as_pixels(image)
        with torch_threads(self.threads):
            total = self.networks[0].scores(pixels, self.tiling, self.tta)
            for network in self.networks[1:]:
                total = total + network.scores(pixels, self.tiling, self.tta)
        scores = total / np.float32(len(self.networks))
        options = self.instance_options, self.particle_options
        return Prediction(scores, self.classes, self.task, *options)

    def predict_torch(self, batch: Tensor) -> Tensor:
        """Logits of a batch, without preprocessing, tiling and activation.

        Parameters
        ----------
        batch : (B, C, H, W) float32 on any device, prepared and normalised as the network's
            training did (:meth:`TrainedNetwork.normalise`); H and W multiples of its
            ``size_multiple``

        Returns
        -------
        (B, K, H, W) float32 on the predictor's device, in the pixel frame of the batch.

        Raises
        ------
        ConfigError
            for an ensemble, which has no logits: ask ``networks[i].logits``.
        """
        if len(self.networks) > 1:
            raise ConfigError("an ensemble has no logits of its own: ask predictor.networks[i]")
        network = self.networks[0]
        return network.logits(batch.to(network.device))


def find_device(name: str) -> torch.device:
    """The device of a name, ``"auto"`` being a GPU where there is one; else ConfigError."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"device: expected auto, cpu or cuda, found {name!r}") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"device: {name} asked for, but torch finds no GPU")
    return device
