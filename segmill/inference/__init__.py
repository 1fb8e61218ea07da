"""Trained networks applied to images: any size, tiled or whole, to scores, classes and objects."""

from segmill.inference.description import DescribeOptions, Description, describe
from segmill.inference.description_files import describe_files
from segmill.inference.files import predict_files
from segmill.inference.instances import InstanceOptions, instances_from_scores
from segmill.inference.objects import measure_objects
from segmill.inference.particles import ParticleOptions, Particles, find_particles
from segmill.inference.pixels import ImageError
from segmill.inference.predict_store import PredictProducer
from segmill.inference.predictor import Prediction, Predictor
from segmill.inference.speed import latency
from segmill.inference.tiling import TilingOptions, predict_tiled
from segmill.inference.tta import averaged_views

__all__ = [
    "DescribeOptions",
    "Description",
    "ImageError",
    "InstanceOptions",
    "ParticleOptions",
    "Particles",
    "PredictProducer",
    "Prediction",
    "Predictor",
    "TilingOptions",
    "averaged_views",
    "describe",
    "describe_files",
    "find_particles",
    "instances_from_scores",
    "latency",
    "measure_objects",
    "predict_files",
    "predict_tiled",
]
