"""Where other backgrounds come from, as a recipe says it."""

import re
from dataclasses import dataclass

from segmill.augment.reading import KeyReader, Range

KINDS = ("path", "dataset", "generate")
# Default of `zoom`: in names of files, and as a column of a table.
ZOOM_PATTERN = r"zoom_(\d+)"
ZOOM_COLUMN = "zoom"


@dataclass(frozen=True)
class GeneratedOptions:
    """Backgrounds that are drawn rather than recorded.

    Attributes
    ----------
    count : number of different ones
    level : range of the grey level at the brightest place, as a fraction of the dtype's range
    vignetting : range of the loss of light in the corners, as a fraction
    gradient : range of the loss of light from one side to the other, as a fraction
    dust : range of the number of specks
    noise : standard deviation of the camera's noise, as a fraction of the dtype's range
    """

    count: int = 20
    level: Range = (0.5, 0.95)
    vignetting: Range = (0.0, 0.6)
    gradient: Range = (0.0, 0.3)
    dust: Range = (0.0, 20.0)
    noise: float = 0.01


@dataclass(frozen=True)
class BackgroundOptions:
    """Where backgrounds come from and how they are put behind a sample.

    Attributes
    ----------
    path : folder of images of empty scenes; environment variables are expanded
    dataset : name of a dataset; its training images without any notion are taken
    generate : backgrounds that are drawn; exactly one of these three is given
    zoom : pattern whose first group is the zoom in the name of a file, or column of the dataset;
        None: not known, any background fits any sample
    notion : name of the notion that is the sample
    feather : width of the soft edge around the sample in pixels of the prepared image
    degree : of the polynomial that estimates a sample's own background
    flip : probability of a flip of the new background, for rows and for columns
    brightness : range of the factor on the new background, drawn in its logarithm
    """

    path: str | None = None
    dataset: str | None = None
    generate: GeneratedOptions | None = None
    zoom: str | None = ZOOM_PATTERN
    notion: str = "foreground"
    feather: float = 2.0
    degree: int = 3
    flip: float = 0.5
    brightness: Range = (1.0, 1.0)


def read_backgrounds(recipe: KeyReader) -> BackgroundOptions | None:
    """Read the key ``backgrounds`` of a recipe; what is wrong with it is noted in `recipe`."""
    if recipe.left.get("backgrounds") is None:
        recipe.take("backgrounds", None)
        return None
    reader = recipe.mapping("backgrounds")
    given = [kind for kind in KINDS if reader.left.get(kind) is not None]
    if len(given) != 1:
        reader.wrong("", f"exactly one of {', '.join(KINDS)}", given)
    source = given[0] if given else ""
    options = BackgroundOptions(
        path=reader.text("path", "") if source == "path" else None,
        dataset=reader.text("dataset", "") if source == "dataset" else None,
        generate=_generated(reader.mapping("generate")) if source == "generate" else None,
        zoom=_zoom(reader, source),
        notion=reader.text("notion", "foreground"),
        feather=reader.at_least("feather", 2.0, low=0.0),
        degree=reader.integer("degree", 3, low=0),
        flip=reader.probability("flip", 0.5),
        brightness=reader.range("brightness", 1.0, above=0.0),
    )
    for kind in KINDS:
        reader.take(kind, None)
    reader.finish("path dataset generate zoom notion feather degree flip brightness")
    return options


def _zoom(reader: KeyReader, source: str) -> str | None:
    if source == "generate" and "zoom" in reader.left:
        reader.wrong("zoom", "nothing where backgrounds are generated", reader.left["zoom"])
    if reader.left.get("zoom", "") is None:
        return reader.take("zoom", None)
    if source != "path":
        return reader.text("zoom", ZOOM_COLUMN)
    pattern = reader.text("zoom", ZOOM_PATTERN)
    try:
        groups = re.compile(pattern).groups
    except re.error:
        groups = 0
    if groups < 1:
        reader.wrong("zoom", "a regular expression with a group, as in zoom_(\\d+)", pattern)
        return ZOOM_PATTERN
    return pattern


def _generated(reader: KeyReader) -> GeneratedOptions:
    options = GeneratedOptions(
        count=reader.integer("count", 20),
        level=reader.range("level", (0.5, 0.95), low=0.0, high=1.0),
        vignetting=reader.range("vignetting", (0.0, 0.6), low=0.0, high=1.0),
        gradient=reader.range("gradient", (0.0, 0.3), low=0.0, high=1.0),
        dust=reader.range("dust", (0.0, 20.0), low=0.0, high=10_000.0),
        noise=reader.at_least("noise", 0.01, low=0.0),
    )
    reader.finish("count level vignetting gradient dust noise")
    return options
