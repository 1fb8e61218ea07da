"""Image sizes: the multiple that a network demands, reflection up to it, and the crop back."""

from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

Array = TypeVar("Array", np.ndarray, Tensor)


class SizeGuard(nn.Module):
    """Passes (B, C, H, W) on unchanged; ValueError unless H and W are multiples of `multiple`.

    A module of its own so that the analysis of a network's layers can step over the check.

    Parameters
    ----------
    multiple : of which height and width must be multiples
    least : smallest legal height and width
    """

    def __init__(self, multiple: int, least: int = 1):
        super().__init__()
        self.multiple = multiple
        self.least = least

    def forward(self, x: Tensor) -> Tensor:
        """The input itself, once its size is found legal."""
        height, width = x.shape[-2:]
        if height % self.multiple or width % self.multiple:
            raise ValueError(
                f"the network expects heights and widths that are multiples of {self.multiple}, "
                f"found {height}x{width}; pad the image with segmill.models.pad_to_multiple"
            )
        if min(height, width) < self.least:
            raise ValueError(
                f"the network expects heights and widths of at least {self.least}, "
                f"found {height}x{width}; with padding zeros it takes any"
            )
        return x

    def extra_repr(self) -> str:
        """What is legal, for printing."""
        return f"multiple={self.multiple}, least={self.least}"


def next_multiple(size: int, multiple: int) -> int:
    """The least multiple of `multiple` that is not below `size`."""
    return -(-size // multiple) * multiple


def reflected_index(size: int, target: int) -> np.ndarray:
    """Indices (target,) int64 that continue 0..size-1 by reflection without repeating the edge.

    The reflection goes on as often as needed, so `target` may be any size; a single pixel is
    repeated.

    >>> reflected_index(3, 8).tolist()
    [0, 1, 2, 1, 0, 1, 2, 1]
    """
    period = max(2 * (size - 1), 1)
    phase = np.arange(target) % period
    return np.minimum(phase, period - phase) if size > 1 else np.zeros(target, np.int64)


def pad_to_multiple(x: Array, multiple: int) -> Array:
    """Pad the last two axes to multiples of `multiple` by reflection at the bottom and the right.

    The upper left corner stays where it is, so that pixels keep their phase on the grid of a
    network's pooling and :func:`crop` to the former size undoes the padding.

    Parameters
    ----------
    x : (..., H, W) array or tensor of any dtype, with H, W >= 1
    multiple : positive integer, usually `model.size_multiple`

    Returns
    -------
    The array or tensor (..., H', W'), `x` itself where nothing was missing.
    """
    height, width = x.shape[-2:]
    if min(height, width) < 1:
        raise ValueError(f"an empty image of {height}x{width} pixels cannot be padded")
    target = next_multiple(height, multiple), next_multiple(width, multiple)
    if target == (height, width):
        return x
    rows, columns = reflected_index(height, target[0]), reflected_index(width, target[1])
    if isinstance(x, Tensor):
        rows, columns = (torch.as_tensor(i, device=x.device) for i in (rows, columns))
    return x[..., rows[:, None], columns]


def crop(x: Array, size: tuple[int, int]) -> Array:
    """The upper left (height, width) = `size` of the last two axes: undoes `pad_to_multiple`."""
    return x[..., : size[0], : size[1]]
