"""Regression targets that follow from instances (and their image), by kind: made anew wherever
instances move.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from segmill.errors import ConfigError
from segmill.options import build_options, option
from segmill.particles import TARGETS as PARTICLE_TARGETS
from segmill.particles import particle_targets

COLOURS = ("red", "green", "blue")


@dataclass(frozen=True)
class ParticleTargetOptions:
    """Options of the kind ``particles``, see :func:`segmill.particles.particle_targets`.

    sigma : standard deviation of the Gaussians of the map of centres, in pixels of the image that
        the target belongs to
    """

    sigma: float = option(2.0, low=0.1, high=1000)


@dataclass(frozen=True)
class MeanColourOptions:
    """The kind ``mean_colour`` has no options."""


@dataclass(frozen=True)
class _Kind:
    """Names of the channels, options, and the function from instances and options to a target.

    The function is given the image behind the instances where it `needs_image`.
    """

    names: tuple[str, ...]
    options: type
    derive: Callable[..., np.ndarray]
    needs_image: bool = False


def mean_colours(instances: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Each object, and the background, in the mean colour of its pixels.

    Parameters
    ----------
    instances : (h, w) integers of at least 0, every value an object
    image : (h, w, 3) uint8 or uint16

    Returns
    -------
    (h, w, 3) float64, red, green and blue from 0 to 1, the largest value of the dtype

    Raises
    ------
    ValueError
        for an image of another shape or dtype.

    Examples
    --------
    >>> image = np.array([[[255, 0, 0], [0, 0, 0], [51, 51, 51]]], np.uint8)
    >>> mean_colours(np.array([[1, 1, 2]]), image)[0].tolist()
    [[0.5, 0.0, 0.0], [0.5, 0.0, 0.0], [0.2, 0.2, 0.2]]
    """
    from segmill.superpixels.painting import paint_means  # takes a second to import

    if image.ndim != 3 or image.shape[2] != len(COLOURS) or image.dtype.kind != "u":
        raise ValueError(
            "expected an image (h, w, 3) of uint8 or uint16 to take colours from (a recipe's "
            f"preprocessing.channels: rgb makes one), found {image.dtype} {image.shape}"
        )
    return paint_means(instances, image / np.iinfo(image.dtype).max)


# Of derived targets, in memory and in stores: three digits are more than a network learns.
DTYPE = np.float16
KINDS = {
    "particles": _Kind(PARTICLE_TARGETS, ParticleTargetOptions, particle_targets),
    "mean_colour": _Kind(COLOURS, MeanColourOptions, mean_colours, needs_image=True),
}


def check_target(spec: Mapping, where: str = "derived.target") -> None:
    """Raise ConfigError unless :func:`derive_target` can follow `spec`; all offences at once.

    `where` says in the message where the spec stands.
    """
    _read(spec, where)


def target_names(spec: Mapping) -> tuple[str, ...]:
    """Names of the channels that :func:`derive_target` makes."""
    return _read(spec)[0].names


def derive_target(
    instances: np.ndarray, spec: Mapping, image: np.ndarray | None = None
) -> np.ndarray:
    """Make the regression target that a store derives from its instances.

    Parameters
    ----------
    instances : (h, w) integer object ids, 0 = background
    spec : as in ``derived["target"]`` of a store's attributes: ``kind``, one of `KINDS`, and the
        options of that kind, for example ``{"kind": "particles", "sigma": 2.0}``
    image : (h, w, C) behind the instances, for the kind ``mean_colour``

    Returns
    -------
    (h, w, K) float16, K channels as :func:`target_names` names them

    Raises
    ------
    ConfigError
        if `spec` names another kind or has an illegal value.
    ValueError
        if an image is needed and is missing or has other than three channels.
    """
    kind, options = _read(spec)
    if not kind.needs_image:
        return kind.derive(instances, **vars(options)).astype(DTYPE)
    if image is None:
        raise ValueError(f"a target of kind {spec['kind']} needs the image, found none")
    return kind.derive(instances, image, **vars(options)).astype(DTYPE)


def _read(spec: Mapping, where: str = "derived.target"):
    """The kind of a spec and its checked options."""
    name = spec.get("kind") if isinstance(spec, Mapping) else spec
    if not isinstance(name, str) or name not in KINDS:
        raise ConfigError(f"{where}: expected kind {' or '.join(KINDS)}, found {name!r}")
    values = {key: value for key, value in spec.items() if key != "kind"}
    return KINDS[name], build_options(KINDS[name].options, values, f"{where} of kind {name}")
