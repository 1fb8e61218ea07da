"""Regression targets that follow from instances, by kind: made anew wherever instances move."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from segmill.errors import ConfigError
from segmill.options import build_options, option
from segmill.particles import TARGETS as PARTICLE_TARGETS
from segmill.particles import particle_targets


@dataclass(frozen=True)
class ParticleTargetOptions:
    """Options of the kind ``particles``, see :func:`segmill.particles.particle_targets`.

    sigma : standard deviation of the Gaussians of the map of centres, in pixels of the image that
        the target belongs to
    """

    sigma: float = option(2.0, low=0.1, high=1000)


@dataclass(frozen=True)
class _Kind:
    """Names of the channels, options, and the function from instances and options to a target."""

    names: tuple[str, ...]
    options: type
    derive: Callable[..., np.ndarray]


# Of derived targets, in memory and in stores: three digits are more than a network learns.
DTYPE = np.float16
KINDS = {
    "particles": _Kind(PARTICLE_TARGETS, ParticleTargetOptions, particle_targets),
}


def check_target(spec: Mapping, where: str = "derived.target") -> None:
    """Raise ConfigError unless :func:`derive_target` can follow `spec`; all offences at once.

    `where` says in the message where the spec stands.
    """
    _read(spec, where)


def target_names(spec: Mapping) -> tuple[str, ...]:
    """Names of the channels that :func:`derive_target` makes."""
    return _read(spec)[0].names


def derive_target(instances: np.ndarray, spec: Mapping) -> np.ndarray:
    """Make the regression target that a store derives from its instances.

    Parameters
    ----------
    instances : (h, w) integer object ids, 0 = background
    spec : as in ``derived["target"]`` of a store's attributes: ``kind``, one of `KINDS`, and the
        options of that kind, for example ``{"kind": "particles", "sigma": 2.0}``

    Returns
    -------
    (h, w, K) float16, K channels as :func:`target_names` names them

    Raises
    ------
    ConfigError
        if `spec` names another kind or has an illegal value.
    """
    kind, options = _read(spec)
    return kind.derive(instances, **vars(options)).astype(DTYPE)


def _read(spec: Mapping, where: str = "derived.target"):
    """The kind of a spec and its checked options."""
    name = spec.get("kind") if isinstance(spec, Mapping) else spec
    if not isinstance(name, str) or name not in KINDS:
        raise ConfigError(f"{where}: expected kind {' or '.join(KINDS)}, found {name!r}")
    values = {key: value for key, value in spec.items() if key != "kind"}
    return KINDS[name], build_options(KINDS[name].options, values, f"{where} of kind {name}")
