"""The files that a prediction is written to."""

import io
from collections.abc import Callable

import cv2
import numpy as np
import tifffile

from segmill.inference.pixels import as_pixels
from segmill.inference.predictor import Prediction

# Told apart with the common colour deficiencies (Okabe and Ito, 2008), as R, G, B.
_COLOURS = np.array(
    [(230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (213, 94, 0), (204, 121, 167)],
    np.uint8,
)
_OVERLAY_PERCENTILES = (0.5, 99.5)


def _instances(image: np.ndarray, prediction: Prediction) -> bytes:
    """Objects as TIFF of uint16, of uint32 where there are more than 65535."""
    labels = prediction.instances
    return _tiff(labels.astype(np.uint16 if labels.max() < 2**16 else np.uint32))


def _semantic(image: np.ndarray, prediction: Prediction) -> bytes:
    """Class ids as grey PNG of uint8."""
    return _png(prediction.semantic)


def _boxes(image: np.ndarray, prediction: Prediction) -> bytes:
    """One line per object: label, y0, x0, y1, x1, area, centroid_y, centroid_x, score."""
    return prediction.boxes.to_csv(index=False, float_format="%.6g", lineterminator="\n").encode()


def _overlay(image: np.ndarray, prediction: Prediction) -> bytes:
    """The image, stretched to 8 bits, with the outlines of the objects, as RGB PNG."""
    return _png(outlined(image, prediction.instances))


def _scores(image: np.ndarray, prediction: Prediction) -> bytes:
    """Scores as TIFF of float32, one page per class."""
    return _tiff(np.ascontiguousarray(np.moveaxis(prediction.scores, 2, 0)))


# Name of an output -> ending of its files and what makes their content.
OUTPUTS: dict[str, tuple[str, Callable[[np.ndarray, Prediction], bytes]]] = {
    "instances": ("instances.tif", _instances),
    "semantic": ("semantic.png", _semantic),
    "boxes": ("boxes.csv", _boxes),
    "overlay": ("overlay.png", _overlay),
    "scores": ("scores.tif", _scores),
}


def outlined(image: np.ndarray, instances: np.ndarray) -> np.ndarray:
    """An image with the outlines of objects.

    Parameters
    ----------
    image : (h, w) or (h, w, C) as a predictor accepts it; other than three channels are shown as
        the grey mean of the channels
    instances : (h, w) integers, 0 = background

    Returns
    -------
    (h, w, 3) uint8 RGB; the outermost pixels of each object carry its colour.
    """
    pixels = as_pixels(image).astype(np.float32)
    if pixels.shape[2] != 3:
        pixels = np.repeat(pixels.mean(axis=2, keepdims=True), 3, axis=2)
    low, high = np.percentile(pixels, _OVERLAY_PERCENTILES)
    shown = np.clip((pixels - low) / max(high - low, 1e-6) * 255, 0, 255).astype(np.uint8)
    padded = np.pad(instances, 1, mode="edge")
    inside = np.ones(instances.shape, bool)
    height, width = instances.shape
    for dy, dx in ((0, 1), (2, 1), (1, 0), (1, 2)):
        inside &= padded[dy : dy + height, dx : dx + width] == instances
    outline = (instances > 0) & ~inside
    shown[outline] = _COLOURS[instances[outline] % len(_COLOURS)]
    return shown


def _tiff(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, compression="zlib", photometric="minisblack")
    return buffer.getvalue()


def _png(array: np.ndarray) -> bytes:
    if array.ndim == 3:
        array = cv2.cvtColor(array, cv2.COLOR_RGB2BGR)
    written, content = cv2.imencode(".png", array)
    if not written:
        raise RuntimeError(f"OpenCV cannot encode {array.dtype} {array.shape} as PNG")
    return content.tobytes()
