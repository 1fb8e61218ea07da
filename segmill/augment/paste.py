"""Copy and paste: instances of training images pasted into others, one upon the other.

G. Ghiasi et al., "Simple Copy-Paste is a Strong Data Augmentation Method for Instance
Segmentation", CVPR 2021. Beyond it, instances may be weighted by their area, put onto or next to
those that are there, and keep what surrounds them: a halo belongs to the look of a cell.
"""

import math
from dataclasses import replace

import cv2
import numpy as np

from segmill.augment.donors import Donor, Donors, mean_level
from segmill.augment.geometry import (
    affine_matrix,
    coordinate_map,
    nearest_pixels,
    reflections,
    take,
    warp_image,
)
from segmill.augment.paste_options import PasteOptions
from segmill.augment.placement import Box
from segmill.augment.transmission import soft_cover
from segmill.samples import Sample

# A place where an instance would hide too much of another is drawn again, this often; then the
# instance is left out.
PLACES = 10


def paste_instances(
    sample: Sample,
    donors: Donors,
    options: PasteOptions,
    box: Box,
    rng: np.random.Generator,
) -> tuple[Sample, int]:
    """Paste drawn instances into a copy of a prepared image, each above what is there.

    A pasted instance gets the next free id; its pixels count as annotated. `semantic` is left as it
    is: it is derived from the instances of a crop.

    Parameters
    ----------
    sample : image with `instances` and perhaps `ignore`
    donors : the instances to draw from
    options : how many, where and how
    box : (row, column, height, width); centres of pasted instances lie in it
    rng : generator that everything is drawn from

    Returns
    -------
    Sample of the same shape, and how many instances were pasted
    """
    sample = replace(
        sample,
        image=sample.image.copy(),
        instances=sample.instances.copy(),
        ignore=None if sample.ignore is None else sample.ignore.copy(),
    )
    areas = dict(zip(*np.unique(sample.instances, return_counts=True), strict=True))
    pasted = 0
    for _ in range(int(rng.integers(options.count[0], options.count[1] + 1))):
        donor = turned(donors.draw(rng), options, rng)
        for _ in range(PLACES):
            centre = _place(sample.instances, donor.area, options.near, box, rng)
            area = _put(sample, donor, centre, areas, options)
            if area:
                areas[int(sample.instances.max())] = area
                pasted += 1
                break
    return sample, pasted


def turned(donor: Donor, options: PasteOptions, rng: np.random.Generator) -> Donor:
    """A flipped, rotated and zoomed instance; its image is interpolated linearly, once."""
    flips = rng.random(2) < options.flip
    turn, enlarge = rng.random(2)
    rotation = options.rotation[0] + (options.rotation[1] - options.rotation[0]) * turn
    low, high = np.log(options.zoom)
    matrix = affine_matrix(rotation, math.exp(low + (high - low) * enlarge), 0.0, *flips.tolist())
    # The smallest frame that holds the turned patch; beyond the patch nothing is free.
    sides = np.abs(np.linalg.inv(matrix)) @ (np.array(donor.mask.shape) - 1)
    shape = tuple(math.ceil(side - 1e-6) + 1 for side in sides)
    centre = tuple((side - 1) / 2 for side in donor.mask.shape)
    coordinates = coordinate_map(shape, centre, matrix)
    pixels, _ = nearest_pixels(coordinates, donor.mask.shape)
    rows, columns = reflections(coordinates, donor.mask.shape)
    inside = (rows == 0) & (columns == 0)
    mask, free = (take(labels, pixels) & inside for labels in (donor.mask, donor.free))
    return Donor(warp_image(donor.image, coordinates), mask, free, donor.level)


def _place(instances, area, near, box, rng) -> tuple[int, int]:
    """(row, column) for the centre of an instance of `area` pixels, in the box and the image."""
    row, column = max(box[0], 0), max(box[1], 0)
    view = instances[row : box[0] + box[2], column : box[1] + box[3]]
    is_near, anywhere = rng.random() < near, rng.random()
    allowed = np.arange(view.size)
    if is_near and (view > 0).any() and (view == 0).any():
        # Within one radius of an outline, inside or outside of it; pixels on it are 1 away.
        radius = max(math.sqrt(area / math.pi), 1.0)
        allowed = np.flatnonzero(_distance(view > 0) + _distance(view == 0) <= radius)
    at = int(allowed[int(anywhere * allowed.size)])
    return row + at // view.shape[1], column + at % view.shape[1]


def _distance(mask) -> np.ndarray:
    """Distance of each pixel of the mask to the nearest one off it; 0 off it."""
    return cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def _put(sample: Sample, donor: Donor, centre, areas: dict, options: PasteOptions) -> int:
    """Paste one instance; 0 if it would hide too much or nothing is in the image, else its area."""
    there, here = _overlap(sample.shape, donor.mask.shape, centre)
    mask = donor.mask[here]
    labels = sample.instances[there]
    if not mask.any() or _hides(sample.instances, labels[mask], areas, options.largest_cover):
        return 0
    cover = _cover(donor, options)[here][:, :, None]
    image = sample.image[there]
    patch = donor.image[here].astype(np.float32)
    if options.match:
        background = labels == 0
        if sample.ignore is not None:
            background &= ~sample.ignore[there]
        offset = mean_level(image, background) - donor.level
        patch += np.nan_to_num(offset).astype(np.float32)
    top = np.iinfo(image.dtype).max
    image[...] = np.rint(np.clip(image + cover * (patch - image), 0, top))
    labels[mask] = int(sample.instances.max()) + 1
    if sample.ignore is not None:
        sample.ignore[there][mask] = False
    return int(np.count_nonzero(mask))


def _cover(donor: Donor, options: PasteOptions) -> np.ndarray:
    """(h, w) float32: 1 on the instance and its margin, falling to 0; 0 where nothing is free."""
    away = cv2.distanceTransform((~donor.mask).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return soft_cover(away <= options.margin, options.feather) * donor.free


def _hides(instances: np.ndarray, hidden: np.ndarray, areas: dict, largest_cover: float) -> bool:
    """Whether an instance would lose more than its share, with what it lost before.

    `hidden` are the ids of the pixels to be hidden, `areas` those before anything was pasted.
    """
    numbers, losses = np.unique(hidden[hidden > 0], return_counts=True)
    for number, lost in zip(numbers.tolist(), losses.tolist(), strict=True):
        left = int(np.count_nonzero(instances == number)) - lost
        if left < (1 - largest_cover) * areas[number]:
            return True
    return False


def _overlap(shape, patch_shape, centre) -> tuple[tuple, tuple]:
    """The windows of the image and of the patch that fall on each other."""
    starts = [at - (side - 1) // 2 for at, side in zip(centre, patch_shape, strict=True)]
    there = tuple(
        slice(max(start, 0), min(start + part, side))
        for start, part, side in zip(starts, patch_shape, shape, strict=True)
    )
    here = tuple(
        slice(window.start - start, window.stop - start)
        for window, start in zip(there, starts, strict=True)
    )
    return there, here
