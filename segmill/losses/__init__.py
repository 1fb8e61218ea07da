"""Losses by name, all called as ``loss(prediction, truth)``; see :class:`Loss`."""

from segmill.losses import classification, overlap, regression  # noqa: F401  (registers the losses)
from segmill.losses.base import Loss, build, names, register

__all__ = ["Loss", "build", "names", "register"]
