"""Where crops lie in an image: (row, column) of their first pixel, whole pixels always."""

import numpy as np

from segmill.samples import Sample

Box = tuple[int, int, int, int]


def grid(shape: tuple[int, int], tiles: int) -> list[Box]:
    """Cut an image in tiles x tiles boxes of one size, row by row.

    Where a side is no multiple of `tiles`, neighbours share a line or more.

    Parameters
    ----------
    shape : (h, w) of the image
    tiles : number along each axis

    Returns
    -------
    List of (row, column, height, width)
    """
    size = tuple(-(-side // tiles) for side in shape)
    return _boxes(shape, size, (tiles, tiles))


def cover(shape: tuple[int, int], size: tuple[int, int]) -> list[Box]:
    """The fewest boxes of `size` that cover an image, evenly overlapping, row by row.

    A box is never larger than the image.

    Returns
    -------
    List of (row, column, height, width)
    """
    size = tuple(min(pair) for pair in zip(size, shape, strict=True))
    counts = tuple(-(-side // part) for side, part in zip(shape, size, strict=True))
    return _boxes(shape, size, counts)


def centred(shape: tuple[int, int], size: tuple[int, int]) -> Box:
    """The box of `size`, or of the image where that is smaller, in the middle of an image."""
    size = tuple(min(pair) for pair in zip(size, shape, strict=True))
    return *((side - part) // 2 for side, part in zip(shape, size, strict=True)), *size


def random_box(
    rng: np.random.Generator,
    shape: tuple[int, int],
    size: tuple[int, int],
    pixels: np.ndarray | None = None,
) -> Box:
    """A random box of exactly `size`, inside the image along each axis where it fits.

    Where it does not fit, it is centred and reaches beyond.

    Parameters
    ----------
    rng : generator that the place is drawn from
    shape : (h, w) of the image
    size : (h, w) of the box
    pixels : (n,) pixel numbers row * w + column, not empty; the box is centred on one of them, but
        for what keeps it inside the image. None: every place is as likely as any other.
    """
    if pixels is None:
        wanted = [int(rng.integers(max(s - p, 0) + 1)) for s, p in zip(shape, size, strict=True)]
    else:
        pixel = divmod(int(pixels[rng.integers(len(pixels))]), shape[1])
        wanted = [at - part // 2 for at, part in zip(pixel, size, strict=True)]
    starts = (
        min(max(at, 0), side - part) if part <= side else (side - part) // 2
        for at, side, part in zip(wanted, shape, size, strict=True)
    )
    return *starts, *size


def cut(sample: Sample, box: Box) -> Sample:
    """The arrays of a sample in a box that lies inside the image, copied."""
    row, column, height, width = box
    window = np.s_[row : row + height, column : column + width]
    arrays = {name: np.ascontiguousarray(a[window]) for name, a in sample.arrays().items()}
    return Sample(**arrays)


def centre_of(box: Box) -> tuple[float, float]:
    """(row, column) of the middle of a box, half-integer where a side is even."""
    row, column, height, width = box
    return row + (height - 1) / 2, column + (width - 1) / 2


def _boxes(shape, size, counts) -> list[Box]:
    starts = [
        [round(i * (side - part) / max(count - 1, 1)) for i in range(count)]
        for side, part, count in zip(shape, size, counts, strict=True)
    ]
    return [(row, column, *size) for row in starts[0] for column in starts[1]]
