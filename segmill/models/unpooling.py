"""Unpooling: values go back to where max pooling found them."""

from torch import Tensor, nn


class UnpoolByIndices(nn.Module):
    """Each value back to its place in its 2x2 window: (B, C, H, W) twice -> (B, C, 2H, 2W).

    What ``torch.nn.MaxUnpool2d(2)`` computes, which however refuses to run where deterministic
    algorithms are demanded, though no two values share a place here.
    """

    def forward(self, x: Tensor, indices: Tensor) -> Tensor:
        """Values and the `indices` that 2x2 max pooling gave; zeros where no value belongs."""
        batch, channels, height, width = x.shape
        places = x.new_zeros(batch, channels, 4 * height * width)
        filled = places.scatter(2, indices.flatten(2), x.flatten(2))
        return filled.view(batch, channels, 2 * height, 2 * width)
