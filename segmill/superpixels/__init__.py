"""Superpixels: an image divided into many small regions of like colour.

A superpixel image is (h, w) int32 with the ids 1 .. n in the order of their first pixels, row by
row; there is no background, and each superpixel is one connected region.
"""

from segmill.superpixels.eikonal import eikonal_superpixels, grow_superpixels
from segmill.superpixels.methods import divide
from segmill.superpixels.options import (
    CompactWatershedOptions,
    EikonalOptions,
    FelzenszwalbOptions,
    SlicOptions,
)
from segmill.superpixels.painting import paint_means
from segmill.superpixels.travel_times import travel_times

__all__ = [
    "CompactWatershedOptions",
    "EikonalOptions",
    "FelzenszwalbOptions",
    "SlicOptions",
    "divide",
    "eikonal_superpixels",
    "grow_superpixels",
    "paint_means",
    "travel_times",
]
