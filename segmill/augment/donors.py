"""Instances of training images, cut out to be pasted into others."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from segmill.augment.paste_options import PasteOptions
from segmill.augment.prepare import Prepared
from segmill.errors import ConfigError
from segmill.random import generator


@dataclass(frozen=True)
class Donor:
    """A whole instance with what lies around it; a patch (h, w) of a prepared image.

    Attributes
    ----------
    image : (h, w, C) of the image's dtype
    mask : (h, w) bool, the instance
    free : (h, w) bool, inside the image and neither another instance nor unannotated: what may be
        pasted
    level : (C,) float64, mean grey levels of the background in the patch; NaN where there is none
    """

    image: np.ndarray
    mask: np.ndarray
    free: np.ndarray
    level: np.ndarray

    @property
    def area(self) -> int:
        """Pixels of the instance."""
        return int(np.count_nonzero(self.mask))


@dataclass(frozen=True)
class Donors:
    """A pool of instances to draw from.

    Attributes
    ----------
    pool : the instances
    weights : (n,) their probabilities
    """

    pool: list[Donor]
    weights: np.ndarray = field(repr=False)

    @classmethod
    def of(cls, pool: list[Donor], area_power: float) -> "Donors":
        """A pool whose members are drawn with weights area ** area_power."""
        # In logarithms, and relative to the largest: no power overflows.
        logarithms = area_power * np.log([donor.area for donor in pool])
        weights = np.exp(logarithms - logarithms.max())
        return cls(pool, weights / weights.sum())

    def draw(self, rng: np.random.Generator) -> Donor:
        """One of the instances."""
        return self.pool[int(rng.choice(len(self.pool), p=self.weights))]


def collect_donors(
    sources: np.ndarray,
    prepared: Callable[[int], Prepared],
    options: PasteOptions,
    seed: int,
    where: str,
) -> Donors:
    """The instances that the images `sources` lend.

    Parameters
    ----------
    sources : (n,) numbers of the training images
    prepared : number of an image -> the image with its instances
    options : how many images lend instances, how much of their surroundings comes with them, and
        how they are weighted
    seed : of the images that lend, where there are more than `options.images`
    where : the store, named in the error

    Raises
    ------
    ConfigError
        if there is no whole instance in these images.
    """
    if len(sources) > options.images:
        rng = generator(seed, "augment/paste/images")
        sources = np.sort(rng.choice(sources, options.images, replace=False))
    reach = math.ceil(options.margin + options.feather) + 1
    pool = [donor for i in sources.tolist() for donor in whole_instances(prepared(i), reach)]
    if not pool:
        raise ConfigError(
            f"{where}: expected whole instances to paste, found none that lies inside one of "
            f"{len(sources)} training images and is annotated throughout"
        )
    return Donors.of(pool, options.area_power)


def whole_instances(prepared: Prepared, reach: int) -> Iterable[Donor]:
    """Cut out the instances that touch neither the edge of the image nor unannotated pixels.

    Parameters
    ----------
    prepared : image with instances
    reach : pixels around the bounding box that come along; what lies beyond the image is not free
    """
    sample = prepared.sample
    instances = sample.instances
    hidden = np.zeros(sample.shape, bool) if sample.ignore is None else sample.ignore
    edge = np.zeros(sample.shape, bool)
    edge[[0, -1]] = edge[:, [0, -1]] = True
    cut = np.unique(instances[edge | hidden])
    for number in np.setdiff1d(instances[instances > 0], cut).tolist():
        # Of an instance in pieces all are lent: they are one object.
        rows, columns = ndimage.find_objects((instances == number).view(np.uint8))[0]
        window = np.s_[
            max(rows.start - reach, 0) : rows.stop + reach,
            max(columns.start - reach, 0) : columns.stop + reach,
        ]
        labels, image = instances[window], sample.image[window]
        free = ((labels == 0) | (labels == number)) & ~hidden[window]
        background = (labels == 0) & ~hidden[window]
        yield Donor(image.copy(), labels == number, free, mean_level(image, background))


def mean_level(image: np.ndarray, where: np.ndarray) -> np.ndarray:
    """(C,) float64: mean of an image (h, w, C) where (h, w) says so; NaN where that is nowhere."""
    if not where.any():
        return np.full(image.shape[2], np.nan)
    return image[where].mean(axis=0, dtype=np.float64)
