"""Images of a sample-view camera: size of a pixel by zoom, families of samples, click heat maps."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

import cv2
import numpy as np

from segmill.clicks import heat_map, unknown
from segmill.datasets.click_names import NameFacts
from segmill.errors import ConfigError
from segmill.options import build_options, option


@dataclass(frozen=True)
class ViewRules:
    """How clicks become heat maps, names become groups, and large images small ones.

    Attributes
    ----------
    click_sigma_mm : standard deviation of the heat map in mm on the sample, used where the size of
        a pixel is known
    click_sigma_px : standard deviation elsewhere, in px of the stored image
    family : what the time in a name tells of mounted samples: images of one account on one ``day``
        are kept together, or only those of the same ``time``, which are of one alignment
    family_regex : instead, a regular expression found in the name, whose named group `family` is
        the group
    rescale : images are stored at this scale; clicks and polygons move with them
    """

    click_sigma_mm: float | None = option(None, low=1e-6)
    click_sigma_px: float = option(16.0, low=0.1)
    family: str = option("day", choices=("day", "time"))
    family_regex: str | None = option(None)
    rescale: float = option(1.0, low=0.01, high=1.0)

    def conflicts(self) -> list[str]:
        """What is wrong with the rules."""
        if self.family_regex is None:
            return []
        try:
            groups = re.compile(self.family_regex).groupindex
        except re.error as error:
            return [f"family_regex: {self.family_regex!r} is no regular expression: {error}"]
        missing = f"family_regex: expected a named group (?P<family>...), found {sorted(groups)}"
        return [] if "family" in groups else [missing]


class View:
    """The camera of a dataset.

    Parameters
    ----------
    config : a dataset's configuration; `pixel_size_um` is the size of a pixel at every zoom
    section : settings of its reader; the options of ViewRules and `calibration` (zoom -> mm per
        px of the image as it was saved) are taken out
    where : name of these settings, for errors
    """

    def __init__(self, config: Mapping, section: dict, where: str):
        names = [f.name for f in fields(ViewRules) if f.name in section]
        self.rules = build_options(ViewRules, {name: section.pop(name) for name in names}, where)
        self.calibration = _calibration(section.pop("calibration", None) or {}, where)
        fixed = config.get("pixel_size_um")
        if fixed is not None and self.calibration:
            raise ConfigError(f"{where}.calibration: expected none beside pixel_size_um")
        self._fixed = np.nan if fixed is None else fixed / 1000

    def mm_per_px(self, zoom: float | None) -> float:
        """Side of a pixel of the stored image in mm at a zoom; NaN where nobody knows.

        Raises ValueError where other zooms are calibrated, but not this one.
        """
        if not self.calibration or zoom is None or np.isnan(zoom):
            return self._fixed / self.rules.rescale
        if zoom not in self.calibration:
            known = ", ".join(map(str, self.calibration))
            raise ValueError(f"a calibrated zoom ({known})")
        return self.calibration[zoom] / self.rules.rescale

    def family(self, facts: NameFacts, name: str) -> str | None:
        """The group that a name puts its image in; None where it does not say."""
        if self.rules.family_regex is None:
            return facts.family(self.rules.family)
        match = re.search(self.rules.family_regex, name)
        return match and match["family"]

    def target(
        self, shape: tuple[int, int], click: tuple[float, float] | None, mm_per_px: float
    ) -> np.ndarray:
        """Heat map (h, w, 1) float16 of a click (row, column); NaN where none was recorded.

        All are in px of the stored image.
        """
        heat = unknown(shape) if click is None else heat_map(shape, click, self.sigma(mm_per_px))
        return heat[:, :, None].astype(np.float16)

    def sigma(self, mm_per_px: float) -> float:
        """Standard deviation of a heat map in px of the stored image."""
        if self.rules.click_sigma_mm is None or np.isnan(mm_per_px):
            return self.rules.click_sigma_px
        return self.rules.click_sigma_mm / mm_per_px

    def shrink(self, image: np.ndarray) -> np.ndarray:
        """An image (h, w, C) at the scale of the store: means over the area of each new pixel.

        Raises ConfigError if nothing would be left of it.
        """
        scale = self.rules.rescale
        if scale == 1:
            return image
        if min(self.size(image.shape[:2])) < 1:
            shape = f"{image.shape[0]} x {image.shape[1]}"
            raise ConfigError(f"rescale: expected a scale that leaves a pixel of {shape}: {scale}")
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return small.reshape(*small.shape[:2], image.shape[2])

    def size(self, shape: tuple[int, int]) -> tuple[int, int]:
        """(h, w) that :meth:`shrink` gives an image of (h, w), rounded half to even as it does."""
        height, width = (round(side * self.rules.rescale) for side in shape)
        return height, width

    def moved(self, position: np.ndarray | float) -> np.ndarray | float:
        """Where positions in px of the saved image lie in the stored one.

        Centres of pixels are whole numbers in both, so that their corners, not their centres,
        coincide at the origin.
        """
        if self.rules.rescale == 1:
            return position
        return (position + 0.5) * self.rules.rescale - 0.5


def _calibration(table: Mapping, where: str) -> dict[int, float]:
    """Zoom -> mm per px; ConfigError naming the entries that are no such thing."""
    known, offences = {}, []
    for zoom, size in table.items():
        try:
            known[int(zoom)] = float(size)
        except (TypeError, ValueError):
            offences.append(f"{zoom}: {size!r}")
            continue
        if not 0 < known[int(zoom)] < np.inf:
            offences.append(f"{zoom}: {size!r}")
    if offences:
        expected = "a size of a pixel in mm, above 0, for the number of a zoom"
        raise ConfigError(f"{where}.calibration: expected {expected}, found {', '.join(offences)}")
    return known
