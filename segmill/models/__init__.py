"""Segmentation networks by name, their legal sizes, receptive fields and costs.

A network is one module of this package that calls :func:`register`; it is imported below.
"""

from segmill.models import (  # noqa: F401  (registers them)
    can,
    fc_densenet,
    pang,
    segnet,
    unet,
    unet_compressed,
)
from segmill.models.adaptive_norm import adaptive_norms
from segmill.models.architecture import architecture_table, describe_network, effective_width
from segmill.models.description import describe
from segmill.models.initialisation import initialise
from segmill.models.receptive_fields import measured_receptive_field, receptive_field
from segmill.models.registry import build, names, rebuild, register
from segmill.models.sizes import crop, next_multiple, pad_to_multiple

__all__ = [
    "adaptive_norms",
    "architecture_table",
    "build",
    "crop",
    "describe",
    "describe_network",
    "effective_width",
    "initialise",
    "measured_receptive_field",
    "names",
    "next_multiple",
    "pad_to_multiple",
    "rebuild",
    "receptive_field",
    "register",
]
