"""Augmentation: crops of images, varied together with their labels, in levels of difficulty.

:class:`Recipe` says what to do, :class:`AugmentProducer` does it to a sample store; the parts
(coordinate map, elastic displacement, mirroring, grey levels) can be used on their own.
"""

from segmill.augment.augment import AugmentProducer
from segmill.augment.elastic import displacement
from segmill.augment.geometry import (
    affine_matrix,
    coordinate_map,
    nearest_pixels,
    reflections,
    take,
    warp_image,
)
from segmill.augment.mirror import mirrored_instances, quarter_and_mirror, separate_mirrored
from segmill.augment.photometric import add_noise, change_greys
from segmill.augment.placement import centred, cover, grid, random_box
from segmill.augment.prepare import Prepared, prepare
from segmill.augment.recipe import Level, Recipe
from segmill.augment.transform import Variation, apply, draw

__all__ = [
    "AugmentProducer",
    "Level",
    "Prepared",
    "Recipe",
    "Variation",
    "add_noise",
    "affine_matrix",
    "apply",
    "centred",
    "change_greys",
    "coordinate_map",
    "cover",
    "displacement",
    "draw",
    "grid",
    "mirrored_instances",
    "nearest_pixels",
    "prepare",
    "quarter_and_mirror",
    "random_box",
    "reflections",
    "separate_mirrored",
    "take",
    "warp_image",
]
