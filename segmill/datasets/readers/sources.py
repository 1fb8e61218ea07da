"""One image of the sky, cut into tiles; its sources are labelled by a classical method.

The labels are weak: nobody drew them. They are those of :mod:`segmill.sources`, found on
the whole image before it is cut.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from segmill.datasets.base import BaseReader, Record
from segmill.datasets.images import ImageRules, read_image
from segmill.errors import ConfigError, Problem
from segmill.labels import relabel
from segmill.options import build_options, option
from segmill.samples import Sample
from segmill.sources import SourceOptions, detect_sources


@dataclass(frozen=True)
class TileOptions:
    """Which image is read and how it is cut.

    image : name of the file below the root
    rows, columns : number of tiles; a tile is a group of its own, named ``r0c0`` and so on
    """

    image: str = option("")
    rows: int = option(1, low=1, high=1000)
    columns: int = option(1, low=1, high=1000)


class Reader(BaseReader):
    """Tiles of an image. Configuration: `options` (`image`, `rows`, `columns`, and `detection`, see
    :class:`segmill.sources.SourceOptions`) and `images` (channels, alpha).
    """

    def __init__(self, config: Mapping, root: str | Path):
        super().__init__(config, root)
        if self.labels.kind != "instances":
            raise ConfigError(f"labels.kind: expected instances, found {self.labels.kind!r}")
        options = dict(config.get("options") or {})
        self.detection = build_options(
            SourceOptions, options.pop("detection", None) or {}, "options.detection"
        )
        self.tiles = build_options(TileOptions, options, "options")
        self.images = build_options(ImageRules, config.get("images") or {}, "images")

    def listing(self) -> tuple[list[Record], list[Problem]]:
        """A record per tile, row by row."""
        path = self.root / self.tiles.image
        if not self.tiles.image or not path.is_file():
            return [], [Problem(str(path), "an image (options.image)", "no file")]
        places = np.ndindex(self.tiles.rows, self.tiles.columns)
        names = [f"r{row}c{column}" for row, column in places]
        return [
            Record(sample_id=name, group=name, source=self.tiles.image, image=path, frame=frame)
            for frame, name in enumerate(names)
        ], []

    def load(self, record: Record) -> Sample:
        """A tile; its sources are numbered anew from 1."""
        image, sources = self.whole
        row, column = divmod(record.frame, self.tiles.columns)
        window = (
            _part(image.shape[0], self.tiles.rows, row),
            _part(image.shape[1], self.tiles.columns, column),
        )
        return Sample(image[window].copy(), instances=relabel(sources[window]))

    @cached_property
    def whole(self) -> tuple[np.ndarray, np.ndarray]:
        """The image (h, w, C) and its sources (h, w), before they are cut."""
        image = read_image(self.root / self.tiles.image, self.images, None)
        return image, detect_sources(image, self.detection)


def _part(length: int, parts: int, k: int) -> slice:
    """Part k of an axis that is cut as evenly as whole pixels allow."""
    return slice(k * length // parts, (k + 1) * length // parts)
