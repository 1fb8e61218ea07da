"""Segmentation by classical image analysis, without a trained network."""

from segmill.classical.align import Alignment, align
from segmill.classical.align_options import AlignmentOptions
from segmill.classical.alignment_producer import AlignmentProducer
from segmill.classical.alignment_tables import align_store, alignment_row, alignment_tracks
from segmill.classical.options import WatershedOptions
from segmill.classical.producer import ClassicalProducer
from segmill.classical.producers import classical_producer
from segmill.classical.superpixel_producer import SuperpixelProducer
from segmill.classical.sweep_statistics import SweepStatistics, sweep_statistics
from segmill.classical.tuning import tune
from segmill.classical.watershed import Segmentation, segment_cells, watershed_instances
from segmill.superpixels import eikonal_superpixels

__all__ = [
    "Alignment",
    "AlignmentOptions",
    "AlignmentProducer",
    "ClassicalProducer",
    "Segmentation",
    "SuperpixelProducer",
    "SweepStatistics",
    "WatershedOptions",
    "align",
    "align_store",
    "alignment_row",
    "alignment_tracks",
    "classical_producer",
    "eikonal_superpixels",
    "segment_cells",
    "sweep_statistics",
    "tune",
    "watershed_instances",
]
