"""Does a network answer the same wherever a patch lies, and however an image is cut?

Identical receptive fields give identical outputs, as long as the field stays inside the image: near
the border padding differs from what would be there. Pooling demands more: places must have the same
phase on its grid. Coordinates as channels break the rule everywhere.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import nn

from segmill.inference.tiling import Network, TilingOptions, predict_tiled

SIDES = ("top", "left", "bottom", "right")
# Largest difference of scores that counts as none: rounding of float32.
ROUNDING = 1e-5


def as_network(model: nn.Module) -> Network:
    """A torch network as a function of arrays: float (B, C, h, w) -> float32 (B, K, h, w).

    It runs in evaluation mode and where its weights lie; its outputs are taken as they are. Of a
    trained network, :meth:`segmill.inference.network.TrainedNetwork.probabilities` is one already.
    """
    device = next(model.parameters()).device

    @torch.inference_mode()
    def run(images: np.ndarray) -> np.ndarray:
        was_training = model.training
        found = model.eval()(torch.from_numpy(np.asarray(images, np.float32)).to(device))
        model.train(was_training)
        return found.float().cpu().numpy()

    return run


def translation_differences(
    network: Network,
    scene: np.ndarray,
    window: tuple[int, int],
    patch: tuple[int, int],
    distances: Sequence[int],
    multiple: int = 1,
) -> pd.DataFrame:
    """How the output on a patch changes as the patch comes close to the border of the image.

    Windows are cut from a larger scene so that the same patch, with the same surroundings, lies at
    different places of the window; outputs on the patch are compared with those where it lies in
    the middle.

    Parameters
    ----------
    network : maps (B, C, h, w) cuts of the scene to (B, K, h, w)
    scene : (C, H, W), H and W at least twice the window less the patch
    window : (h, w) of the image that the network sees, multiples of `multiple`
    patch : (h, w) of what is compared
    distances : pixels from the patch to the nearest border; each is tried at every side, the patch
        being in the middle along it
    multiple : `size_multiple` of the network

    Returns
    -------
    One row per distance and side: ``distance``, ``side``, ``row`` and ``column`` of the patch's
    corner in the window, ``in_phase`` (whether it is whole periods of the pooling away from the
    middle), ``max_difference`` and ``mean_difference`` (absolute, over pixels and outputs).

    Raises
    ------
    ValueError
        if the scene is too small, the window no multiple, or a distance leaves no place.
    """
    free = [w - p for w, p in zip(window, patch, strict=True)]
    _check(scene, window, patch, free, distances, multiple)
    corner = [(side - p) // 2 for side, p in zip(scene.shape[1:], patch, strict=True)]

    def seen(row: int, column: int) -> np.ndarray:
        top, left = corner[0] - row, corner[1] - column
        cut = scene[None, :, top : top + window[0], left : left + window[1]]
        return network(cut)[0, :, row : row + patch[0], column : column + patch[1]]

    middle = [n // 2 // multiple * multiple for n in free]
    reference = seen(*middle)
    rows = []
    for distance in distances:
        for side in SIDES:
            row, column = _place(side, distance, middle, free)
            difference = np.abs(seen(row, column) - reference)
            rows.append(
                {
                    "distance": int(distance),
                    "side": side,
                    "row": row,
                    "column": column,
                    "in_phase": not (
                        (row - middle[0]) % multiple or (column - middle[1]) % multiple
                    ),
                    "max_difference": float(difference.max()),
                    "mean_difference": float(difference.mean()),
                }
            )
    return pd.DataFrame(rows)


def tiling_differences(
    network: Network,
    image: np.ndarray,
    margins: Sequence[int],
    size: int,
    multiple: int = 1,
) -> pd.DataFrame:
    """How far tiles differ from the whole image, by the margin that is thrown away around them.

    Parameters
    ----------
    network : maps (B, C, h, w) cuts of the image to (B, K, h, w)
    image : (C, H, W) of any size
    margins : widths in pixels to try; from the receptive field on nothing differs
    size : side of the core of a tile
    multiple : `size_multiple` of the network

    Returns
    -------
    One row per margin: ``margin``, ``max_difference`` and ``mean_difference`` (absolute, over
    pixels and outputs), ``share``, the share of pixels with an output that differs by more than
    1e-5.
    """
    whole = predict_tiled(network, image, TilingOptions(mode="whole"), multiple)
    rows = []
    for margin in margins:
        options = TilingOptions(mode="exact", size=size, margin=int(margin))
        tiled = predict_tiled(network, image, options, multiple)
        difference = np.abs(tiled - whole)
        rows.append(
            {
                "margin": int(margin),
                "max_difference": float(difference.max()),
                "mean_difference": float(difference.mean()),
                "share": float((difference > ROUNDING).any(axis=0).mean()),
            }
        )
    return pd.DataFrame(rows)


def _place(side: str, distance: int, middle: list[int], free: list[int]) -> tuple[int, int]:
    """Corner (row, column) in the window of a patch at a distance from a side."""
    row, column = middle
    if side in ("top", "bottom"):
        row = distance if side == "top" else free[0] - distance
    else:
        column = distance if side == "left" else free[1] - distance
    return row, column


def _check(scene, window, patch, free, distances, multiple: int) -> None:
    if scene.ndim != 3 or any(
        side < 2 * w - p for side, w, p in zip(scene.shape[1:], window, patch, strict=True)
    ):
        least = tuple(2 * w - p for w, p in zip(window, patch, strict=True))
        raise ValueError(f"expected a scene (C, H, W) of at least {least}, found {scene.shape}")
    if any(side % multiple for side in window):
        raise ValueError(f"expected a window of multiples of {multiple}, found {tuple(window)}")
    odd = [int(d) for d in distances if not 0 <= d <= min(free)]
    if odd or min(free) < 0:
        raise ValueError(f"expected distances from 0 to {min(free)}, found {odd}")
