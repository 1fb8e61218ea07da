"""Synthetic images of samples on a goniometer at a beamline, with exact truth.

A 3-D scene (pin, stem, loop with a drop of medium, crystals, ice, frost, capillary) is turned about
the rotation axis, projected and seen in transmitted light.
"""

from segmill.synthetic.beamline.options import BeamlineOptions
from segmill.synthetic.beamline.sweep import (
    beamline_loop,
    beamline_options,
    beamline_sweep,
    beamline_tracks,
    render_frame,
)

__all__ = [
    "BeamlineOptions",
    "beamline_loop",
    "beamline_options",
    "beamline_sweep",
    "beamline_tracks",
    "render_frame",
]
