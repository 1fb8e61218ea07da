"""The empty field of a sample microscope: lamp, vignette, dust on the optics; drawn or from files.

Where the field of view is wide it holds the lamp's whole disc, dark around it and in its middle;
where it is narrow the light is even but for a gradient.
"""

import re
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from segmill.errors import ConfigError

# Red, green and blue of an empty field relative to green: yellow-green, green and grey lamps.
COLOURS = ((0.94, 1.0, 0.63), (0.78, 1.0, 0.57), (0.97, 1.0, 1.0))
SUFFIXES = (".jpg", ".jpeg", ".png")


def draw_field(rng: np.random.Generator, shape: tuple[int, int], mm_per_px: float) -> np.ndarray:
    """A drawn empty field, (h, w, 3) float32 grey levels of red, green and blue."""
    h, w = shape
    centre = rng.normal(0, 0.07, 2)
    rows = ((np.arange(h, dtype=np.float32) - h / 2) * mm_per_px - centre[0])[:, None]
    columns = ((np.arange(w, dtype=np.float32) - w / 2) * mm_per_px - centre[1])[None]
    distance = np.sqrt(rows * rows + columns * columns * rng.uniform(0.8, 1.1)).astype(np.float32)
    radius, soft = rng.uniform(0.75, 1.1), rng.uniform(0.06, 0.14)
    light = 1 / (1 + np.exp((distance - np.float32(radius)) / np.float32(soft)))
    narrow = h * mm_per_px < 1.2
    spot = rng.uniform(-0.2, 0.6) if narrow else -rng.uniform(0.05, 0.4)
    light *= 1 + np.float32(spot) * np.exp(-((distance / np.float32(rng.uniform(0.15, 0.3))) ** 2))
    tilt = rng.normal(0, 0.12, 2)
    light *= 1 + np.linspace(-tilt[0], tilt[0], h, dtype=np.float32)[:, None]
    light *= 1 + np.linspace(-tilt[1], tilt[1], w, dtype=np.float32)[None]
    light *= _dust(rng, shape)
    colour = np.array(COLOURS[rng.choice(3, p=(0.4, 0.35, 0.25))]) * rng.normal(1, 0.03, 3)
    level = rng.uniform(70, 235)
    if rng.random() < 0.08:
        level = rng.uniform(260, 420)  # overexposed
    elif rng.random() < 0.06:
        level = rng.uniform(25, 60)
    field = light[..., None] * (colour * level).astype(np.float32)
    # Towards the dark edge the green of the coated lenses fades first.
    field += (1 - np.minimum(light, 1))[..., None] * np.array([4, 3, 2], np.float32)
    return np.maximum(field, 0)


def _dust(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Share of light left by dust on the optics, (h, w) float32: sharp specks and faint rings."""
    left = np.ones(shape, np.float32)
    unit = min(shape) / 1024
    for _ in range(rng.poisson(8)):
        place, size = rng.uniform((0, 0), shape[::-1]), rng.uniform(0.7, 5) * max(unit, 0.35)
        axes = (size, size * rng.uniform(0.5, 1))
        box = (tuple(map(float, place)), tuple(map(float, axes)), float(rng.uniform(0, 180)))
        cv2.ellipse(left, box, float(rng.uniform(0.2, 0.8)), -1, cv2.LINE_AA)
    faint = np.ones(shape, np.float32)
    for _ in range(rng.poisson(5)):
        place, size = rng.uniform((0, 0), shape[::-1]), int(rng.uniform(6, 26) * unit) + 1
        centre = (int(place[0]), int(place[1]))
        depth = rng.uniform(0.02, 0.08)
        cv2.circle(faint, centre, size, float(1 - depth), max(1, size // 3), cv2.LINE_AA)
    return cv2.GaussianBlur(left, (3, 3), 0.6) * cv2.GaussianBlur(faint, (0, 0), 1 + 2 * unit)


def read_field(
    rng: np.random.Generator, folder: str, zoom: int, shape: tuple[int, int]
) -> np.ndarray:
    """An empty field from a folder, of the nearest zoom level, (h, w, 3) float32.

    It is scaled to cover the image and its overhang cut off evenly.

    Raises
    ------
    ConfigError
        where no file of the folder names a zoom, or the one drawn is no image.
    """
    by_zoom = fields_of(folder)
    nearest = min(by_zoom, key=lambda other: (abs(other - zoom), other))
    paths = by_zoom[nearest]
    return _covering(paths[rng.integers(len(paths))], shape)


@lru_cache(maxsize=8)
def fields_of(folder: str) -> dict[int, tuple[str, ...]]:
    """Files of empty fields by zoom level."""
    found: dict[int, list[str]] = {}
    for path in sorted(Path(folder).iterdir()):
        match = re.search(r"zoom_(\d+)", path.stem)
        if match and path.suffix.lower() in SUFFIXES:
            found.setdefault(int(match[1]), []).append(str(path))
    if not found:
        raise ConfigError(f"backgrounds: expected files named ..._zoom_N.jpg or .png in {folder}")
    return {zoom: tuple(paths) for zoom, paths in found.items()}


@lru_cache(maxsize=32)
def _covering(path: str, shape: tuple[int, int]) -> np.ndarray:
    image = cv2.imread(path, cv2.IMREAD_COLOR)
    if image is None:
        raise ConfigError(f"backgrounds: expected an image, found {path}")
    scale = max(shape[0] / image.shape[0], shape[1] / image.shape[1])
    size = [
        max(wanted, round(have * scale)) for have, wanted in zip(image.shape, shape, strict=False)
    ]
    image = cv2.resize(image, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    row, column = (size[0] - shape[0]) // 2, (size[1] - shape[1]) // 2
    image = image[row : row + shape[0], column : column + shape[1], ::-1]
    return np.ascontiguousarray(image).astype(np.float32)
