"""The number of threads that torch computes with, which decides the last bits of its results."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from segmill.errors import ConfigError


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Compute with so many threads; the number of before is restored afterwards.

    Convolutions, normalisations and sums give other last bits with another number of threads, and
    a library that shares OpenMP with torch (numba) changes the number behind its back. So the
    number is a setting wherever a result is kept. It is obeyed on any number of cores: fewer cores
    take longer, to the same bits.

    Raises
    ------
    ConfigError
        for a count below 1, or where the environment forbids OpenMP so many threads: torch would
        wait for them for ever.
    """
    if count < 1:
        raise ConfigError(f"threads: expected at least 1, found {count}")
    limit = os.environ.get("OMP_THREAD_LIMIT", "")
    if limit.isdigit() and int(limit) < count:
        raise ConfigError(
            f"OMP_THREAD_LIMIT: expected at least {count} (the setting threads), "
            f"found {limit} in the environment"
        )
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
