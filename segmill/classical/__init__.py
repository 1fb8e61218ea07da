"""Segmentation by classical image analysis, without a trained network."""

from segmill.classical.options import WatershedOptions
from segmill.classical.producer import ClassicalProducer
from segmill.classical.tuning import tune
from segmill.classical.watershed import Segmentation, segment_cells, watershed_instances

__all__ = [
    "ClassicalProducer",
    "Segmentation",
    "WatershedOptions",
    "segment_cells",
    "tune",
    "watershed_instances",
]
