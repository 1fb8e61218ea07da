"""Other backgrounds for samples, chosen at their zoom."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segmill.augment.background_options import BackgroundOptions
from segmill.augment.background_sources import build_source, fitted
from segmill.augment.prepare import Cache
from segmill.augment.recipe import Recipe
from segmill.augment.transmission import OwnLight, Scene, own_light
from segmill.errors import ConfigError
from segmill.notions import unpack
from segmill.progress import log
from segmill.samples import Sample
from segmill.store import Store

# Backgrounds in the frame of the samples that are kept between draws.
CACHE_BYTES = 128 * 2**20


@dataclass(frozen=True)
class Backdrop:
    """The numbers of one swap; the defaults leave a sample before its own background.

    Attributes
    ----------
    number : of the background in its source, -1 for the sample's own
    name : of the background
    flip_rows, flip_columns : whether it is mirrored
    light : factor on it
    """

    number: int = -1
    name: str = ""
    flip_rows: bool = False
    flip_columns: bool = False
    light: float = 1.0

    def notes(self) -> dict:
        """Columns of the table."""
        return {
            "background": self.name,
            "background_flip_rows": self.flip_rows,
            "background_flip_columns": self.flip_columns,
            "background_light": self.light,
        }


class Backgrounds:
    """Draws backgrounds at a wanted zoom and brings them into the frame of the samples.

    Parameters
    ----------
    options : of the recipe
    seed : of drawn backgrounds
    channels, dtype : of the prepared images
    largest : (h, w) of the largest of them; bounds the backgrounds that are kept
    store : opened store of ``options.dataset``

    Raises
    ------
    ConfigError, IntegrityError
        see :func:`segmill.augment.background_sources.build_source`.
    """

    def __init__(
        self,
        options: BackgroundOptions,
        seed: int,
        channels: int,
        dtype: np.dtype,
        largest: tuple[int, int],
        store: Store | None = None,
    ):
        self.options = options
        self.source = build_source(options, seed, store)
        self.channels, self.dtype = channels, np.dtype(dtype)
        kept = CACHE_BYTES // (largest[0] * largest[1] * channels * self.dtype.itemsize)
        self._cache: Cache[np.ndarray] = Cache(self._read, max(2, kept))

    def to_dict(self) -> dict:
        """What was chosen from, for the record of a store."""
        return {"count": len(self.source.names), "content": self.source.content}

    def report(self, zooms: np.ndarray) -> None:
        """Log once which of the samples' zooms (n,) have no background of their own."""
        if np.isnan(self.source.zooms).all():
            return
        unknown = int(np.isnan(zooms).sum())
        if unknown:
            log.warning("backgrounds: any zoom for %d samples whose zoom is not known", unknown)
        for zoom in np.unique(zooms[~np.isnan(zooms)]):
            nearest = np.unique(self.source.zooms[self._at(zoom)])
            if zoom not in nearest:
                log.warning("backgrounds: none at zoom %g, nearest %s", zoom, nearest.tolist())

    def draw(self, zoom: float, probability: float, rng: np.random.Generator) -> Backdrop:
        """Draw a background at a zoom, or the nearest one that there is; NaN is any zoom.

        Every number is drawn whether it is used or not.
        """
        swaps, pick, rows, columns, light = rng.random(5)
        if swaps >= probability:
            return Backdrop()
        candidates = self._at(zoom)
        number = int(candidates[int(pick * len(candidates))])
        low, high = np.log(self.options.brightness)
        return Backdrop(
            number=number,
            name=self.source.names[number],
            flip_rows=bool(rows < self.options.flip),
            flip_columns=bool(columns < self.options.flip),
            light=float(np.exp(low + (high - low) * light)),
        )

    def scene(self, backdrop: Backdrop, own: OwnLight) -> Scene | None:
        """The swap that a draw stands for; None where the sample keeps its background."""
        if backdrop.number < 0:
            return None
        image = self._cache.get((backdrop.number, own.values.shape[:2]))
        rows, columns = (-1 if flip else 1 for flip in (backdrop.flip_rows, backdrop.flip_columns))
        return Scene(own, image[::rows, ::columns], backdrop.light)

    def _at(self, zoom: float) -> np.ndarray:
        """Numbers of the backgrounds at a zoom, or at the nearest one; all where it is unknown."""
        distance = np.abs(self.source.zooms - zoom)
        if np.isnan(distance).all():
            return np.arange(len(distance))
        return np.flatnonzero(distance == np.nanmin(distance))

    def _read(self, key: tuple[int, tuple[int, int]]) -> np.ndarray:
        number, shape = key
        image = self.source.read(number, shape, self.dtype)
        return fitted(image, shape, self.channels, self.dtype, self.source.names[number])


def open_backgrounds(
    recipe: Recipe, store: Store, seed: int, backgrounds: Store | None = None
) -> Backgrounds:
    """The backgrounds of a recipe for the samples of a store.

    Parameters
    ----------
    recipe : with ``backgrounds``
    store : of the samples
    seed : of drawn backgrounds
    backgrounds : opened store of the recipe's ``backgrounds.dataset``

    Raises
    ------
    ConfigError
        if the store lacks the notion that is the sample; and see :class:`Backgrounds`.
    """
    notion, held = recipe.backgrounds.notion, store.attributes.get("notions") or []
    if notion not in held or "notions" not in store.fields:
        raise ConfigError(
            f"backgrounds.notion: expected a notion of {store.path}, found {notion!r}; it has "
            f"{', '.join(held) or 'none'}"
        )
    _, height, width, channels = store.shape("image")
    return Backgrounds(
        recipe.backgrounds,
        seed,
        recipe.preprocessing.output_channels(channels),
        store.dtype("image"),
        recipe.preprocessing.output_shape((height, width)),
        backgrounds,
    )


def sample_light(sample: Sample, notions: Sequence[str], options: BackgroundOptions) -> OwnLight:
    """The light behind a prepared sample, whose `notions` are named in the order of their bits."""
    masks = unpack(sample.notions, len(notions))
    foreground = masks[:, :, list(notions).index(options.notion)]
    return own_light(sample.image, foreground, sample.ignore, options.feather, options.degree)
