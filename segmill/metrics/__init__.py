"""How well a segmentation agrees with the truth: regions, objects and their uncertainty.

Label images are (H, W) integers, 0 = background, each other value one object; ids need not be
consecutive, and two touching objects of different ids stay two. Quantities without a denominator
(an IoU of nothing with nothing) are nan, and what pools over images leaves them out.
"""

from segmill.metrics.bootstrap import bootstrap_intervals
from segmill.metrics.evaluation import evaluate
from segmill.metrics.matching import CRITERIA, InstanceMatching, match_instances
from segmill.metrics.overlap import Overlaps, exclude_ignored, overlaps
from segmill.metrics.regions import BinaryIoU, binary_iou, class_iou, iou
from segmill.metrics.seg import seg_measure, seg_scores
from segmill.metrics.summary import summarise

__all__ = [
    "CRITERIA",
    "BinaryIoU",
    "InstanceMatching",
    "Overlaps",
    "binary_iou",
    "bootstrap_intervals",
    "class_iou",
    "evaluate",
    "exclude_ignored",
    "iou",
    "match_instances",
    "overlaps",
    "seg_measure",
    "seg_scores",
    "summarise",
]
