"""Training of networks on shards: deterministic, resumable at any step, by several processes."""

from segmill.training.config import TrainingConfig
from segmill.training.loop import train

__all__ = ["TrainingConfig", "train"]
