"""A recipe: which crops are cut from an image and how they are varied, level by level."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from segmill.augment.background_options import BackgroundOptions, read_backgrounds
from segmill.augment.geometry import INTERPOLATIONS
from segmill.augment.paste_options import PasteOptions, read_paste
from segmill.augment.reading import KeyReader, Range, is_integer
from segmill.errors import ConfigError
from segmill.label_errors import LabelErrors
from segmill.options import build_options
from segmill.preprocess import Preprocessing
from segmill.targets import check_target

ROTATIONS = ("none", "quarter")
OUTSIDE = ("reflect", "ignore")
EVALUATION_MODES = ("whole", "tiles", "centre")


@dataclass(frozen=True)
class Level:
    """One level of difficulty. Ranges are drawn from uniformly, zoom and gamma in their logarithm.

    Attributes
    ----------
    name : unique within the recipe; draws are keyed by it
    copies : samples made of each crop
    flip : probability of a flip, for rows and for columns
    rotation : ``"none"``, ``"quarter"`` (0, 90, 180 or 270 degrees, exact) or range in degrees
    mirror : probability of quarter-and-mirror
    zoom : range of the magnification
    shear : range in degrees
    alpha : range of the elastic strength in pixels, (0, 0) = none
    sigma : smoothness of the elastic displacement in pixels
    brightness : range added, as a fraction of the dtype's range
    contrast : range of the factor on the difference to the mean
    gamma : range of the exponent
    noise : range of the standard deviation, as a fraction of the dtype's range
    transpose : probability of exchanging rows and columns about the centre of the crop
    shift : range of the shift as a fraction of the crop, drawn for rows and for columns
    channel_swap : probability of a random order of the channels
    grey : probability that every channel becomes the grey level
    background : probability of another background
    paste : probability that instances of training images are pasted into a crop
    """

    name: str
    copies: int = 1
    flip: float = 0.0
    rotation: str | Range = "none"
    mirror: float = 0.0
    zoom: Range = (1.0, 1.0)
    shear: Range = (0.0, 0.0)
    alpha: Range = (0.0, 0.0)
    sigma: float = 4.0
    brightness: Range = (0.0, 0.0)
    contrast: Range = (1.0, 1.0)
    gamma: Range = (1.0, 1.0)
    noise: Range = (0.0, 0.0)
    transpose: float = 0.0
    shift: Range = (0.0, 0.0)
    channel_swap: float = 0.0
    grey: float = 0.0
    background: float = 0.0
    paste: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """What the shards of a dataset hold.

    Attributes
    ----------
    levels : at least one, in order of difficulty
    size : (h, w) of the crops in pixels of the prepared image, or ``"whole"``
    tiles : n: the prepared image is cut in an n x n grid and each tile is a crop; 1 = not cut
    foreground : probability that a crop is placed on a labelled pixel
    interpolation : of images, ``"linear"`` or ``"cubic"``; labels take the nearest pixel always
    outside : labels beyond the image are reflected as the image is, or set to ``"ignore"``
    evaluation : how the images of other splits than train are cut, without any variation:
        ``"whole"``, ``"tiles"`` that cover the image, or one ``"centre"`` crop
    preprocessing : what is done to each whole image first
    backgrounds : where other backgrounds come from; None where no level swaps them
    paste : which instances are pasted and how, where a level pastes
    target : regression target that is made of the instances of each crop, see
        :func:`segmill.targets.derive_target`; None: the store's own, if it has one
    label_errors : errors made on purpose in the labels of the training images, before all else, in
        pixels of the raw image; None: none
    config : the recipe as it was written, for the record
    """

    levels: tuple[Level, ...]
    size: str | tuple[int, int] = "whole"
    tiles: int = 1
    foreground: float = 0.0
    interpolation: str = "linear"
    outside: str = "reflect"
    evaluation: str = "whole"
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    backgrounds: BackgroundOptions | None = None
    paste: PasteOptions = field(default_factory=PasteOptions)
    target: Mapping | None = None
    label_errors: LabelErrors | None = None
    config: Mapping = field(default_factory=dict, compare=False)

    @classmethod
    def from_dict(cls, config: Mapping, name: str = "recipe") -> "Recipe":
        """Read a recipe as it stands in YAML; its keys are described in recipe.schema.json.

        Parameters
        ----------
        config : mapping with at least ``levels``
        name : of the recipe, for messages

        Raises
        ------
        ConfigError
            naming every unknown key and every illegal value at once.
        """
        reader = KeyReader(config if isinstance(config, Mapping) else {})
        if not isinstance(config, Mapping):
            reader.wrong("", "a mapping", config)
        recipe = _recipe(reader)
        if reader.offences:
            raise ConfigError(f"{name}:\n" + "\n".join(f"  {o}" for o in reader.offences))
        return recipe

    def to_dict(self) -> dict:
        """The recipe as it was written: what :meth:`from_dict` reads."""
        return dict(self.config)


def _recipe(reader: KeyReader) -> Recipe:
    written = dict(reader.left)
    reader.take("description", "")
    size, tiles = _size(reader), reader.integer("tiles", 1)
    if size != "whole" and tiles > 1:
        reader.wrong("tiles", "1 where size is given: a tile is as large as its share", tiles)
    recipe = Recipe(
        levels=_levels(reader, reader.integer("copies", 1)),
        size=size,
        tiles=tiles,
        foreground=reader.probability("foreground"),
        interpolation=reader.choice("interpolation", tuple(INTERPOLATIONS), "linear"),
        outside=reader.choice("outside", OUTSIDE, "reflect"),
        evaluation=_evaluation(reader, size, tiles),
        preprocessing=_preprocessing(reader),
        backgrounds=read_backgrounds(reader),
        paste=read_paste(reader),
        target=_target(reader),
        label_errors=_label_errors(reader),
        config=written,
    )
    _check_backgrounds(reader, recipe)
    if recipe.foreground and size == "whole":
        reader.wrong("foreground", "0 where size is whole: there are no crops to place", size)
    reader.finish(
        "backgrounds copies description evaluation foreground interpolation label_errors levels "
        "outside paste preprocessing size target tiles"
    )
    return recipe


def _check_backgrounds(reader: KeyReader, recipe: Recipe) -> None:
    swapping = [level.name for level in recipe.levels if level.background > 0]
    if swapping and recipe.backgrounds is None:
        reader.wrong("backgrounds", f"a source for the levels {', '.join(swapping)}", None)
    mode = recipe.preprocessing.normalise["mode"]
    if recipe.backgrounds is not None and mode != "dtype":
        # A share of light is a ratio of grey levels, which stretching would change.
        reader.wrong("preprocessing.normalise.mode", "dtype where there are backgrounds", mode)


def _levels(reader: KeyReader, copies: int) -> tuple[Level, ...]:
    written = reader.take("levels", None)
    if not isinstance(written, list | tuple) or not written:
        reader.wrong("levels", "a list of at least one level", written)
        return ()
    levels = []
    for i, config in enumerate(written):
        if isinstance(config, Mapping):
            levels.append(_level(KeyReader(config, f"levels[{i}].", reader.offences), copies))
        else:
            reader.wrong(f"levels[{i}]", "a mapping", config)
    names = [level.name for level in levels]
    if len(set(names)) < len(names):
        reader.wrong("levels", "a different name for each", names)
    return tuple(levels)


def _level(reader: KeyReader, copies: int) -> Level:
    name = reader.take("name", None)
    if not isinstance(name, str) or not name:
        reader.wrong("name", "a text", name)
    elastic = reader.mapping("elastic")
    level = Level(
        name=str(name),
        copies=reader.integer("copies", copies),
        flip=reader.probability("flip"),
        rotation=_rotation(reader),
        mirror=reader.probability("mirror"),
        zoom=reader.range("zoom", 1.0, above=0.0),
        shear=reader.range("shear", 0.0, low=-80.0, high=80.0),
        alpha=elastic.range("alpha", 0.0, low=0.0),
        sigma=elastic.number("sigma", 4.0, above=0.0),
        brightness=reader.range("brightness", 0.0, low=-1.0, high=1.0),
        contrast=reader.range("contrast", 1.0, low=0.0),
        gamma=reader.range("gamma", 1.0, above=0.0),
        noise=reader.range("noise", 0.0, low=0.0),
        transpose=reader.probability("transpose"),
        shift=reader.range("shift", 0.0, low=-1.0, high=1.0),
        channel_swap=reader.probability("channel_swap"),
        grey=reader.probability("grey"),
        background=reader.probability("background"),
        paste=reader.probability("paste"),
    )
    elastic.finish("alpha sigma")
    reader.finish(
        "name copies flip transpose rotation mirror shift zoom shear elastic channel_swap grey "
        "background paste brightness contrast gamma noise"
    )
    return level


def _rotation(reader: KeyReader) -> str | Range:
    if isinstance(reader.left.get("rotation", "none"), str):
        return reader.choice("rotation", ROTATIONS, "none", " or [low, high] in degrees")
    return reader.range("rotation", 0.0)


def _size(reader: KeyReader) -> str | tuple[int, int]:
    value = reader.take("size", "whole")
    pair = list(value) if isinstance(value, list | tuple) else []
    if len(pair) == 2 and all(is_integer(side) and side >= 1 for side in pair):
        return pair[0], pair[1]
    if value != "whole":
        reader.wrong("size", "'whole' or [height, width] in pixels", value)
    return "whole"


def _evaluation(reader: KeyReader, size: str | tuple[int, int], tiles: int) -> str:
    nested = reader.mapping("evaluation")
    default = "whole" if size == "whole" and tiles == 1 else "tiles"
    mode = nested.choice("mode", EVALUATION_MODES, default)
    nested.finish("mode")
    if mode == "centre" and size == "whole":
        nested.wrong("mode", "whole or tiles where size is whole", mode)
    if mode == "tiles" and size == "whole" and tiles == 1:
        nested.wrong("mode", "whole where there are neither tiles nor a size", mode)
    return mode


def _target(reader: KeyReader) -> Mapping | None:
    spec = reader.take("target", None)
    try:
        if spec is not None:
            check_target(spec, "target")
    except ConfigError as error:
        reader.offences.append(str(error))
    return spec


def _label_errors(reader: KeyReader) -> LabelErrors | None:
    written = reader.take("label_errors", None)
    if written is None:
        return None
    if not isinstance(written, Mapping):
        reader.wrong("label_errors", "a mapping or null", written)
        return None
    try:
        return build_options(LabelErrors, written, "label_errors")
    except ConfigError as error:
        reader.offences.append(str(error))
        return None


def _preprocessing(reader: KeyReader) -> Preprocessing:
    try:
        return Preprocessing.from_dict(reader.take("preprocessing", None))
    except ConfigError as error:
        reader.offences.append(str(error))
        return Preprocessing()
