"""Which instances are pasted and how, as a recipe says it."""

from dataclasses import dataclass

from segmill.augment.reading import KeyReader, Range, is_integer, is_number


@dataclass(frozen=True)
class PasteOptions:
    """Instances of training images that are pasted into others. Lengths are pixels of the prepared
    image.

    Attributes
    ----------
    images : at most so many training images, drawn by the seed, lend their instances
    count : least and largest number of instances pasted into a crop
    area_power : instances are drawn with weights area ** area_power: 0 as often as they occur, -1
        small ones more often
    near : probability that an instance is put onto or next to one that is there, instead of
        anywhere in the crop
    largest_cover : an instance may lose at most this share of its pixels to those pasted on it
    flip : probability of a flip of the instance, for rows and for columns
    rotation : range in degrees
    zoom : range of the magnification, drawn in its logarithm
    margin : what lies so far around an instance is pasted with it, as halos
    feather : width of the soft edge beyond the margin
    match : shift the grey levels of an instance by the difference between the backgrounds around it
    """

    images: int = 100
    count: tuple[int, int] = (1, 3)
    area_power: float = 0.0
    near: float = 0.5
    largest_cover: float = 0.5
    flip: float = 0.5
    rotation: Range = (-180.0, 180.0)
    zoom: Range = (1.0, 1.0)
    margin: float = 2.0
    feather: float = 2.0
    match: bool = True


def read_paste(recipe: KeyReader) -> PasteOptions:
    """Read the key ``paste`` of a recipe; what is wrong with it is noted in `recipe`."""
    reader = recipe.mapping("paste")
    options = PasteOptions(
        images=reader.integer("images", 100),
        count=_count(reader),
        area_power=_area_power(reader),
        near=reader.probability("near", 0.5),
        largest_cover=reader.probability("largest_cover", 0.5),
        flip=reader.probability("flip", 0.5),
        rotation=reader.range("rotation", (-180.0, 180.0)),
        zoom=reader.range("zoom", 1.0, above=0.0),
        margin=reader.at_least("margin", 2.0, low=0.0),
        feather=reader.at_least("feather", 2.0, low=0.0),
        match=_match(reader),
    )
    reader.finish(
        "images count area_power near largest_cover flip rotation zoom margin feather match"
    )
    return options


def _count(reader: KeyReader) -> tuple[int, int]:
    value = reader.take("count", (1, 3))
    pair = list(value) if isinstance(value, list | tuple) else []
    if len(pair) == 2 and all(is_integer(n) and n >= 1 for n in pair) and pair[0] <= pair[1]:
        return pair[0], pair[1]
    reader.wrong("count", "[least, largest] number of instances, at least 1", value)
    return 1, 3


def _area_power(reader: KeyReader) -> float:
    value = reader.take("area_power", 0.0)
    if is_number(value) and -4 <= value <= 4:
        return float(value)
    reader.wrong("area_power", "a number from -4 to 4", value)
    return 0.0


def _match(reader: KeyReader) -> bool:
    value = reader.take("match", True)
    if isinstance(value, bool):
        return value
    reader.wrong("match", "true or false", value)
    return True
