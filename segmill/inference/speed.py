"""How fast a network answers: milliseconds per image, one by one and in batches."""

import time
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from segmill.inference.predictor import Predictor
from segmill.inference.tta import averaged_views
from segmill.models.sizes import next_multiple
from segmill.random import generator


def latency(
    predictor: Predictor,
    shape: tuple[int, int],
    batch_sizes: Sequence[int] = (1, 8),
    repeats: int = 20,
    warm_up: int = 3,
) -> pd.DataFrame:
    """Time from the pixels of prepared images in memory to their scores in memory.

    Normalisation, the transfer to the device and back, and every network and view of the predictor
    are part of it; reading files, preparing and tiling images are not. A GPU is waited for before
    and after each run. Batch sizes take turns, so that a change of load meets all of them.

    Parameters
    ----------
    predictor : its networks, precision, device and test-time augmentation
    shape : (h, w) of the images in pixels, rounded up to what the networks accept; images are noise
    batch_sizes : images per run, each at least 1
    repeats : timed runs of each batch size
    warm_up : runs of each batch size before that

    Returns
    -------
    One row per batch size: ``batch``, ``height``, ``width``, ``device``, ``threads`` (of torch);
    ``ms_per_image``, the median over the runs, ``ms_per_image_low`` and ``ms_per_image_high``,
    their quartiles, ``ms_per_image_min``; ``images_per_s`` at the median.

    Raises
    ------
    ValueError
        for a batch size, repeats or sides below 1.
    """
    if min(*batch_sizes, repeats, *shape) < 1:
        raise ValueError(
            f"expected batch sizes, repeats and sides of at least 1, found {list(batch_sizes)}, "
            f"{repeats}, {shape}"
        )
    batches = {size: _noise(predictor, shape, size) for size in batch_sizes}
    for size in batch_sizes:
        for _ in range(warm_up):
            _seconds(predictor, batches[size])
    seconds = {size: [] for size in batch_sizes}
    for _ in range(repeats):
        for size in batch_sizes:
            seconds[size].append(_seconds(predictor, batches[size]))
    rows = []
    for size, found in seconds.items():
        each = np.array(found) * 1e3 / size
        low, middle, high = np.quantile(each, (0.25, 0.5, 0.75))
        height, width = batches[size][0].shape[2:]
        rows.append(
            {
                "batch": size,
                "height": height,
                "width": width,
                "device": str(predictor.networks[0].device),
                "threads": torch.get_num_threads(),
                "ms_per_image": middle,
                "ms_per_image_low": low,
                "ms_per_image_high": high,
                "ms_per_image_min": each.min(),
                "images_per_s": 1e3 / middle,
            }
        )
    return pd.DataFrame(rows)


def _noise(predictor: Predictor, shape: tuple[int, int], batch: int) -> list[np.ndarray]:
    """Pixels (B, C, h, w) uint8 for each network."""
    rng = generator(0, "latency", batch)
    pixels = []
    for network in predictor.networks:
        sides = [next_multiple(side, network.bundle.model.size_multiple) for side in shape]
        pixels.append(rng.integers(0, 256, (batch, network.in_channels, *sides), np.uint8))
    return pixels


def _seconds(predictor: Predictor, pixels: list[np.ndarray]) -> float:
    """Time of one run of all networks."""
    _synchronise(predictor)
    start = time.perf_counter()
    for network, batch in zip(predictor.networks, pixels, strict=True):
        averaged_views(network.probabilities, predictor.tta)(batch)
    _synchronise(predictor)
    return time.perf_counter() - start


def _synchronise(predictor: Predictor) -> None:
    """Wait until the GPUs have done what was asked of them."""
    for network in predictor.networks:
        if network.device.type == "cuda":
            torch.cuda.synchronize(network.device)
