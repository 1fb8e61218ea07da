"""Device, threads and determinism: what besides the settings decides the bits of a training."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from segmill.errors import TrainingError
from segmill.progress import log
from segmill.threads import torch_threads
from segmill.training.config import TrainingConfig


def device_type(wanted: str) -> str:
    """``"cpu"`` or ``"cuda"`` for a setting that may be ``"auto"``; TrainingError without a GPU."""
    available = torch.cuda.is_available()
    if wanted == "cuda" and not available:
        raise TrainingError("device: expected a GPU that torch can use (cuda), found none")
    return "cuda" if available and wanted != "cpu" else "cpu"


@contextmanager
def numerics(config: TrainingConfig, device: str) -> Iterator[None]:
    """Fix the number of threads and the kernels while a training runs; undo it afterwards.

    Raises ConfigError where the environment forbids the wanted threads.
    """
    strict = torch.are_deterministic_algorithms_enabled()
    filling = torch.utils.deterministic.fill_uninitialized_memory
    benchmark = torch.backends.cudnn.benchmark
    torch.use_deterministic_algorithms(device == "cpu" or config.deterministic)
    torch.utils.deterministic.fill_uninitialized_memory = False
    if device == "cuda":
        _prepare_gpu(config.deterministic)
    try:
        with torch_threads(config.threads), torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.use_deterministic_algorithms(strict)
        torch.utils.deterministic.fill_uninitialized_memory = filling
        torch.backends.cudnn.benchmark = benchmark


def _prepare_gpu(deterministic: bool) -> None:
    torch.backends.cudnn.benchmark = not deterministic
    if deterministic:
        # Without it cuBLAS refuses to work under deterministic algorithms.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    else:
        log.info(
            "deterministic: false: the fastest kernels are chosen by trial and add in any order, "
            "so two trainings, or one resumed, agree up to rounding only"
        )
