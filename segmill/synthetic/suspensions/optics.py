"""A sheet of light in a suspension of spheres: what of it they dim, and where they send it.

Frame of this module: the light runs along the rows, from row 0 on.
"""

import math
from itertools import pairwise

import cv2
import numba
import numpy as np

from segmill.discs import span
from segmill.synthetic.camera import blur

RAYS = 4  # per column


@numba.njit(cache=True, nogil=True)
def share_inside(distance, height, radius, sheet):
    """Share of a Gaussian sheet of light that lies inside a sphere along one line of sight.

    Parameters
    ----------
    distance : of the line from the sphere's centre, in the plane of the sheet
    height : of the centre over the sheet
    radius : of the sphere
    sheet : standard deviation of the light across the sheet
    """
    square = radius * radius - distance * distance
    if square <= 0:
        return 0.0
    half, scale = math.sqrt(square), math.sqrt(2) * sheet
    return 0.5 * (math.erf((half - height) / scale) + math.erf((half + height) / scale))


@numba.njit(cache=True, nogil=True)
def dimming(centres, radii, opacities, sheet, growth, shape):
    """Share of the sheet of light that spheres keep from glowing, (h, w) float32 in [0, 1].

    Hard spheres share no volume, so that their shares add up.

    Parameters
    ----------
    centres : (n, 3) row, column, height over the sheet
    radii, opacities : (n,); of opacity 1 all that is inside a sphere is dark
    sheet, growth : standard deviation of the sheet at row 0, and its relative growth per row
    shape : height and width
    """
    image = np.zeros(shape, np.float32)
    for k in range(radii.size):
        row, column, height = centres[k]
        radius, width = radii[k], sheet * max(0.1, 1 + growth * row)
        if abs(height) > radius + 4 * width:
            continue
        first_row, end_row = span(row, radius, shape[0])
        first, end = span(column, radius, shape[1])
        for r in range(first_row, end_row):
            for c in range(first, end):
                distance = math.hypot(r - row, c - column)
                image[r, c] += opacities[k] * share_inside(distance, height, radius, width)
    return np.minimum(image, np.float32(1))


def light(
    inside: np.ndarray, index: float, upstream: int, width: float, length: float
) -> np.ndarray:
    """Density of the light after its rays were bent by the spheres: paraxial ray tracing.

    The angle of a ray obeys d(angle)/d(row) = d(index * inside)/d(column), the ray equation of
    geometrical optics for small angles and small differences of the index. Spheres above and below
    bend light out of the sheet too, and other light into it: over `length` a ray falls back to its
    straight path.

    Parameters
    ----------
    inside : (h, w) share of the sheet inside spheres, see :func:`dimming`
    index : relative difference of refractive index of spheres and liquid
    upstream : rows of suspension before the image: the image itself, mirrored
    width : standard deviation of a ray's footprint in pixels
    length : rows over which a deflection decays

    Returns
    -------
    (h, w) float32, of mean about 1
    """
    if index == 0:
        return np.ones(inside.shape, np.float32)
    potential = np.ascontiguousarray(np.float32(index) * inside)
    density = _trace(potential, int(upstream), 1 / length)
    return cv2.GaussianBlur(
        density, (0, 0), sigmaX=math.hypot(width, 0.5), sigmaY=0.7, borderType=cv2.BORDER_REFLECT
    )


def streaks(
    rng: np.random.Generator, shape: tuple[int, int], strength: float, length: float
) -> np.ndarray:
    """Relative density (h, w) float32 of light that grains too small to be seen have deflected.

    Parameters
    ----------
    strength : standard deviation of a streak, which is a pixel wide
    length : rows over which a streak fades
    """
    noise = rng.standard_normal(shape, dtype=np.float32)
    noise = cv2.GaussianBlur(noise, (1, 0), 0.01, sigmaY=length, borderType=cv2.BORDER_REFLECT)
    return np.maximum(1 + np.float32(strength) * noise / max(noise.std(), 1e-9), 0)


@numba.njit(cache=True, nogil=True)
def _trace(potential, upstream, decay):
    """Density of rays (h, w) float32; every ray counts 1 / `RAYS` in the pixels beside it."""
    height, width = potential.shape
    density = np.zeros((height, width), np.float32)
    places = (np.arange(RAYS * width) + 0.5) / RAYS - 0.5
    angles = np.zeros(RAYS * width)
    # Mirrored columns continue the image, so that as much light comes in from beside as leaves.
    period = 2 * height
    for row in range(-upstream, height):
        source = row % period
        if source >= height:
            source = period - 1 - source
        for k in range(places.size):
            place = places[k]
            c = int(place)
            if c < 1 or c > width - 3:
                angles[k] = 0.0
                c = min(max(c, 1), width - 3)
            share = place - c
            before = potential[source, c + 1] - potential[source, c - 1]
            after = potential[source, c + 2] - potential[source, c]
            angles[k] += 0.5 * (before + share * (after - before))
            angles[k] -= decay * angles[k]
            place += angles[k] + decay * ((k + 0.5) / RAYS - 0.5 - place)
            places[k] = min(max(place, 0.0), width - 1.001)
            if row >= 0:
                c = int(places[k])
                share = places[k] - c
                density[row, c] += np.float32((1 - share) / RAYS)
                density[row, c + 1] += np.float32(share / RAYS)
    return density


@numba.njit(cache=True, nogil=True)
def shadows(centres, radii, nearest, shape):
    """Path of the light from the sheet to the camera inside spheres next to it: (h, w) float32.

    A sphere that the sheet grazes stands before or behind it: before it, a large faint disc
    surrounds the small dark one of the cut.

    Parameters
    ----------
    centres : (n, 3) row, column, height over the sheet
    radii : (n,)
    nearest : height below which a sphere is next to the sheet, see :func:`in_front`
    shape : height and width

    Returns
    -------
    Sum of the paths, each over its sphere's diameter.
    """
    image = np.zeros(shape, np.float32)
    for k in range(radii.size):
        row, column, height = centres[k]
        radius = radii[k]
        if height >= nearest or height <= -radius:
            continue
        first_row, end_row = span(row, radius, shape[0])
        first, end = span(column, radius, shape[1])
        for r in range(first_row, end_row):
            for c in range(first, end):
                square = radius * radius - (r - row) ** 2 - (c - column) ** 2
                half = math.sqrt(max(0.0, square))
                path = max(0.0, height + half) - max(0.0, height - half)
                image[r, c] += np.float32(path / (2 * radius))
    return image


def in_front(
    centres: np.ndarray, radii: np.ndarray, nearest: float, shape: tuple[int, int]
) -> np.ndarray:
    """How many spheres stand between the sheet and the camera, out of focus: (h, w) float32.

    Parameters
    ----------
    centres : (n, 3) row, column, height over the sheet
    radii : (n,)
    nearest : height from which a sphere is in front; its blur is a quarter of its height
    """
    total = np.zeros(shape, np.float32)
    heights = centres[:, 2]
    if not len(heights):
        return total
    edges = np.linspace(nearest, max(nearest, heights.max()) + 1e-9, 3)
    for low, high in pairwise(edges):
        layer = np.zeros(shape, np.float32)
        for k in np.flatnonzero((heights >= low) & (heights < high)):
            # 4 more bits keep the centres at a sixteenth of a pixel.
            column, row = (round(float(v) * 16) for v in (centres[k, 1], centres[k, 0]))
            cv2.circle(layer, (column, row), round(radii[k] * 16), 1.0, -1, cv2.LINE_8, 4)
        total += blur(layer, (low + high) / 8)
    return total
