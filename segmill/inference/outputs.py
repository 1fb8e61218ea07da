"""The files that a prediction is written to."""

import io
from collections.abc import Callable, Mapping

import cv2
import numpy as np
import tifffile

from segmill.inference.description import describe, hierarchical_mask
from segmill.inference.pixels import as_pixels
from segmill.inference.predictor import Prediction
from segmill.notions import unpack

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


def _particles(image: np.ndarray, prediction: Prediction) -> bytes:
    """One line per particle: :func:`segmill.inference.particles.find_particles`."""
    table = prediction.particles.table
    return table.to_csv(index=False, float_format="%.6g", lineterminator="\n").encode()


def _overlay(image: np.ndarray, prediction: Prediction) -> bytes:
    """The image, stretched to 8 bits, with the outlines of objects or notions, as RGB PNG."""
    if prediction.task == "notions":
        return _png(notions_outlined(image, _masks(prediction)))
    return _png(outlined(image, prediction.instances))


def _scores(image: np.ndarray, prediction: Prediction) -> bytes:
    """Scores as TIFF of float32, one page per class."""
    return _tiff(np.ascontiguousarray(np.moveaxis(prediction.scores, 2, 0)))


def _notions(image: np.ndarray, prediction: Prediction) -> bytes:
    """Notions as TIFF of uint8, 0 or 1, one page per notion; its description has their names."""
    pages = np.stack(list(_masks(prediction).values())).astype(np.uint8)
    return _tiff(pages, metadata={"Labels": list(prediction.notion_names)})


def _hierarchy(image: np.ndarray, prediction: Prediction) -> bytes:
    """Which notion is on top as grey PNG of uint8; ``hierarchy`` of the description names them."""
    masks = _masks(prediction)
    return _png(hierarchical_mask(masks, prediction.scores.shape[:2])[1])


def _description(image: np.ndarray, prediction: Prediction) -> bytes:
    """What :func:`segmill.describe` says by its default options, as JSON."""
    return (describe(prediction).to_json(indent=2) + "\n").encode()


def _masks(prediction: Prediction) -> dict[str, np.ndarray]:
    """Name -> (h, w) bool of each notion."""
    names = prediction.notion_names
    masks = unpack(prediction.notions, len(names))
    return {name: masks[:, :, k] for k, name in enumerate(names)}


# Name of an output -> ending of its files and what makes their content.
OUTPUTS: dict[str, tuple[str, Callable[[np.ndarray, Prediction], bytes]]] = {
    "instances": ("instances.tif", _instances),
    "semantic": ("semantic.png", _semantic),
    "boxes": ("boxes.csv", _boxes),
    "particles": ("particles.csv", _particles),
    "overlay": ("overlay.png", _overlay),
    "scores": ("scores.tif", _scores),
    "notions": ("notions.tif", _notions),
    "hierarchy": ("hierarchy.png", _hierarchy),
    "description": ("description.json", _description),
}
# What can be written for a network of each kind; of these, what is written if nothing is said.
OF_KIND: dict[str, tuple[str, ...]] = {
    "semantic": ("instances", "semantic", "boxes", "overlay", "scores"),
    "notions": ("notions", "hierarchy", "description", "overlay", "scores"),
    "particles": ("instances", "particles", "boxes", "overlay", "scores"),
    "target": ("scores",),
}
DEFAULT: dict[str, tuple[str, ...]] = {
    "semantic": ("instances", "boxes", "overlay"),
    "notions": ("notions", "description", "overlay"),
    "particles": ("instances", "particles", "overlay"),
    "target": ("scores",),
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
    shown = _stretched(image)
    _draw_outlines(shown, instances)
    return shown


def notions_outlined(image: np.ndarray, masks: Mapping[str, np.ndarray]) -> np.ndarray:
    """An image with the outlines of overlapping notions, those on top drawn last.

    Parameters
    ----------
    image : as for :func:`outlined`
    masks : name -> (h, w) bool; the k-th has colour k, whichever are present

    Returns
    -------
    (h, w, 3) uint8 RGB
    """
    shown = _stretched(image)
    hierarchy, _ = hierarchical_mask(masks, shown.shape[:2])
    for name in hierarchy:
        _draw_outlines(shown, masks[name] * (list(masks).index(name) + 1))
    return shown


def _stretched(image: np.ndarray) -> np.ndarray:
    """The image between its percentiles as (h, w, 3) uint8 RGB."""
    pixels = as_pixels(image).astype(np.float32)
    if pixels.shape[2] != 3:
        pixels = np.repeat(pixels.mean(axis=2, keepdims=True), 3, axis=2)
    low, high = np.percentile(pixels, _OVERLAY_PERCENTILES)
    return np.clip((pixels - low) / max(high - low, 1e-6) * 255, 0, 255).astype(np.uint8)


def _draw_outlines(shown: np.ndarray, instances: np.ndarray) -> None:
    """Colour the outermost pixels of each object in place."""
    padded = np.pad(instances, 1, mode="edge")
    inside = np.ones(instances.shape, bool)
    height, width = instances.shape
    for dy, dx in ((0, 1), (2, 1), (1, 0), (1, 2)):
        inside &= padded[dy : dy + height, dx : dx + width] == instances
    outline = (instances > 0) & ~inside
    shown[outline] = _COLOURS[instances[outline] % len(_COLOURS)]


def _tiff(array: np.ndarray, **options) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, compression="zlib", photometric="minisblack", **options)
    return buffer.getvalue()


def _png(array: np.ndarray) -> bytes:
    if array.ndim == 3:
        array = cv2.cvtColor(array, cv2.COLOR_RGB2BGR)
    written, content = cv2.imencode(".png", array)
    if not written:
        raise RuntimeError(f"OpenCV cannot encode {array.dtype} {array.shape} as PNG")
    return content.tobytes()
