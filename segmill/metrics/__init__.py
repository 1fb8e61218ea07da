"""How well a segmentation agrees with the truth: regions, objects and their uncertainty.

Label images are (H, W) integers, 0 = background, each other value one object; ids need not be
consecutive, and two touching objects of different ids stay two. Quantities without a denominator
(an IoU of nothing with nothing) are nan, and what pools over images leaves them out.
"""

from segmill.metrics.bootstrap import bootstrap_intervals, bootstrap_median
from segmill.metrics.clicks import click_counts
from segmill.metrics.coco_ap import Detections, coco_ap, coco_ap_of_stores
from segmill.metrics.evaluation import evaluate
from segmill.metrics.matching import CRITERIA, InstanceMatching, match_instances
from segmill.metrics.membranes import RegionOptions, cells_between, region_agreement
from segmill.metrics.notions import NotionOptions, focal_loss, notion_counts
from segmill.metrics.overlap import Overlaps, exclude_ignored, overlaps
from segmill.metrics.particles import particle_counts
from segmill.metrics.regions import BinaryIoU, binary_iou, class_iou, iou
from segmill.metrics.seg import seg_measure, seg_scores
from segmill.metrics.summary import summarise
from segmill.metrics.superpixels import superpixels

__all__ = [
    "CRITERIA",
    "BinaryIoU",
    "Detections",
    "InstanceMatching",
    "NotionOptions",
    "Overlaps",
    "RegionOptions",
    "binary_iou",
    "bootstrap_intervals",
    "bootstrap_median",
    "cells_between",
    "class_iou",
    "click_counts",
    "coco_ap",
    "coco_ap_of_stores",
    "evaluate",
    "exclude_ignored",
    "focal_loss",
    "iou",
    "match_instances",
    "notion_counts",
    "overlaps",
    "particle_counts",
    "region_agreement",
    "seg_measure",
    "seg_scores",
    "summarise",
    "superpixels",
]
