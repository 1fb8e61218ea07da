"""What is said of each object: box, area, centroid, score."""

import numpy as np
import pandas as pd
from scipy import ndimage

COLUMNS = ("label", "y0", "x0", "y1", "x1", "area", "centroid_y", "centroid_x", "score")


def measure_objects(instances: np.ndarray, foreground: np.ndarray | None = None) -> pd.DataFrame:
    """One row per object of a label image, by label.

    Parameters
    ----------
    instances : (h, w) integers, 0 = background
    foreground : (h, w) probability of being any object; None leaves out the score

    Returns
    -------
    label; y0, x0, y1, x1: the box in pixels, rows y0 to y1 - 1 and columns x0 to x1 - 1; area in
    pixels; centroid_y, centroid_x: mean pixel centre, where the upper left pixel has its centre at
    (0, 0); score: mean foreground probability over the object.
    """
    rows, columns = np.nonzero(instances)
    labels, object_of = np.unique(instances[rows, columns], return_inverse=True)
    n = labels.size
    area = np.bincount(object_of, minlength=n)
    compact = np.zeros(instances.shape, np.int32)
    compact[rows, columns] = object_of + 1
    boxes = [
        (box[0].start, box[1].start, box[0].stop, box[1].stop)
        for box in ndimage.find_objects(compact)
    ]
    measured = {"label": labels.astype(np.int64)}
    measured |= dict(zip(COLUMNS[1:5], np.reshape(boxes, (n, 4)).astype(np.int64).T, strict=True))
    measured |= {
        "area": area,
        "centroid_y": np.bincount(object_of, rows, minlength=n) / area,
        "centroid_x": np.bincount(object_of, columns, minlength=n) / area,
    }
    if foreground is not None:
        measured["score"] = np.bincount(object_of, foreground[rows, columns], minlength=n) / area
    return pd.DataFrame(measured)
