"""Options of the watershed segmentation, and the configuration of any classical method."""

from collections.abc import Mapping
from dataclasses import dataclass

from segmill.classical.align_options import AlignmentOptions
from segmill.errors import ConfigError
from segmill.options import build_options, option
from segmill.superpixels.options import (
    CompactWatershedOptions,
    EikonalOptions,
    FelzenszwalbOptions,
    SlicOptions,
)


@dataclass(frozen=True)
class WatershedOptions:
    """How cells are found and parted; lengths in pixels, areas in square pixels.

    Attributes
    ----------
    smoothing : standard deviation of a Gaussian blur of the image, 0 = none
    transform : of the grey levels: ``linear``, ``sqrt`` or ``log`` (of 1 + level above the image's
        least); the last two keep dim cells beside very bright ones
    background : removed before: ``none``, ``gaussian``, ``tophat`` or ``rolling``
    background_size : standard deviation or radius of that, larger than the cells
    threshold : ``otsu``, ``li``, ``triangle``, ``kmeans`` on the grey levels; ``local``, Otsu on
        the difference to the mean of a Gaussian window; ``local_variance``, Otsu on the standard
        deviation in a square window, for cells as bright as their surroundings
    window : standard deviation of the Gaussian or side of the square window
    threshold_scale : shifts the threshold: 1 as found, smaller finds more; it multiplies the
        distance from the median of the background to the threshold
    min_contrast : least contrast of foreground against background, in standard deviations of the
        background; below it the image is taken as empty
    polarity : cells are ``bright`` or ``dark``; without effect on ``local_variance``
    closing, opening : radius of the discs that close gaps, then remove thin structures
    fill_holes : fill holes of the foreground
    max_hole : largest hole that is filled; 0 fills any
    erosion : the foreground is shrunk by this much at the end, since a window spreads it
    seeds : ``distance``, maxima of the distance image at least `min_distance` apart, or
        ``h_maxima``, maxima that rise by more than `h` above the saddle to a higher one
    min_distance, h : see `seeds`
    distance_smoothing : standard deviation of a Gaussian blur of the distance image
    min_size, max_size : objects outside are removed; max_size 0 has no limit
    clear_border : remove objects that touch the edge of the image
    """

    smoothing: float = option(1.0, 0, 100)
    transform: str = option("linear", choices=("linear", "sqrt", "log"))
    background: str = option("none", choices=("none", "gaussian", "tophat", "rolling"))
    background_size: float = option(50.0, 1, 10000)
    threshold: str = option(
        "otsu", choices=("otsu", "li", "triangle", "kmeans", "local", "local_variance")
    )
    window: float = option(15.0, 1, 10000)
    threshold_scale: float = option(1.0, 0.01, 100)
    min_contrast: float = option(3.0, 0, 1e6)
    polarity: str = option("bright", choices=("bright", "dark"))
    closing: int = option(0, 0, 1000)
    opening: int = option(1, 0, 1000)
    fill_holes: bool = option(True)
    max_hole: int = option(0, 0)
    erosion: float = option(0.0, 0, 1000)
    seeds: str = option("h_maxima", choices=("distance", "h_maxima"))
    min_distance: int = option(5, 1, 10000)
    h: float = option(1.0, 0.01, 1000)
    distance_smoothing: float = option(1.0, 0, 100)
    min_size: int = option(20, 0)
    max_size: int = option(0, 0)
    clear_border: bool = option(False)

    def conflicts(self) -> list[str]:
        """Rules between several options."""
        if self.max_size and self.max_size < self.min_size:
            return [
                f"max_size: expected 0 or at least min_size {self.min_size}, found {self.max_size}"
            ]
        return []


SUPERPIXEL_METHODS = {
    "eikonal": EikonalOptions,
    "slic": SlicOptions,
    "compact_watershed": CompactWatershedOptions,
    "felzenszwalb": FelzenszwalbOptions,
}
METHODS = {"watershed": WatershedOptions, "alignment": AlignmentOptions, **SUPERPIXEL_METHODS}
KEYS = ("title", "method", "options", "consistent")


def method_options(config: Mapping, name: str = "classical"):
    """The checked options of a classical method's configuration.

    Raises
    ------
    ConfigError
        naming every unknown key, the legal methods, every unknown option and illegal value.
    """
    offences = [
        f"  {key}: unknown key; known: {', '.join(KEYS)}" for key in config if key not in KEYS
    ]
    method, options = config.get("method"), config.get("options") or {}
    if method not in METHODS:
        offences.append(f"  method: expected one of {', '.join(METHODS)}, found {method!r}")
    if not isinstance(options, Mapping):
        offences.append(f"  options: expected a mapping, found {options!r}")
    consistent = config.get("consistent", False)
    if not isinstance(consistent, bool) or (consistent and method != "eikonal"):
        offences.append(
            f"  consistent: expected false, or true where method is eikonal, found {consistent!r}"
        )
    if offences:
        raise ConfigError(f"classical method {name}:\n" + "\n".join(offences))
    return build_options(METHODS[method], options, f"options of classical method {name}")
