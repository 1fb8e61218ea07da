"""Trained networks applied to images: any size, tiled or whole, to scores, classes and objects."""

from segmill.inference.files import predict_files
from segmill.inference.instances import InstanceOptions, instances_from_scores
from segmill.inference.objects import measure_objects
from segmill.inference.pixels import ImageError
from segmill.inference.predict_store import PredictProducer
from segmill.inference.predictor import Prediction, Predictor
from segmill.inference.tiling import TilingOptions, predict_tiled
from segmill.inference.tta import averaged_views

__all__ = [
    "ImageError",
    "InstanceOptions",
    "PredictProducer",
    "Prediction",
    "Predictor",
    "TilingOptions",
    "averaged_views",
    "instances_from_scores",
    "measure_objects",
    "predict_files",
    "predict_tiled",
]
