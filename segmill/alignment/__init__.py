"""Models of how a rotating sample moves in the image, fitted to positions over omega.

Angles are in radians, lengths in the unit given. :func:`fit_circle`, :func:`fit_projection`,
:func:`fit_slab` fit one track, :func:`fit_slab_views` positions in opposite views;
:func:`centre_3d` finds a point in space and the centring move.
"""

from segmill.alignment.centring import Centre, centre_3d
from segmill.alignment.harmonic import (
    CircleFit,
    HarmonicFit,
    ProjectionFit,
    coverage,
    fit_circle,
    fit_projection,
)
from segmill.alignment.least_squares import FitError
from segmill.alignment.slab import SlabFit, fit_slab
from segmill.alignment.slab_model import N_BOUNDS, slab_shift
from segmill.alignment.slab_views import fit_slab_views

__all__ = [
    "N_BOUNDS",
    "Centre",
    "CircleFit",
    "FitError",
    "HarmonicFit",
    "ProjectionFit",
    "SlabFit",
    "centre_3d",
    "coverage",
    "fit_circle",
    "fit_projection",
    "fit_slab",
    "fit_slab_views",
    "slab_shift",
]
