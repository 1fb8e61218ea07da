"""Errors of annotation, made on purpose: contours moved or noisy, objects shifted or missing.

Label images are (h, w) integers, 0 = background; every other value is one object, or one class.
Lengths are in pixels. Nothing is invented: each error only moves or removes labels that are there.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter
from skimage.measure import label as label_regions

from segmill.errors import ConfigError
from segmill.labels import cell_border
from segmill.options import option
from segmill.samples import Sample

KINDS = ("dilate", "erode", "shift", "drop", "contours")


@dataclass(frozen=True)
class LabelErrors:
    """An error of annotation.

    Attributes
    ----------
    kind : ``"dilate"``, ``"erode"``, ``"shift"``, ``"drop"`` or ``"contours"``
    amount : pixels by which contours move outwards, inwards, or with their object in a direction
        drawn for each image; share of the objects that are missing; or standard deviation in pixels
        of the noise on contours
    correlation : length in pixels over which the noise on contours stays alike
    """

    kind: str = option("dilate", choices=KINDS)
    amount: float = option(0.0, low=0.0, high=1000.0)
    correlation: float = option(8.0, low=0.1, high=1000.0)

    def conflicts(self) -> list[str]:
        """A share is no more than all."""
        if self.kind == "drop" and self.amount > 1:
            return [f"amount: expected a share of the objects from 0 to 1, found {self.amount}"]
        return []


def spoil(
    labels: np.ndarray, errors: LabelErrors, rng: np.random.Generator, objects: bool = True
) -> np.ndarray:
    """A label image with errors.

    Parameters
    ----------
    labels : (h, w) integers, 0 = background
    errors : what is wrong
    rng : draws the direction of a shift, the objects to drop and the noise
    objects : whether each id is one object; otherwise ids are classes and the objects to drop are
        connected regions (8 neighbours) of one class

    Returns
    -------
    (h, w) of the same dtype; for an amount of 0 the labels as they were

    Raises
    ------
    ValueError
        if `labels` is no (h, w) integer array.
    """
    if errors.kind == "dilate":
        return dilate(labels, errors.amount)
    if errors.kind == "erode":
        return erode(labels, errors.amount)
    if errors.kind == "shift":
        angle = rng.uniform(0, 2 * np.pi)
        rows, columns = errors.amount * np.sin(angle), errors.amount * np.cos(angle)
        return shift(labels, round(rows), round(columns))
    if errors.kind == "drop":
        return drop(labels, errors.amount, rng, objects)
    return noisy_contours(labels, errors.amount, errors.correlation, rng)


def spoil_sample(
    sample: Sample, errors: LabelErrors, rng: np.random.Generator, derived: Mapping
) -> Sample:
    """A sample whose objects, or classes where it has no objects, have errors.

    What follows from the instances is left for whoever derives it; everything else stays.

    Parameters
    ----------
    sample : with `instances`, or `semantic`
    errors, rng : of :func:`spoil`
    derived : the store's attribute of that name: labels that follow from others

    Raises
    ------
    ConfigError
        see :func:`check_spoilable`.
    """
    check_spoilable(tuple(sample.arrays()), derived)
    arrays = dict(sample.arrays())
    name = "instances" if "instances" in arrays else "semantic"
    arrays[name] = spoil(arrays[name], errors, rng, objects=name == "instances")
    return Sample(**arrays, notes=dict(sample.notes))


def check_spoilable(fields: tuple[str, ...], derived: Mapping, where: str = "label_errors") -> None:
    """Raise ConfigError unless one kind of labels can be spoiled and all others follow from it.

    Parameters
    ----------
    fields : names of a sample's arrays
    derived : the store's attribute of that name
    where : named in the message
    """
    labels = [name for name in ("instances", "semantic", "notions", "target") if name in fields]
    own = [name for name in labels if name not in derived]
    if own not in (["instances"], ["semantic"]):
        raise ConfigError(
            f"{where}: expected either instances or class ids that other labels follow from, found "
            f"{', '.join(own) or 'no labels'}"
        )


def dilate(labels: np.ndarray, distance: float) -> np.ndarray:
    """Background within `distance` pixels (Euclidean, between centres) joins the nearest object.

    Objects keep their pixels, so that neighbours meet half-way.
    """
    labels = _checked(labels)
    if distance <= 0 or not labels.any():
        return labels.copy()
    far, (rows, columns) = distance_transform_edt(labels == 0, return_indices=True)
    return np.where(far <= distance, labels[rows, columns], labels)


def erode(labels: np.ndarray, distance: float) -> np.ndarray:
    """Pixels of an object become background where another value is within `distance` pixels.

    Touching objects draw back from each other. Beyond the edge of the image nothing is known: no
    object draws back from it.
    """
    labels = _checked(labels)
    kept = cell_border(labels, distance) == 1
    return np.where(kept, labels, 0).astype(labels.dtype)


def shift(labels: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """All labels moved down and right; what enters the image repeats its edge."""
    labels = _checked(labels)
    height, width = labels.shape
    from_rows = np.clip(np.arange(height) - rows, 0, height - 1)
    from_columns = np.clip(np.arange(width) - columns, 0, width - 1)
    return labels[from_rows[:, None], from_columns]


def drop(
    labels: np.ndarray, share: float, rng: np.random.Generator, objects: bool = True
) -> np.ndarray:
    """A share of the objects becomes background: of n, share n rounded up or down by chance.

    Parameters: see :func:`spoil`.
    """
    labels = _checked(labels)
    regions = labels if objects else label_regions(labels, connectivity=2)
    ids = np.unique(regions[regions != 0])
    count = int(share * len(ids) + rng.random())
    gone = rng.choice(ids, size=min(count, len(ids)), replace=False)
    return np.where(np.isin(regions, gone), 0, labels).astype(labels.dtype)


def noisy_contours(
    labels: np.ndarray, amplitude: float, correlation: float, rng: np.random.Generator
) -> np.ndarray:
    """Labels displaced by a smooth random field, so that contours waver.

    Row and column displacements are Gaussian noise of standard deviation `amplitude` and
    correlation exp(-d^2 / (2 correlation^2)) at distance d, both in pixels; so is the displacement
    across any contour. Labels take the nearest pixel, at the edge of the image the edge.
    """
    labels = _checked(labels)
    if amplitude <= 0:
        return labels.copy()
    moved = []
    for axis, length in enumerate(labels.shape):
        noise = amplitude * _smooth_noise(labels.shape, correlation, rng)
        own = np.arange(length).reshape((-1, 1) if axis == 0 else (1, -1))
        moved.append(np.clip(np.rint(own + noise).astype(np.intp), 0, length - 1))
    return labels[moved[0], moved[1]]


def _smooth_noise(
    shape: tuple[int, int], correlation: float, rng: np.random.Generator
) -> np.ndarray:
    """Stationary Gaussian noise (h, w) of variance 1 with the correlation length of a Gaussian."""
    # The correlation of filtered white noise is the filter's own correlation, sqrt(2) as wide.
    sigma = correlation / np.sqrt(2)
    margin = int(np.ceil(4 * sigma))
    white = rng.normal(size=(shape[0] + 2 * margin, shape[1] + 2 * margin))
    impulse = np.zeros(2 * margin + 1)
    impulse[margin] = 1
    kernel = gaussian_filter(impulse, sigma, mode="constant", truncate=4.0)
    smooth = gaussian_filter(white, sigma, mode="constant", truncate=4.0)
    inner = smooth[margin : margin + shape[0], margin : margin + shape[1]]
    return inner / np.square(kernel).sum()


def _checked(labels: np.ndarray) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.ndim != 2 or labels.dtype.kind not in "iu":
        raise ValueError(f"expected labels (h, w) of integers, found {labels.dtype} {labels.shape}")
    return labels
