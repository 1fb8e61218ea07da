"""Post-processing of class maps: mathematical morphology, and a vote within superpixels."""

from dataclasses import dataclass

import cv2
import numpy as np

from segmill.inference.instances import fill_holes
from segmill.options import option


@dataclass(frozen=True)
class ClassPostprocessing:
    """What is done to a class map, in this order. By default nothing is.

    Attributes
    ----------
    superpixels : whether each superpixel takes the class that most of its pixels have
    opening, closing : radius in pixels of the disc that regions are opened, then closed with: gets
        rid of spurs and specks, of gaps and notches, of less than the disc's width
    max_hole : holes of up to that area in pixels are filled
    min_size : regions of a smaller area in pixels are dropped
    """

    superpixels: bool = option(False)
    opening: float = option(0.0, low=0.0, high=1000.0)
    closing: float = option(0.0, low=0.0, high=1000.0)
    max_hole: int = option(0, low=0)
    min_size: int = option(0, low=0)


def postprocess_classes(
    classes: np.ndarray, options: ClassPostprocessing, superpixels: np.ndarray | None = None
) -> np.ndarray:
    """A class map after post-processing.

    Class 0 is the background; the regions of the other classes are treated one class after the
    other. What a class loses becomes background, what it gains it takes from the background alone.

    Parameters
    ----------
    classes : (h, w) uint8 class ids
    options : see :class:`ClassPostprocessing`
    superpixels : (h, w) integers, equal ids being one superpixel; needed where they vote

    Returns
    -------
    (h, w) uint8

    Raises
    ------
    ValueError
        if superpixels are to vote and are missing or have another size.
    """
    found = np.array(classes)
    if options.superpixels:
        if superpixels is None:
            raise ValueError("superpixels are to vote, but none were given")
        found = majority_vote(found, superpixels)
    for k in np.unique(found[found > 0]).tolist():
        before = found == k
        after = smooth_mask(before, options)
        found[before & ~after] = 0
        found[after & (found == 0)] = k
    return found


def smooth_mask(mask: np.ndarray, options: ClassPostprocessing) -> np.ndarray:
    """A (h, w) bool mask opened, closed, without small holes and regions.

    The mask is taken to go on beyond the edge of the image as it pleases: nothing is lost or gained
    because of the edge. Regions and holes are connected over edges and corners of pixels; a hole
    does not touch the edge of the image.
    """
    values = mask.astype(np.uint8)
    for operation, radius in (
        (cv2.MORPH_OPEN, options.opening),
        (cv2.MORPH_CLOSE, options.closing),
    ):
        if radius > 0:
            values = cv2.morphologyEx(values, operation, disc(radius))
    found = values.astype(bool)
    if options.max_hole:
        found = fill_holes(found, options.max_hole)
    if options.min_size > 1:
        regions = cv2.connectedComponentsWithStats(found.view(np.uint8), connectivity=8)
        large = regions[2][:, cv2.CC_STAT_AREA] >= options.min_size
        large[0] = False  # what is not in the mask
        found = large[regions[1]]
    return found


def disc(radius: float) -> np.ndarray:
    """(n, n) uint8: 1 where the centre of a pixel is at most `radius` from that of the middle."""
    reach = int(radius)
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return (rows**2 + columns**2 <= radius**2).astype(np.uint8)


def majority_vote(classes: np.ndarray, superpixels: np.ndarray) -> np.ndarray:
    """Each superpixel takes the class of most of its pixels; of equals the lowest id.

    Parameters
    ----------
    classes : (h, w) uint8 class ids
    superpixels : (h, w) integers, equal ids being one superpixel, whatever the id

    Returns
    -------
    (h, w) of the dtype of `classes`

    Raises
    ------
    ValueError
        if the sizes differ.

    References
    ----------
    Farabet et al., "Learning hierarchical features for scene labeling", TPAMI 35, 2013.
    """
    if classes.shape != superpixels.shape:
        raise ValueError(f"the classes are {classes.shape}, the superpixels {superpixels.shape}")
    ids, place = np.unique(superpixels, return_inverse=True)
    place = place.reshape(-1)
    count = int(classes.max(initial=0)) + 1
    votes = np.bincount(place * count + classes.ravel(), minlength=len(ids) * count)
    winners = votes.reshape(len(ids), count).argmax(axis=1).astype(classes.dtype)
    return winners[place].reshape(classes.shape)
