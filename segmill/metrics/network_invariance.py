"""Translation and tiling of trained networks, measured on an image that is continued as needed."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from segmill.inference.network import TrainedNetwork
from segmill.metrics.translation import tiling_differences, translation_differences
from segmill.models import receptive_field
from segmill.models.sizes import next_multiple


def translation_of_networks(
    networks: Mapping[str, TrainedNetwork],
    image: np.ndarray,
    window: int,
    patch: int,
    distances: Sequence[int],
) -> pd.DataFrame:
    """:func:`segmill.metrics.translation.translation_differences` of trained networks.

    Parameters
    ----------
    networks : by name
    image : (h, w, C), raw; each network prepares it, and its reflections continue it
    window, patch : sides of the image that a network sees and of what is compared, in pixels of the
        prepared image; the window is rounded up to a multiple of what the network accepts
    distances : pixels from the patch to the nearest border

    Returns
    -------
    ``experiment`` (the name), ``receptive_field`` and the columns of that function.
    """

    def measure(network: TrainedNetwork, pixels: np.ndarray, multiple: int) -> pd.DataFrame:
        side = next_multiple(window, multiple)
        scene = continued(pixels, 2 * side - patch)
        patches = (patch, patch)
        return translation_differences(
            network.probabilities, scene, (side, side), patches, distances, multiple
        )

    return _of_each(networks, image, measure)


def tiling_of_networks(
    networks: Mapping[str, TrainedNetwork],
    image: np.ndarray,
    window: int,
    tile: int,
    margins: Sequence[int],
) -> pd.DataFrame:
    """:func:`segmill.metrics.translation.tiling_differences` of trained networks.

    Parameters
    ----------
    networks, image : of :func:`translation_of_networks`
    window : side of the image that is cut, in pixels of the prepared image
    tile : side of what is kept of a tile
    margins : widths in pixels that are thrown away around it

    Returns
    -------
    ``experiment`` (the name), ``receptive_field`` and the columns of that function.
    """

    def measure(network: TrainedNetwork, pixels: np.ndarray, multiple: int) -> pd.DataFrame:
        scene = continued(pixels, window)
        return tiling_differences(network.probabilities, scene, margins, tile, multiple)

    return _of_each(networks, image, measure)


def continued(pixels: np.ndarray, side: int) -> np.ndarray:
    """(C, side, side) of pixels (C, h, w): cut, or continued by reflection, below and right."""
    missing = [max(0, side - n) for n in pixels.shape[1:]]
    whole = np.pad(pixels, [(0, 0), (0, missing[0]), (0, missing[1])], mode="symmetric")
    return np.ascontiguousarray(whole[:, :side, :side])


def _of_each(
    networks: Mapping[str, TrainedNetwork],
    image: np.ndarray,
    measure: Callable[[TrainedNetwork, np.ndarray, int], pd.DataFrame],
) -> pd.DataFrame:
    parts = []
    for name, network in networks.items():
        model = network.bundle.model
        pixels = np.moveaxis(network.preprocessing.apply(image), 2, 0)
        found = measure(network, pixels, model.size_multiple)
        found.insert(0, "receptive_field", receptive_field(model))
        found.insert(0, "experiment", name)
        parts.append(found)
    return pd.concat(parts, ignore_index=True)
