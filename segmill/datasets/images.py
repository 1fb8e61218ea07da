"""Images of a dataset: which files are accepted and what they become in the store."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from segmill.datasets.raster import Raster, offence, read_raster
from segmill.errors import ConfigError
from segmill.options import build_options, option


@dataclass(frozen=True)
class ImageRules:
    """How image files become arrays.

    Attributes
    ----------
    pages : each page of a TIFF is a sample of its own
    channels : ``as_is``, ``grey`` (luminance) or ``rgb`` (grey repeated)
    alpha : ``opaque`` refuses an image with transparent pixels, ``drop`` ignores transparency
    """

    pages: bool = option(False)
    channels: str = option("as_is", choices=("as_is", "grey", "rgb"))
    alpha: str = option("opaque", choices=("opaque", "drop"))


def single_image_rules(section: Mapping | None) -> ImageRules:
    """Rules from the key `images` of a dataset whose files have one page each.

    Raises ConfigError naming what is wrong with them.
    """
    section = dict(section or {})
    if "pages" in section:
        raise ConfigError("images.pages: expected none, this reader takes images of one page")
    return build_options(ImageRules, section, "images")


def read_image(path: Path, rules: ImageRules, page: int | None = None) -> np.ndarray:
    """Read an image as (h, w, C) uint8 or uint16, values as in the file.

    A 12-bit camera's values in a 16-bit file stay what they are. Palette indices become RGB. An
    alpha channel carries no signal of the specimen: it is dropped, if it is opaque or the rules
    allow it.

    Parameters
    ----------
    path : PNG, TIFF, JPEG or BMP
    page : page of a TIFF from 0, None for a file with one page

    Raises
    ------
    IntegrityError
        naming the file, what was expected and what was found.
    """
    return image_values(read_raster(path, page), rules, path)


def image_values(raster: Raster, rules: ImageRules, path: Path) -> np.ndarray:
    """Decoded pixels as (h, w, C) uint8 or uint16, by the rules of :func:`read_image`.

    Raises IntegrityError naming `path`.
    """
    if rules.alpha == "opaque" and not raster.opaque:
        fix = "images.alpha: drop ignores transparency"
        raise offence(path, f"opaque pixels ({fix})", f"{_transparent(raster)} transparent pixels")
    values = raster.rgb()
    if values.dtype.name not in ("uint8", "uint16"):
        bits = "1 bit" if values.dtype == bool else values.dtype.name
        raise offence(path, "an image of 8 or 16 bits, unsigned", bits)
    return to_channels(values, rules.channels)


def _transparent(raster: Raster) -> int:
    return int((raster.alpha < np.iinfo(raster.alpha.dtype).max).sum())


def to_channels(values: np.ndarray, channels: str) -> np.ndarray:
    """Bring (h, w) or (h, w, S) values to (h, w, C): as they are, 1 grey or 3 colour channels.

    Grey from colours is the luminance 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), rounded. An
    image with neither 1 nor 3 channels is left alone.
    """
    values = values[..., None] if values.ndim == 2 else values
    if channels == "rgb" and values.shape[2] == 1:
        return np.repeat(values, 3, axis=2)
    if channels == "grey" and values.shape[2] == 3:
        return cv2.cvtColor(values, cv2.COLOR_RGB2GRAY)[..., None]
    return values
