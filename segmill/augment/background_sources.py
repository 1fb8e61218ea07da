"""Images of empty scenes: from a folder, from a sample store, or drawn."""

import hashlib
import re
from typing import Protocol

import cv2
import numpy as np

from segmill.augment.background_options import BackgroundOptions, GeneratedOptions
from segmill.datasets.download import locate
from segmill.datasets.images import ImageRules, read_image
from segmill.errors import ConfigError, Problem, StoreError, raise_problems
from segmill.progress import log
from segmill.random import generator
from segmill.store import Store
from segmill.synthetic.camera import illumination

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
# A speck of dust: radius as a fraction of the height, loss of light at its centre.
_SPECK_RADIUS = (0.003, 0.02)
_SPECK_LOSS = (0.05, 0.5)
_LAMP = (0.6, 1.0)


class Source(Protocol):
    """Backgrounds, by number.

    Attributes
    ----------
    names : of the backgrounds
    zooms : (n,) float64, NaN where a zoom is not known
    content : digest of what there is, for the record
    """

    names: list[str]
    zooms: np.ndarray
    content: str

    def read(self, k: int, shape: tuple[int, int], dtype: np.dtype) -> np.ndarray:
        """Background `k` (h, w, C) uint8 or uint16; only drawn ones have that shape and dtype."""
        ...


def build_source(options: BackgroundOptions, seed: int, store: Store | None) -> Source:
    """The source that a recipe names.

    Parameters
    ----------
    options : of the recipe
    seed : of drawn backgrounds
    store : opened store of ``options.dataset``

    Raises
    ------
    ConfigError
        if the folder is not there, or the store was not given or is not fit.
    IntegrityError
        naming every image without a zoom in its name.
    """
    if options.path is not None:
        return FolderSource(options.path, options.zoom)
    if options.generate is not None:
        return GeneratedSource(options.generate, seed)
    if store is None:
        raise ConfigError(f"backgrounds.dataset: expected the store of {options.dataset}")
    return StoreSource(store, options.zoom)


class FolderSource:
    """Image files below a folder, their zoom in their names."""

    def __init__(self, path: str, pattern: str | None):
        try:
            self.root = locate({"path": path}, "")
        except ConfigError as error:
            raise ConfigError(f"backgrounds.{error}") from None
        files = [f for f in sorted(self.root.rglob("*")) if f.suffix.lower() in SUFFIXES]
        if not files:
            found = ", ".join(SUFFIXES)
            raise ConfigError(f"backgrounds.path: {path}: expected images ({found}), found none")
        self.names = [f.relative_to(self.root).as_posix() for f in files]
        self.zooms = np.array([_zoom_in(name, pattern) for name in self.names])
        if pattern is not None:
            raise_problems(
                (
                    Problem(name, f"a zoom in the name by the pattern {pattern}", "none")
                    for name, zoom in zip(self.names, self.zooms, strict=True)
                    if np.isnan(zoom)
                ),
                f"backgrounds of {path}",
            )
        sizes = [f"{n}:{f.stat().st_size}" for n, f in zip(self.names, files, strict=True)]
        self.content = _digest(sizes)

    def read(self, k: int, shape: tuple[int, int], dtype: np.dtype) -> np.ndarray:
        """The image of file `k`."""
        return read_image(self.root / self.names[k], ImageRules(alpha="drop"))


class StoreSource:
    """The training images of a sample store that show an empty scene, their zoom in a column.

    Where the store holds notions, an image with any of them is left out: its sample would be seen
    behind the other one, and nobody would have annotated it there.
    """

    def __init__(self, store: Store, column: str | None):
        if store.attributes.get("preprocessing"):
            raise StoreError(f"{store.path}: expected raw images, found preprocessed ones")
        if column is not None and column not in store.table:
            raise ConfigError(
                f"backgrounds.zoom: expected a column of {store.path}, found {column!r}; it has "
                f"{', '.join(store.table)}"
            )
        self.store = store
        self.rows = store.where(split="train")
        found = len(self.rows)
        if "notions" in store.fields:
            self.rows = np.array([i for i in self.rows if not store.notions(int(i)).any()], int)
        if not self.rows.size:
            raise ConfigError(
                f"backgrounds.dataset: expected training images of empty scenes in {store.path}, "
                f"found none among {found}"
            )
        log.info("backgrounds: %d empty scenes of %d in %s", len(self.rows), found, store.path)
        table = store.table.iloc[self.rows]
        self.names = table["sample_id"].astype(str).tolist()
        unknown = np.full(len(table), np.nan)
        self.zooms = table[column].to_numpy(np.float64) if column else unknown
        self.content = store.content_hash

    def read(self, k: int, shape: tuple[int, int], dtype: np.dtype) -> np.ndarray:
        """The image of training sample `k`."""
        return self.store.image(int(self.rows[k]))


class GeneratedSource:
    """Smooth light with vignetting, a gradient and dust, fit for any zoom.

    Background k depends on the seed, the options and its size alone.
    """

    def __init__(self, options: GeneratedOptions, seed: int):
        self.options, self.seed = options, seed
        self.names = [f"generated-{k:04d}" for k in range(options.count)]
        self.zooms = np.full(options.count, np.nan)
        self.content = _digest([repr(options), str(seed)])

    def read(self, k: int, shape: tuple[int, int], dtype: np.dtype) -> np.ndarray:
        """Draw background `k` as (h, w, 3)."""
        options, rng = self.options, generator(self.seed, "augment/backgrounds", k)
        level, vignetting, gradient, dust = (
            rng.uniform(*limits)
            for limits in (options.level, options.vignetting, options.gradient, options.dust)
        )
        colour = rng.uniform(*_LAMP, 3)
        field = illumination(rng, shape, vignetting, gradient)
        field = field * _specks(rng, shape, round(dust)) * np.float32(level)
        light = field[:, :, None] * (colour / colour.max()).astype(np.float32)
        light += options.noise * rng.standard_normal(light.shape, dtype=np.float32)
        top = np.iinfo(dtype).max
        return np.rint(np.clip(light, 0, 1) * top).astype(dtype)


def _specks(rng: np.random.Generator, shape: tuple[int, int], count: int) -> np.ndarray:
    """Light that dust lets through: (h, w) float32, 1 where there is none."""
    through = np.ones(shape, np.float32)
    for _ in range(count):
        row, column = rng.random(2) * shape
        radius = max(1.0, rng.uniform(*_SPECK_RADIUS) * shape[0])
        loss = rng.uniform(*_SPECK_LOSS)
        reach = int(3 * radius) + 1
        top, left = (max(0, int(at) - reach) for at in (row, column))
        part = through[top : int(row) + reach + 1, left : int(column) + reach + 1]
        rows = (np.arange(part.shape[0]) + top - row)[:, None]
        columns = np.arange(part.shape[1]) + left - column
        part *= (1 - loss * np.exp(-(rows**2 + columns**2) / (2 * radius**2))).astype(np.float32)
    return through


def fitted(
    background: np.ndarray, shape: tuple[int, int], channels: int, dtype: np.dtype, name: str
) -> np.ndarray:
    """A background in the frame, channels and dtype of the samples it is put behind.

    It is resized to the whole frame, as both show the field of view of their zoom: area average
    where a side shrinks, else linear.

    Parameters
    ----------
    background : (H, W, C') uint8 or uint16
    shape : (h, w)
    channels : 1 takes the luminance of three channels, 3 repeats a single one
    dtype : uint8 or uint16; grey levels keep their fraction of the range
    name : for messages

    Raises
    ------
    ConfigError
        if the numbers of channels cannot be reconciled.
    """
    found = background.shape[2]
    if found == 3 and channels == 1:
        background = cv2.cvtColor(background, cv2.COLOR_RGB2GRAY)[:, :, None]
    elif found == 1 and channels > 1:
        background = np.repeat(background, channels, axis=2)
    elif found != channels:
        raise ConfigError(f"background {name}: expected {channels} channels, found {found}")
    top, old_top = (np.iinfo(kind).max for kind in (dtype, background.dtype))
    if background.shape[:2] != shape:
        shrinks = shape[0] < background.shape[0] or shape[1] < background.shape[1]
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        background = cv2.resize(background, shape[::-1], interpolation=method)
        background = background.reshape(*shape, -1)
    if top != old_top:
        background = np.rint(background * (top / old_top)).astype(dtype)
    return np.ascontiguousarray(background)


def _zoom_in(name: str, pattern: str | None) -> float:
    found = re.search(pattern, name) if pattern else None
    try:
        return float(found.group(1)) if found else np.nan
    except (TypeError, ValueError):  # the group took no part in the match, or is no number
        return np.nan


def _digest(lines: list[str]) -> str:
    return hashlib.blake2b("\n".join(lines).encode(), digest_size=8).hexdigest()
