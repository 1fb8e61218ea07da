"""Segmill: from raw images to trained segmentation networks, tables and figures.

The names below are loaded on first use, so that light users (a Snakefile, the command line's help)
do not pay for torch, zarr and numba.
"""

import importlib

__version__ = "0.1.0"

_LAZY = {
    "open_store": "segmill.store",
    "Predictor": "segmill.inference",
    "describe": "segmill.inference",
}
_SUBMODULES = (
    "alignment",
    "augment",
    "classical",
    "datasets",
    "inference",
    "losses",
    "metrics",
    "models",
    "report",
    "store",
    "synthetic",
    "training",
)

__all__ = [*_LAZY, *_SUBMODULES]


def __getattr__(name: str):
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    if name in _SUBMODULES:
        return importlib.import_module(f"segmill.{name}")
    raise AttributeError(f"module 'segmill' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
