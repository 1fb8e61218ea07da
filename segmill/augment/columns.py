"""Columns of a source's table, brought into the frame of its crops."""

import numpy as np

from segmill.augment.placement import Box
from segmill.augment.positions import NOWHERE, rescaled_point
from segmill.store import Store

# Columns that stay true of a crop: angle of the goniometer in degrees, zoom of the microscope.
KEPT = ("omega", "zoom")
ZOOM = "zoom"
SCALE = "mm_per_px"
CLICK = ("click_row", "click_column")


class SourceColumns:
    """What the table of a store says of its images, where it has such columns.

    Parameters
    ----------
    store : source of the crops

    Attributes
    ----------
    kept : names of the columns that crops take over
    zooms : (n,) float64, NaN where the zoom of an image is not known
    """

    def __init__(self, store: Store):
        self.kept = [name for name in KEPT if name in store.table]
        self._scale = _columns(store, (SCALE,))
        self._clicks = _columns(store, CLICK)
        zooms = _columns(store, (ZOOM,))
        self.zooms = np.full(len(store), np.nan) if zooms is None else zooms[:, 0]

    def scale(self, source: int, magnification: float) -> dict[str, float]:
        """Note of the size of a pixel in mm, in a crop magnified in all by this factor."""
        if self._scale is None:
            return {}
        return {SCALE: float(self._scale[source, 0] / magnification)}

    def click(
        self, source: int, shape: tuple[int, int], new_shape: tuple[int, int]
    ) -> tuple[float, float] | None:
        """(row, column) of the click in an image of `shape` resized to `new_shape`.

        NaN where nobody clicked on this image, None where the source records no clicks.
        """
        if self._clicks is None:
            return None
        return rescaled_point(tuple(self._clicks[source].tolist()), shape, new_shape)


def cut_click(click: tuple[float, float] | None, box: Box) -> dict[str, float]:
    """Notes of a click in a box that is cut and not varied; NaN where it lies outside."""
    if click is None:
        return {}
    row, column = click[0] - box[0], click[1] - box[1]
    inside = -0.5 <= row < box[2] - 0.5 and -0.5 <= column < box[3] - 0.5
    return dict(zip(CLICK, (row, column) if inside else NOWHERE, strict=True))


def _columns(store: Store, names: tuple[str, ...]) -> np.ndarray | None:
    """(n, k) float64 columns of a store's table; None where it lacks one of them."""
    if any(name not in store.table for name in names):
        return None
    return store.table[list(names)].to_numpy(np.float64)
