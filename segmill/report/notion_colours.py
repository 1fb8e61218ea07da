"""Colours of overlapping notions, and masks drawn on their image."""

from collections.abc import Mapping, Sequence

import numpy as np
from skimage.segmentation import find_boundaries

from segmill.notions import FOREGROUND
from segmill.report.colouring import INSTANCE_COLOURS, enlarge, enlargement, to_rgb

OPACITY = 0.3
LEAST_SIDE = 480


def notion_colours(notions: Sequence[str]) -> dict[int, np.ndarray]:
    """Channel -> (3,) uint8 RGB of each notion but the foreground, which is all of them."""
    shown = [k for k, name in enumerate(notions) if name != FOREGROUND]
    count = len(INSTANCE_COLOURS)
    return {k: INSTANCE_COLOURS[place % count] for place, k in enumerate(shown)}


def notion_overlay(
    image: np.ndarray,
    masks: np.ndarray,
    colours: Mapping[int, Sequence[int]],
    opacity: float = OPACITY,
    least_side: int = LEAST_SIDE,
) -> np.ndarray:
    """Masks filled transparently and outlined, smaller ones over larger ones.

    Parameters
    ----------
    image : (h, w) or (h, w, C)
    masks : (h, w, K) bool
    colours : channel -> RGB of 0 to 255; channels without one are not drawn
    opacity : of the filling, 0 .. 1; outlines are opaque
    least_side : the longer side of the result has at least as many pixels

    Returns
    -------
    (h k, w k, 3) uint8 with a whole factor k, so that outlines are thin
    """
    factor = enlargement(image.shape[:2], least_side)
    canvas = enlarge(to_rgb(image), factor).astype(np.float32)
    areas = {k: int(masks[:, :, k].sum()) for k in colours}
    order = sorted((k for k in colours if areas[k]), key=lambda k: (-areas[k], k))
    enlarged = {k: enlarge(masks[:, :, k], factor) for k in order}
    for k, mask in enlarged.items():
        paint = np.asarray(colours[k], np.float32)
        canvas[mask] = (1 - opacity) * canvas[mask] + opacity * paint
    for k, mask in enlarged.items():
        canvas[find_boundaries(mask, mode="inner")] = colours[k]
    return np.rint(canvas).astype(np.uint8)
