"""Augmentation: crops of images, varied together with their labels, in levels of difficulty.

:class:`Recipe` says what to do, :class:`AugmentProducer` does it to a sample store; the parts
(coordinate map, elastic displacement, mirroring, colours, grey levels, other backgrounds, pasted
instances) can be used on their own.
"""

from segmill.augment.augment import AugmentProducer
from segmill.augment.background_options import BackgroundOptions, GeneratedOptions
from segmill.augment.backgrounds import Backgrounds
from segmill.augment.colours import swap_channels, to_grey
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
from segmill.augment.mirror import mirrored_instances, quarter_and_mirror, separate_mirrored
from segmill.augment.paste import paste_instances
from segmill.augment.paste_options import PasteOptions
from segmill.augment.photometric import add_noise, change_greys
from segmill.augment.placement import centred, cover, grid, random_box
from segmill.augment.positions import moved_point
from segmill.augment.prepare import Prepared, prepare
from segmill.augment.recipe import Level, Recipe
from segmill.augment.transform import Variation, apply, draw
from segmill.augment.transmission import OwnLight, Scene, own_light, swap_background

__all__ = [
    "AugmentProducer",
    "BackgroundOptions",
    "Backgrounds",
    "GeneratedOptions",
    "Level",
    "OwnLight",
    "PasteOptions",
    "Prepared",
    "Recipe",
    "Scene",
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
    "moved_point",
    "nearest_pixels",
    "own_light",
    "paste_instances",
    "prepare",
    "quarter_and_mirror",
    "random_box",
    "reflections",
    "separate_mirrored",
    "swap_background",
    "swap_channels",
    "take",
    "to_grey",
    "warp_field",
    "warp_image",
]
