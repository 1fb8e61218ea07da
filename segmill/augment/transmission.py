"""A sample in transmitted light, taken off its background and put before another one.

In bright field a sample lets a share of the light through: image = transmission * background. The
same sample before another background therefore shows transmission * new background. Its own
background is seen beside it, and estimated beneath it by a polynomial of low degree.
"""

from dataclasses import dataclass

import cv2
import numba
import numpy as np

from segmill.augment.geometry import warp_image

# Light that is added to every level of a background, as a fraction of the dtype's range: without
# it, the share of light that a sample lets through would be noise divided by nothing in the dark
# corners of a vignetted field.
DARK = 0.01
# As many pixels tell a polynomial of a few coefficients to a fraction of a grey level.
_FITTED_PIXELS = 4096
_PIXELS_PER_COEFFICIENT = 10
_ROUNDS = 4
# Pixels further off than this many standard deviations, taken from the median absolute residual,
# are dust or a part of the sample that nobody marked.
_OUTLYING = 3.0
_DEVIATIONS_PER_MEDIAN = 1.4826
# The light where no background is in view at all: few pixels of a sample let more of it through.
_BRIGHT = 95
_GOLDEN = 0.6180339887498949


@dataclass(frozen=True)
class OwnLight:
    """What of an image is sample, and the light behind it.

    Attributes
    ----------
    values : (h, w, C + 1) float32: the estimated background of each channel in grey levels, then
        the share of the sample in the pixel, 1 on it and 0 off it
    """

    values: np.ndarray


@dataclass(frozen=True)
class Scene:
    """A swap of backgrounds, decided but not done.

    Attributes
    ----------
    own : light behind the sample, in the frame of the whole image
    background : (h, w, C) of the image's dtype, in the same frame
    light : factor on the new background, above 0
    """

    own: OwnLight
    background: np.ndarray
    light: float = 1.0

    def behind(self, image: np.ndarray, coordinates: np.ndarray, interpolation: str) -> np.ndarray:
        """The moved image (h, w, C) before the new background, moved by the same coordinates."""
        own = warp_image(self.own.values, coordinates)
        background = warp_image(self.background, coordinates, interpolation)
        return swap_background(image, own[:, :, :-1], own[:, :, -1], background, self.light)


def own_light(
    image: np.ndarray,
    foreground: np.ndarray,
    ignore: np.ndarray | None = None,
    feather: float = 2.0,
    degree: int = 3,
) -> OwnLight:
    """Estimate the light behind a sample.

    Parameters
    ----------
    image : (h, w, C) uint8 or uint16
    foreground : (h, w) bool, the sample
    ignore : (h, w) bool, pixels that nobody annotated; they do not tell the background
    feather : width in pixels of the soft edge around the sample, see :func:`soft_cover`
    degree : of the polynomial, see :func:`estimate_light`
    """
    cover = soft_cover(foreground, feather)
    seen = cover == 0
    if ignore is not None:
        seen &= ~ignore
    light = estimate_light(image, seen, degree)
    return OwnLight(np.concatenate([light, cover[:, :, None]], axis=2))


def soft_cover(foreground: np.ndarray, feather: float) -> np.ndarray:
    """Share of the sample in each pixel: 1 on it, falling linearly to 0 around it.

    A pixel at distance d from the nearest one of the sample has max(0, 1 - d / (feather + 1)).

    Parameters
    ----------
    foreground : (h, w) bool
    feather : width of the soft edge in pixels, at least 0; 0 is a hard edge

    Returns
    -------
    (h, w) float32
    """
    if not foreground.any():
        return np.zeros(foreground.shape, np.float32)
    off = np.ascontiguousarray(~foreground).view(np.uint8)
    distance = cv2.distanceTransform(off, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.maximum(0, 1 - distance / np.float32(feather + 1))


def estimate_light(image: np.ndarray, seen: np.ndarray, degree: int = 3) -> np.ndarray:
    """The background of an image, estimated from where it is seen.

    A polynomial of total degree `degree` in row and column is fitted to each channel by least
    squares, repeated without outlying pixels, and held within the grey levels of those that were
    kept, as a polynomial runs away where it extrapolates. With fewer than 10 pixels per
    coefficient the degree is lowered; with no pixel at all the light is even, at the 95th
    percentile of the image.

    Parameters
    ----------
    image : (h, w, C) uint8 or uint16
    seen : (h, w) bool, where background is seen
    degree : at least 0

    Returns
    -------
    (h, w, C) float32, grey levels
    """
    places = np.flatnonzero(seen)
    if not places.size:
        even = np.percentile(image, _BRIGHT, axis=(0, 1))
        return np.broadcast_to(even, image.shape).astype(np.float32)
    if places.size > _FITTED_PIXELS:
        # Multiples of the golden ratio fall evenly, and in no step with the lines of the image.
        share = np.arange(_FITTED_PIXELS) * _GOLDEN % 1
        places = places[(share * places.size).astype(np.intp)]
    powers = _powers(degree)
    while len(powers) > 1 and places.size < _PIXELS_PER_COEFFICIENT * len(powers):
        degree -= 1
        powers = _powers(degree)
    rows, columns = (_bases(side, degree) for side in image.shape[:2])
    row, column = np.divmod(places, image.shape[1])
    terms = np.stack([rows[row, i] * columns[column, j] for i, j in powers], axis=1)
    light = np.empty(image.shape, np.float32)
    for c in range(image.shape[2]):
        levels = image[row, column, c].astype(np.float64)
        coefficients = np.zeros((degree + 1, degree + 1))
        coefficients[tuple(np.transpose(powers))], kept = _robust_fit(terms, levels)
        limits = levels[kept].min(), levels[kept].max()
        light[:, :, c] = np.clip(rows @ coefficients @ columns.T, *limits)
    return light


def swap_background(
    image: np.ndarray,
    light: np.ndarray,
    cover: np.ndarray,
    background: np.ndarray,
    factor: float = 1.0,
) -> np.ndarray:
    """Show what an image holds of a sample before another background.

    On the sample the image becomes image * (new + dark) / (own + dark), with dark = 1 % of the
    dtype's range; off it, it becomes the new background; on the soft edge, a mean of both by the
    share of the sample. Where the new background is the old one, nothing changes.

    Parameters
    ----------
    image : (h, w, C) uint8 or uint16
    light : (h, w, C) float32, its own background in grey levels
    cover : (h, w) float32, share of the sample, 0 to 1
    background : (h, w, C) of the image's dtype, the new one
    factor : on the new background, which is clipped to the dtype's range

    Returns
    -------
    (h, w, C) of the image's dtype, rounded and clipped
    """
    top = float(np.iinfo(image.dtype).max)
    swapped = np.empty_like(image)
    _swap(image, light, cover, background, np.float32(factor), np.float32(top), swapped)
    return swapped


def _robust_fit(terms: np.ndarray, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients, and which of the pixels are not outlying."""
    kept = np.ones(levels.size, bool)
    for _ in range(_ROUNDS):
        coefficients = np.linalg.lstsq(terms[kept], levels[kept], rcond=None)[0]
        residuals = np.abs(terms @ coefficients - levels)
        deviation = _DEVIATIONS_PER_MEDIAN * np.median(residuals)
        # Never below one grey level: most residuals of an even background are 0.
        kept = residuals <= max(_OUTLYING * deviation, 1.0)
    return coefficients, kept


def _powers(degree: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]


def _bases(side: int, degree: int) -> np.ndarray:
    """(side, degree + 1): powers of the position, -1 at the first pixel and 1 at the last."""
    return np.vander(np.linspace(-1, 1, side), degree + 1, increasing=True)


@numba.njit(cache=True, nogil=True)
def _swap(image, light, cover, background, factor, top, swapped):
    dark = np.float32(DARK) * top
    height, width, channels = image.shape
    for y in range(height):
        for x in range(width):
            share = cover[y, x]
            for c in range(channels):
                new = min(np.float32(background[y, x, c]) * factor, top)
                level = new
                if share > 0:
                    through = (new + dark) / (max(light[y, x, c], np.float32(0)) + dark)
                    level += share * (np.float32(image[y, x, c]) * through - new)
                swapped[y, x, c] = np.rint(min(max(level, np.float32(0)), top))
