"""Test-time augmentation: the mean of what a network says of mirrored and turned images."""

import numpy as np

from segmill.inference.tiling import Network

# (quarter turns, then a flip of the columns) of each view; the first is the image itself.
VIEWS: dict[str, tuple[tuple[int, bool], ...]] = {
    "none": ((0, False),),
    "flips": ((0, False), (0, True), (2, False), (2, True)),
    "dihedral": tuple((turns, flip) for turns in range(4) for flip in (False, True)),
}


def averaged_views(network: Network, views: str) -> Network:
    """A network that answers with the mean over views of its input, brought back to its frame.

    Parameters
    ----------
    network : maps (B, C, h, w) to (B, K, h, w) probabilities, for both (h, w) and (w, h)
    views : ``"none"``; ``"flips"``: 4 views, mirrored along either axis and both;
        ``"dihedral"``: 8 views, quarter turns too

    Raises
    ------
    ValueError
        for unknown views.
    """
    if views not in VIEWS:
        raise ValueError(f"unknown views {views!r}, known are {', '.join(VIEWS)}")
    if views == "none":
        return network

    def averaged(tiles: np.ndarray) -> np.ndarray:
        total = None
        for turns, flip in VIEWS[views]:
            seen = np.rot90(tiles, turns, axes=(2, 3))
            seen = seen[..., ::-1] if flip else seen
            scores = network(np.ascontiguousarray(seen))
            scores = scores[..., ::-1] if flip else scores
            scores = np.rot90(scores, -turns, axes=(2, 3))
            total = scores.copy() if total is None else total + scores
        return total / len(VIEWS[views])

    return averaged
