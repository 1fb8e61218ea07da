"""Figures of an image of a suspension that follow from the image alone, without any truth.

They are no unbiased estimates: each grows with one option of the generator, and
:func:`segmill.synthetic.imitate` looks for options whose images have equal figures.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage, optimize
from skimage.feature import peak_local_max
from skimage.filters import threshold_otsu

from segmill.synthetic.camera import blur

SMOOTHING = 1.0  # pixels, before anything but noise is measured
BLOCK = 48  # pixels, side of the squares in which the light of the liquid is measured
# Pixels across the light: stripes are narrower than particles, streaks as narrow as the optics let.
STRIPES, STREAKS = 25, 5
# Particles that reach this share of the typical radius are counted.
COUNTED = 0.6


@dataclass(frozen=True)
class Statistics:
    """Figures of one image.

    Attributes
    ----------
    radius : of the discs darker than half way, typical of their area, pixels
    coverage : number of discs in a pixel of suspension, times the area of one of that radius
    haze : grey level of the darkest particles over that of the liquid around them
    edge : width of the edges of particles, pixels: dimming over slope
    background : grey level of the brightest liquid
    unevenness : relative loss from the brightest to the darkest liquid
    stripes : relative standard deviation of the liquid's grey level across stripes, without noise
    streaks : the same of what a few pixels across leave of it, which stripes hardly have
    light_from : side where the light seems to come from: stripes grow away from it
    front : share of the image that lies apart from the particles
    specks : bright spots in a million pixels
    walls : share of the two sides along the light that are dark
    gain, read_noise : of the camera: variance = read_noise^2 + gain * grey level
    """

    radius: float
    coverage: float
    haze: float
    edge: float
    background: float
    unevenness: float
    stripes: float
    streaks: float
    light_from: str
    front: float
    specks: float
    walls: float
    gain: float
    read_noise: float


def measure(grey: np.ndarray) -> Statistics:
    """Figures of an image with dark particles.

    Parameters
    ----------
    grey : (h, w) grey levels of any unsigned type, at least 32 x 32

    Raises
    ------
    ValueError
        if the image has no dark discs on a brighter ground.
    """
    grey = np.ascontiguousarray(grey, np.float32)
    gain, read_noise = camera_noise(grey)
    smooth = blur(grey, SMOOTHING)
    liquid = light_of_liquid(smooth)
    relative = smooth / liquid
    dark, distance = _dark(relative)
    places, depths = _discs(distance)
    # The mean over the area: small discs are many, and often noise.
    radius = float(np.average(depths, weights=depths**2))
    big = depths > COUNTED * radius
    free = _free(places[big], grey.shape, radius)
    haze = float(np.percentile(relative[distance > 0.6 * radius], 10))
    stripes, light_from = _stripes(relative, distance, STRIPES)
    # What the smoothing takes away is most of a streak; camera noise is the same along and across.
    streaks, _ = _stripes(grey / liquid, distance, STREAKS)
    return Statistics(
        radius=radius,
        coverage=float(big.sum() * np.pi * radius**2 / max(1, (~free).sum())),
        haze=haze,
        edge=_edge(relative, dark, haze),
        background=float(np.percentile(liquid, 98)),
        unevenness=float(1 - np.percentile(liquid, 2) / np.percentile(liquid, 98)),
        stripes=stripes,
        streaks=streaks,
        light_from=light_from,
        front=float(free.mean()),
        specks=_specks(relative),
        walls=_walls(smooth / np.median(liquid), light_from, haze),
        gain=gain,
        read_noise=read_noise,
    )


def camera_noise(grey: np.ndarray) -> tuple[float, float]:
    """Gain and read noise of a camera from one image: variance = read_noise^2 + gain * level.

    The noise is what a difference of second derivatives leaves (Immerkaer, Computer Vision and
    Image Understanding 64, 1996), which removes planes and slow changes; the variance is measured
    in bins of the grey level, where specks and dead pixels are cut off at 4 standard deviations.

    Parameters
    ----------
    grey : (h, w) float32

    Returns
    -------
    gain in grey levels per photoelectron, read noise in grey levels
    """
    kernel = np.outer((1, -2, 1), (1, -2, 1)).astype(np.float32) / 6
    noise = cv2.filter2D(grey, -1, kernel)[1:-1, 1:-1].ravel()
    level = blur(grey, 2.0)[1:-1, 1:-1].ravel()
    order = np.argsort(level, kind="stable")
    means, variances = [], []
    for part in np.array_split(order, 10):
        values = noise[part]
        limit = 4 * 1.4826 * np.median(np.abs(values)) + 1
        means.append(level[part].mean())
        # Rounding to whole grey levels adds a twelfth.
        variances.append(max(0.0, np.square(values[np.abs(values) < limit]).mean() - 1 / 12))
    matrix = np.column_stack([means, np.ones(len(means))])
    gain, square = optimize.nnls(matrix, np.array(variances))[0]
    return float(gain), float(np.sqrt(square))


def light_of_liquid(smooth: np.ndarray) -> np.ndarray:
    """Grey level that the liquid has or would have at each pixel: (h, w) float32, above 0.

    The 80th percentile of blocks, smoothed over two of them.
    """
    height, width = smooth.shape
    rows, columns = (max(1, round(side / BLOCK)) for side in smooth.shape)
    blocks = [
        [np.percentile(block, 80) for block in np.array_split(band, columns, 1)]
        for band in np.array_split(smooth, rows)
    ]
    coarse = blur(np.array(blocks, np.float32), 0.7)
    return np.maximum(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), 1.0)


def _dark(relative: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels darker than half way to the inside of particles, and their distance to the others."""
    inside = np.percentile(relative[relative <= threshold_otsu(relative)], 25)
    dark = relative < (1 + inside) / 2
    return dark, cv2.distanceTransform(dark.astype(np.uint8), cv2.DIST_L2, 5)


def _discs(distance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places (n, 2) where the distance is largest, and the radius of a disc there (n,)."""
    places = peak_local_max(blur(distance, 1.0), min_distance=3, threshold_abs=1.5)
    if len(places) < 3:
        raise ValueError(f"expected dark discs on a brighter ground, found {len(places)}")
    return places, distance[tuple(places.T)].astype(float) - 0.5


def _free(places: np.ndarray, shape: tuple[int, int], radius: float) -> np.ndarray:
    """Pixels apart from the particles, beyond a front: they hold most of one side of the image.

    The suspension is the closing of the places by 6 radii; a hole in it is no front.
    """
    empty = np.ones(shape, np.uint8)
    empty[tuple(places.T)] = 0
    near = cv2.distanceTransform(empty, cv2.DIST_L2, 5) < 6 * radius
    if near.all():
        return ~near
    apart = cv2.distanceTransform(near.astype(np.uint8), cv2.DIST_L2, 5) <= 5 * radius
    regions = ndimage.label(apart)[0]
    free = np.zeros(shape, bool)
    for line in (regions[0], regions[-1], regions[:, 0], regions[:, -1]):
        counts = np.bincount(line)
        counts[0] = 0
        if counts.max() > len(line) / 2:
            free |= regions == counts.argmax()
    return free


def _edge(relative: np.ndarray, dark: np.ndarray, haze: float) -> float:
    """Width of edges: dimming over the median slope where pixels turn dark."""
    slope = np.hypot(ndimage.sobel(relative, 0), ndimage.sobel(relative, 1)) / 8
    rim = dark & ~ndimage.binary_erosion(dark, border_value=1)
    return float((1 - haze) / max(1e-6, np.median(slope[rim])))


def _stripes(relative: np.ndarray, distance: np.ndarray, width: int) -> tuple[float, str]:
    """Strength of what is narrower than `width` pixels, and where the light comes from."""
    dark = ndimage.binary_dilation(distance > 0, iterations=2)
    bright = (~dark).astype(np.float32)
    down, across = (_along(relative, bright, transpose, width) for transpose in (False, True))
    upright = np.nanmean(down) >= np.nanmean(across)
    strongest, other = (down, across) if upright else (across, down)
    # Across the stripes, mean squares in three thirds of the way of the light.
    first, _, last = (np.nanmean(part) for part in np.array_split(strongest, 3))
    side = ("top", "bottom") if upright else ("left", "right")
    excess = max(0.0, float(np.nanmean(strongest) - np.nanmean(other)))
    return float(np.sqrt(excess)), side[0] if last >= first else side[1]


def _along(relative: np.ndarray, bright: np.ndarray, transpose: bool, width: int) -> np.ndarray:
    """Mean square of the liquid's light, averaged along columns (or rows), line by line.

    What changes over more than `width` pixels across is taken away.
    """
    if transpose:
        relative, bright = relative.T, bright.T
    window = (1, 15)  # width, height of OpenCV
    beside = (width, 1)
    weight = cv2.blur(np.ascontiguousarray(bright), window)
    mean = cv2.blur(np.ascontiguousarray(relative * bright), window) / np.maximum(weight, 1e-6)
    valid = (weight > 0.6).astype(np.float32)
    around = cv2.blur(mean * valid, beside) / np.maximum(cv2.blur(valid, beside), 1e-6)
    squares = np.clip(mean - around, -0.5, 0.5) ** 2 * valid
    count = valid.sum(1)
    return np.where(count > 0, squares.sum(1) / np.maximum(count, 1), np.nan)


def _specks(relative: np.ndarray) -> float:
    """Bright spots in a million pixels: brighter by 0.3 than the lines through them."""
    lines = np.maximum(cv2.blur(relative, (1, 21)), cv2.blur(relative, (21, 1)))
    return float(ndimage.label(relative - np.maximum(lines, 0.5) > 0.3)[1] / relative.size * 1e6)


def _walls(relative: np.ndarray, light_from: str, haze: float) -> float:
    """Share of the two sides along the light whose outermost lines are dark."""
    lines = relative.mean(1 if light_from in ("top", "bottom") else 0)
    return float(np.mean([lines[:2].mean() < haze + 0.1, lines[-2:].mean() < haze + 0.1]))
