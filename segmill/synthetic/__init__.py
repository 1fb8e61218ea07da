"""Synthetic images with perfect labels."""

from segmill.synthetic.beamline import BeamlineOptions, beamline_sweep, beamline_tracks
from segmill.synthetic.cells import cell_options, cells
from segmill.synthetic.fluorescent import FluorescentOptions
from segmill.synthetic.membranes import MembraneOptions, membranes
from segmill.synthetic.phase_contrast import PhaseContrastOptions
from segmill.synthetic.producer import SyntheticProducer, split_counts
from segmill.synthetic.scenes import SceneOptions, scenes
from segmill.synthetic.suspensions import SuspensionOptions, imitate, particles

__all__ = [
    "BeamlineOptions",
    "FluorescentOptions",
    "MembraneOptions",
    "PhaseContrastOptions",
    "SceneOptions",
    "SuspensionOptions",
    "SyntheticProducer",
    "beamline_sweep",
    "beamline_tracks",
    "cell_options",
    "cells",
    "imitate",
    "membranes",
    "particles",
    "scenes",
    "split_counts",
]
