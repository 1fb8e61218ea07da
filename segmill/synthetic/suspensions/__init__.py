"""Synthetic images of dense suspensions: spheres cut by a sheet of light."""

from segmill.synthetic.suspensions.imitate import Imitation, imitate
from segmill.synthetic.suspensions.options import SuspensionOptions
from segmill.synthetic.suspensions.suspension import (
    CENTRE_SIGMA,
    particles,
    render_particles,
    suspension_options,
)

__all__ = [
    "CENTRE_SIGMA",
    "Imitation",
    "SuspensionOptions",
    "imitate",
    "particles",
    "render_particles",
    "suspension_options",
]
