"""Coordinates as channels, which tell a network where in the image a pixel lies."""

import torch
from torch import Tensor, nn

CHANNELS = 2


class AddCoordinates(nn.Module):
    """Appends row and column, -1 in the first and 1 in the last: (B, C, H, W) -> (B, C + 2, H, W).

    A network with them answers differently at different places (Liu et al. 2018, An intriguing
    failing of convolutional neural networks and the CoordConv solution). The coordinates are those
    of the tensor that it is given: crops in training have their own, and an image that is cut in
    tiles would have others than the whole. An axis of one pixel is at 0.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) float -> (B, C + 2, H, W) of the same dtype."""
        batch, _, height, width = x.shape
        rows = _axis(height, x)[:, None].expand(batch, 1, height, width)
        columns = _axis(width, x).expand(batch, 1, height, width)
        return torch.cat((x, rows, columns), dim=1)


def _axis(length: int, like: Tensor) -> Tensor:
    if length == 1:
        return like.new_zeros(1)
    return torch.linspace(-1, 1, length, dtype=like.dtype, device=like.device)
