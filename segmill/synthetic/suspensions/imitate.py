"""Options with which synthetic suspensions look like given images: indirect inference.

Figures of an image (:mod:`segmill.synthetic.suspensions.statistics`) depend on the options in ways
that no formula gives, but the generator does. The options are corrected until synthetic images have
the figures of the given one (indirect inference: Gourieroux, Monfort and Renault, Journal of
Applied Econometrics 8, 1993). The random numbers stay the same from round to round, so that the
corrections converge.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from segmill.errors import ConfigError, IntegrityError, Problem, raise_problems
from segmill.progress import log
from segmill.synthetic.suspensions.options import SuspensionOptions, pairs
from segmill.synthetic.suspensions.statistics import Statistics, measure
from segmill.synthetic.suspensions.suspension import render_particles, suspension_options

# Option -> the figure that grows with it, and the power of the figures' ratio that corrects it:
# above 1 where the figure grows less than in proportion.
CORRECTED = {
    "radius": ("radius", 1.0),
    "volume_fraction": ("coverage", 1.0),
    "haze": ("haze", 1.0),
    "blur": ("edge", 1.5),
    "background": ("background", 1.0),
    "unevenness": ("unevenness", 0.7),
    "stripes": ("stripes", 0.6),
    "streaks": ("streaks", 1.0),
    "specks": ("specks", 1.0),
}
ROUNDS = 10
SAMPLES = 3
SIZE = 448  # pixels, side of the synthetic images that are compared
SMALLEST_SIDE = 64
# Below this share of particle-free image, or of dark sides, none is imitated.
LEAST_FRONT = 0.08
LEAST_STRIPES = 0.01


@dataclass(frozen=True)
class Imitation:
    """What imitates a set of images.

    Attributes
    ----------
    options : of :func:`segmill.synthetic.particles`, ranges that hold the estimates of all images
    names : of the images
    estimates : for each image, option -> estimated value
    statistics : of each image
    """

    options: dict
    names: tuple[str, ...]
    estimates: tuple[dict[str, float], ...]
    statistics: tuple[Statistics, ...]


def imitate(
    images: Sequence[np.ndarray],
    margin: float = 0.1,
    names: Sequence[str] | None = None,
    seed: int = 0,
) -> Imitation:
    """Estimate the options of the generator from experimental images; no truth is needed.

    Estimated for each image: radius, volume fraction, blur, grey level of liquid and particles,
    unevenness, stripes and their side, streaks, specks, gain and read noise of the camera. Fronts
    and walls are as frequent as in the images. The other options keep their defaults.

    Parameters
    ----------
    images : (h, w) or (h, w, C) uint8, dark particles on a brighter ground; sides of at least 64
        pixels and some 10 particles
    margin : by how much the ranges reach beyond the estimates, relative
    names : of the images, for messages
    seed : of the synthetic images that are compared

    Raises
    ------
    ConfigError
        for a margin that is no share.
    IntegrityError
        naming every image that is not of 8 bits, too small, constant or without dark discs.

    Examples
    --------
    >>> from segmill.synthetic import particles
    >>> image = particles(3, height=160, width=160, radius=[8, 8], walls=0).image
    >>> low, high = imitate([image]).options["radius"]
    >>> 6 < low < high < 10
    True
    """
    if margin < 0 or margin >= 1:
        raise ConfigError(f"margin: expected a share from 0 to below 1, found {margin}")
    names = list(names or (f"image {k}" for k in range(len(images))))
    greys = [_grey(image) for image in images]
    statistics = _measured(greys, names)
    estimates = [_fitted(*pair, seed) for pair in zip(names, statistics, strict=True)]
    shape = tuple(max(sides) for sides in zip(*(grey.shape for grey in greys), strict=True))
    options = _ranges(estimates, margin) | _shares(statistics)
    options = {"height": shape[0], "width": shape[1], **options}
    suspension_options(**options)
    return Imitation(options, tuple(names), tuple(estimates), tuple(statistics))


def _grey(image: np.ndarray) -> np.ndarray:
    """The mean of the channels, (h, w); the dtype stays, to be checked."""
    image = np.asarray(image)
    if image.ndim == 3 and (image[..., 1:] == image[..., :1]).all():
        image = image[..., 0]
    return image if image.ndim == 2 else np.rint(image.mean(2)).astype(image.dtype)


def _measured(greys: list[np.ndarray], names: list[str]) -> list[Statistics]:
    """Figures of each image, or an error that names all that have none."""
    statistics, problems = [], []
    for grey, name in zip(greys, names, strict=True):
        if grey.dtype != np.uint8:
            problems.append(Problem(name, "8 bits, uint8", str(grey.dtype)))
        elif min(grey.shape) < SMALLEST_SIDE:
            found = "{} x {}".format(*grey.shape)
            problems.append(Problem(name, f"sides of at least {SMALLEST_SIDE} pixels", found))
        else:
            try:
                statistics.append(measure(grey))
            except ValueError as error:
                problems.append(Problem(name, "dark discs on a brighter ground", str(error)))
    if not greys:
        problems.append(Problem("the images", "at least one", "none"))
    raise_problems(problems, "the images to imitate")
    return statistics


def _fitted(name: str, figures: Statistics, seed: int) -> dict[str, float]:
    """Options for the image `name`, or an error where no synthetic image resembles it."""
    try:
        estimate = _fit(figures, seed)
    except ValueError as error:
        found = f"figures that lead to synthetic images without discs ({error})"
        raise IntegrityError([Problem(name, "a dense suspension", found)]) from error
    log.info(
        "%s: radius %.1f px, volume fraction %.2f, blur %.1f px",
        name,
        *(estimate[key] for key in ("radius", "volume_fraction", "blur")),
    )
    return estimate


def _fit(wanted: Statistics, seed: int) -> dict[str, float]:
    """Options whose images have the figures `wanted`, for one image."""
    limits = _limits()
    values = {
        "radius": 1.2 * wanted.radius,
        "volume_fraction": 0.9 * wanted.coverage,
        "haze": wanted.haze,
        "blur": 0.2 * wanted.edge,
        "background": wanted.background,
        "unevenness": wanted.unevenness,
        "stripes": 0.2 * wanted.stripes if wanted.stripes > LEAST_STRIPES else 0.0,
        "streaks": 8 * wanted.streaks,
        "specks": wanted.specks,
        "gain": wanted.gain,
        "read_noise": wanted.read_noise,
    }
    for _ in range(ROUNDS):
        values = {name: float(np.clip(value, *limits[name])) for name, value in values.items()}
        found = _figures(values, wanted, seed)
        for name, (figure, power) in CORRECTED.items():
            ratio = getattr(wanted, figure) / max(found[figure], 1e-9)
            values[name] *= float(np.clip(ratio, 0.5, 2.0)) ** power
    return {name: float(np.clip(value, *limits[name])) for name, value in values.items()}


def _figures(values, wanted: Statistics, seed: int) -> dict[str, float]:
    """Mean figures of synthetic images of estimated values."""
    options = suspension_options(
        height=SIZE,
        width=SIZE,
        fronts=0,
        walls=0,
        light_from=[wanted.light_from],
        **(_middles() | {name: [value, value] for name, value in values.items()}),
    )
    found = [
        measure(render_particles(seed, index, options, sigma=1.0).image[..., 0])
        for index in range(SAMPLES)
    ]
    return {
        figure: float(np.mean([getattr(one, figure) for one in found]))
        for figure, _ in CORRECTED.values()
    }


def _middles() -> dict[str, list[float]]:
    """The middle of the default range of each option that is a range."""
    return {name: [sum(getattr(SuspensionOptions, name)) / 2] * 2 for name in pairs()}


def _limits() -> dict[str, tuple[float, float]]:
    """Least and largest legal value of each option; some room is left for the margin."""
    limits = {f.name: (f.metadata["low"], f.metadata["high"]) for f in fields(SuspensionOptions)}
    return {**limits, "volume_fraction": (0.01, 0.5), "blur": (0.4, 20), "stripes": (0, 0.05)}


def _ranges(estimates: list[dict[str, float]], margin: float) -> dict[str, list[float]]:
    """[least, largest] of each option over the images, widened, within the legal values."""
    limits = {f.name: (f.metadata["low"], f.metadata["high"]) for f in fields(SuspensionOptions)}
    ranges = {}
    for name in estimates[0]:
        values = [estimate[name] for estimate in estimates]
        ends = min(values) * (1 - margin), max(values) * (1 + margin)
        ranges[name] = [float(f"{value:.4g}") for value in np.clip(ends, *limits[name])]
    return ranges


def _shares(statistics: Sequence[Statistics]) -> dict:
    """Where the light comes from, and how frequent fronts and walls are."""
    striped = [one for one in statistics if one.stripes > LEAST_STRIPES]
    sides = sorted({one.light_from for one in striped or statistics})
    fronts = np.mean([one.front > LEAST_FRONT for one in statistics])
    walls = np.mean([one.walls for one in statistics])
    return {"light_from": sides, "fronts": float(fronts), "walls": float(walls)}
