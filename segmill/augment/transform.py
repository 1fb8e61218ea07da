"""One variation of one crop: its numbers drawn from a level, then applied to image and labels."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from segmill.augment.colours import ORDERS, swap_channels, to_grey
from segmill.augment.elastic import displacement
from segmill.augment.geometry import (
    affine_matrix,
    coordinate_map,
    nearest_pixels,
    reflections,
    take,
    warp_field,
    warp_image,
)
from segmill.augment.mirror import (
    QUARTERS,
    mirrored_instances,
    quarter_and_mirror,
    separate_mirrored,
)
from segmill.augment.photometric import add_noise, change_greys
from segmill.augment.placement import Box, centre_of
from segmill.augment.positions import mirrored_point, moved_point
from segmill.augment.recipe import Level
from segmill.augment.transmission import Scene
from segmill.labels import derive
from segmill.samples import Sample
from segmill.targets import derive_target


@dataclass(frozen=True)
class Variation:
    """The numbers of one variation; the defaults change nothing. Units as in :class:`Level`.

    `quarter` is the quarter that is mirrored, -1 for none. `shift_rows` and `shift_columns` move
    the content down and to the right by this fraction of the crop. `channel_swap` is the number of
    an order of the channels (see :func:`segmill.augment.colours.channel_order`), 0 for none.
    """

    flip_rows: bool = False
    flip_columns: bool = False
    rotation: float = 0.0
    zoom: float = 1.0
    shear: float = 0.0
    alpha: float = 0.0
    sigma: float = 4.0
    quarter: int = -1
    brightness: float = 0.0
    contrast: float = 1.0
    gamma: float = 1.0
    noise: float = 0.0
    transpose: bool = False
    shift_rows: float = 0.0
    shift_columns: float = 0.0
    channel_swap: int = 0
    grey: bool = False


def draw(level: Level, rng: np.random.Generator) -> Variation:
    """Draw a variation of a level.

    Every number is drawn whether the level uses it or not, so that changing one of its ranges does
    not change the other numbers. Transposition, shift, channels and grey are drawn from a child of
    `rng`: they take nothing from its stream.
    """
    flips = rng.random(2) < level.flip
    turn = rng.random()
    if isinstance(level.rotation, str):
        rotation = 90.0 * int(4 * turn) if level.rotation == "quarter" else 0.0
    else:
        rotation = _between(level.rotation, turn)
    mirrored, quarter = rng.random() < level.mirror, int(rng.integers(QUARTERS))
    u = rng.random(7)
    (more,) = rng.spawn(1)
    v, order = more.random(5), int(more.integers(ORDERS))
    return Variation(
        flip_rows=bool(flips[0]),
        flip_columns=bool(flips[1]),
        rotation=rotation,
        zoom=_between_logarithms(level.zoom, u[0]),
        shear=_between(level.shear, u[1]),
        alpha=_between(level.alpha, u[2]),
        sigma=level.sigma,
        quarter=quarter if mirrored else -1,
        brightness=_between(level.brightness, u[3]),
        contrast=_between(level.contrast, u[4]),
        gamma=_between_logarithms(level.gamma, u[5]),
        noise=_between(level.noise, u[6]),
        transpose=bool(v[0] < level.transpose),
        shift_rows=_between(level.shift, v[1]),
        shift_columns=_between(level.shift, v[2]),
        channel_swap=order if v[3] < level.channel_swap else 0,
        grey=bool(v[4] < level.grey),
    )


def apply(
    sample: Sample,
    variation: Variation,
    box: Box,
    rng: np.random.Generator,
    interpolation: str = "linear",
    outside: str = "reflect",
    derived: Mapping | None = None,
    scene: Scene | None = None,
    click: tuple[float, float] | None = None,
) -> Sample:
    """Cut a varied crop out of a whole image, image and labels moved by the same coordinates.

    Elastic displacement is added to the crop's coordinates in source pixels, so that its strength
    does not change with the zoom. A shift is rounded to whole pixels of the crop. An id of
    `instances` stays one object, even if the crop cuts it in two; mirror images of an object that
    do not touch it get an id of their own. Regression targets are interpolated as the image is;
    their values are not changed, and what is not known (NaN) stays so and spreads nowhere. Scores
    are left out.

    Parameters
    ----------
    sample : the whole image and its labels
    variation : what to do
    box : (row, column, height, width) of the crop before it is varied; may reach beyond the image
    rng : generator of the displacement field and the noise
    interpolation : ``"linear"`` or ``"cubic"``
    outside : ``"reflect"``, or ``"ignore"`` to mark what lies beyond the image as not annotated
    derived : ``{"semantic": spec}`` where the semantic labels follow from the instances
        (see :func:`segmill.labels.derive`); they are then derived anew, so that a border is never
        resampled. Objects are followed a border's width beyond the crop for this. ``{"target":
        spec}`` likewise (see :func:`segmill.targets.derive_target`), of what is in the crop
    scene : another background for the image, in the frame of `sample`; None keeps its own
    click : (row, column) in `sample`, NaN where there is none; its place in the crop becomes the
        notes ``click_row`` and ``click_column``, NaN where it is not in view

    Returns
    -------
    Sample of (height, width) pixels
    """
    derived = (derived or {}) if sample.instances is not None else {}
    spec = derived.get("semantic")
    margin = math.ceil(spec.get("width", 2)) if spec else 0
    wide, matrix = _coordinates(variation, box, margin, rng)
    trim = np.s_[margin : margin + box[2], margin : margin + box[3]]
    coordinates = np.ascontiguousarray(wide[:, *trim])
    pixels, beyond = nearest_pixels(wide, sample.shape)

    image = warp_image(sample.image, coordinates, interpolation)
    if scene is not None:
        image = scene.behind(image, coordinates, interpolation)
    if variation.channel_swap:
        image = swap_channels(image, variation.channel_swap)
    if variation.grey:
        image = to_grey(image)
    image = change_greys(image, variation.brightness, variation.contrast, variation.gamma)
    moved = {"image": image}
    if sample.target is not None and "target" not in derived:
        target = warp_field(sample.target.astype(np.float32), coordinates, interpolation)
        moved["target"] = target.astype(sample.target.dtype)
    for name in ("semantic", "notions", "ignore"):
        labels = getattr(sample, name)
        if labels is not None:
            moved[name] = take(labels, pixels[trim])
    if outside == "ignore":
        hidden = np.zeros(image.shape[:2], bool) if not beyond else _beyond(coordinates, sample)
        moved["ignore"] = moved.get("ignore", False) | hidden
    if variation.quarter >= 0:
        moved = {k: quarter_and_mirror(v, variation.quarter) for k, v in moved.items()}
    moved["image"] = add_noise(moved["image"], rng, variation.noise)
    if sample.instances is not None:
        instances = _moved_instances(sample.instances, wide, pixels, beyond, variation.quarter)
        moved["instances"] = np.ascontiguousarray(instances[trim])
        if spec:
            moved["semantic"] = np.ascontiguousarray(derive(instances, spec)[trim])
        if "target" in derived:
            moved["target"] = derive_target(moved["instances"], derived["target"], moved["image"])
    notes = {} if click is None else _moved_click(click, coordinates, matrix, variation.quarter)
    return Sample(**moved, notes=notes)


def _coordinates(variation: Variation, box: Box, margin: int, rng) -> tuple[np.ndarray, np.ndarray]:
    """The coordinate map and its affine part."""
    shape = (box[2] + 2 * margin, box[3] + 2 * margin)
    matrix = affine_matrix(
        variation.rotation,
        variation.zoom,
        variation.shear,
        variation.flip_rows,
        variation.flip_columns,
        variation.transpose,
    )
    field = None
    if variation.alpha > 0:
        field = displacement(rng, shape, variation.alpha, variation.sigma)
    return coordinate_map(shape, _centre(variation, box, matrix), matrix, field), matrix


def _centre(variation: Variation, box: Box, matrix: np.ndarray) -> tuple[float, float]:
    """(row, column) of the source at the centre of the crop."""
    centre = np.array(centre_of(box))
    if variation.transpose and (box[2] - box[3]) % 2 and not matrix.diagonal().any():
        # Rows and columns of which one is even in number, the other odd, change places: half a
        # pixel further, the centres of pixels fall on each other again and nothing is resampled.
        centre += 0.5
    shift = (round(variation.shift_rows * box[2]), round(variation.shift_columns * box[3]))
    return tuple(centre - matrix @ shift if any(shift) else centre)


def _moved_click(click, coordinates, matrix, quarter) -> dict[str, float]:
    place = moved_point(click, coordinates, matrix)
    if quarter >= 0:
        place = mirrored_point(place, coordinates.shape[1:], quarter)
    return dict(zip(("click_row", "click_column"), place, strict=True))


def _moved_instances(instances, coordinates, pixels, beyond, quarter) -> np.ndarray:
    moved = take(instances, pixels)
    if beyond:
        rows, columns = reflections(coordinates, instances.shape)
        row_seams = {-1: np.unique(instances[0]), 1: np.unique(instances[-1])}
        column_seams = {-1: np.unique(instances[:, 0]), 1: np.unique(instances[:, -1])}
        moved = separate_mirrored(moved, rows, columns, row_seams, column_seams)
    return moved if quarter < 0 else mirrored_instances(moved, quarter)


def _beyond(coordinates: np.ndarray, sample: Sample) -> np.ndarray:
    rows, columns = reflections(coordinates, sample.shape)
    return (rows != 0) | (columns != 0)


def _between(limits: tuple[float, float], u: float) -> float:
    return limits[0] + (limits[1] - limits[0]) * float(u)


def _between_logarithms(limits: tuple[float, float], u: float) -> float:
    if limits[0] == limits[1]:
        return limits[0]
    return math.exp(_between((math.log(limits[0]), math.log(limits[1])), u))
