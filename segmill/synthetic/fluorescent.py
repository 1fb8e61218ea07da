"""Fluorescent nuclei seen in a widefield microscope.

Light model: every nucleus emits as its thickness times its chromatin texture; emission adds where
nuclei overlap (the label there is the upper one's). Part of the light comes from out-of-focus
planes and forms a haze. The sum is lit unevenly, blurred by the point spread function and recorded
by a camera with shot noise, read noise, gain and offset.
"""

from dataclasses import dataclass

import numpy as np

from segmill.options import option
from segmill.synthetic import camera
from segmill.synthetic.placement import Field, Rules, place
from segmill.synthetic.shapes import radial_shape

TEXTURE_SHAPE = (256, 256)


@dataclass(frozen=True)
class FluorescentOptions:
    """Specimen, microscope and camera; lengths in micrometres, light in photoelectrons per pixel.

    Attributes
    ----------
    height, width : of the image, pixels
    pixel_size_um : side of a pixel in the specimen
    density_per_mm2 : expected nuclei per square millimetre
    density_spread : log-normal spread of the density from image to image
    min_cells : least number of nuclei per image
    diameter_um, diameter_spread : of the disc of equal area: median, log-normal spread
    elongation, elongation_spread : major over minor axis: mean, standard deviation; at least 1
    irregularity : relative modulation of the outline by Fourier harmonics, standard deviation
    clustered : share of the nuclei that touch or overlap another one
    max_overlap : largest share of a nucleus hidden by another one
    min_visible_um2 : least visible area of a nucleus, smaller ones do not occur
    condensed : share of small, round, bright nuclei (mitotic, pyknotic)
    brightness, brightness_spread : light of a nucleus: median, log-normal spread
    brightness_variation : spread of the brightness from image to image, log-normal
    texture, texture_um : chromatin texture: relative standard deviation, correlation length
    nucleoli : mean number of dark nucleoli per nucleus
    edge_um : distance from the outline over which a nucleus reaches its full thickness
    background : light of medium and autofluorescence
    haze, haze_um : share of the light that comes from out of focus, width of its blur
    defocused : share of the nuclei that lie out of focus
    psf_um : standard deviation of the point spread function in focus
    defocus_um : the same, out of focus
    debris_per_mm2 : bright specks, not annotated
    smears_per_mm2 : large out-of-focus bodies far above the specimen, not annotated
    vignetting, illumination_gradient : relative loss of light to the corners, across the field
    gain : grey levels per photoelectron
    offset : grey level of the dark image
    read_noise : electrons
    bit_depth : 8 gives uint8, up to 16 gives uint16
    """

    height: int = option(256, 32, 8192)
    width: int = option(256, 32, 8192)
    pixel_size_um: float = option(0.65, 0.01, 10)
    density_per_mm2: float = option(800.0, 0, 1e5)
    density_spread: float = option(0.25, 0, 2)
    min_cells: int = option(1, 0, 1000)
    diameter_um: float = option(18.5, 0.1, 1000)
    diameter_spread: float = option(0.16, 0, 1)
    elongation: float = option(1.5, 1, 10)
    elongation_spread: float = option(0.25, 0, 3)
    irregularity: float = option(0.065, 0, 0.4)
    clustered: float = option(0.35, 0, 1)
    max_overlap: float = option(0.2, 0, 0.9)
    min_visible_um2: float = option(8.0, 0, 1e5)
    condensed: float = option(0.05, 0, 1)
    brightness: float = option(400.0, 0.01, 1e5)
    brightness_spread: float = option(0.3, 0, 2)
    brightness_variation: float = option(0.2, 0, 2)
    texture: float = option(0.14, 0, 1)
    texture_um: float = option(0.65, 0, 100)
    nucleoli: float = option(2.0, 0, 50)
    edge_um: float = option(3.5, 0.01, 100)
    background: float = option(30.0, 0, 1e5)
    haze: float = option(0.12, 0, 0.95)
    haze_um: float = option(3.0, 0.01, 1000)
    defocused: float = option(0.12, 0, 1)
    psf_um: float = option(0.6, 0, 50)
    defocus_um: float = option(1.3, 0, 50)
    debris_per_mm2: float = option(80.0, 0, 1e5)
    smears_per_mm2: float = option(4.0, 0, 1e4)
    vignetting: float = option(0.25, 0, 0.95)
    illumination_gradient: float = option(0.15, 0, 0.95)
    gain: float = option(1.0, 1e-4, 1e4)
    offset: float = option(120.0, 0, 65535)
    read_noise: float = option(3.0, 0, 1000)
    bit_depth: int = option(16, 8, 16)


@dataclass(frozen=True)
class Nucleus:
    """One nucleus on square patches: `mask` bool, `focused` and `defocused` light, float32."""

    mask: np.ndarray
    focused: np.ndarray
    defocused: np.ndarray


def render(rng: np.random.Generator, options: FluorescentOptions) -> tuple[np.ndarray, Field]:
    """One field: the recorded image (h, w) uint8 or uint16, and its cells."""
    o, pixel = options, options.pixel_size_um
    shape = (o.height, o.width)
    margin = int(np.ceil(0.7 * o.diameter_um * (1 + 2 * o.diameter_spread) / pixel))
    texture = camera.band_noise(rng, TEXTURE_SHAPE, o.texture_um / pixel)
    coarse = camera.band_noise(rng, TEXTURE_SHAPE, 3 * o.texture_um / pixel)
    texture = (0.8 * texture + 0.6 * coarse) * np.float32(o.texture)
    brightness = o.brightness * np.exp(o.brightness_variation * rng.normal())
    density = o.density_per_mm2 * np.exp(o.density_spread * rng.normal())
    cells = place(
        rng,
        shape,
        margin,
        density * (pixel / 1000) ** 2,
        lambda: _nucleus(rng, o, brightness, texture),
        Rules(o.clustered, o.max_overlap, 2, max(1, round(o.min_visible_um2 / pixel**2))),
        o.min_cells,
    )
    focused, defocused = cells.render("focused"), cells.render("defocused")
    specks = _specks(rng, cells.labels.shape, o, brightness)
    light = camera.blur(focused + specks, o.psf_um / pixel)
    light += camera.blur(defocused, o.defocus_um / pixel)
    light = (1 - o.haze) * light + o.haze * camera.blur(light, o.haze_um / pixel)
    light = cells.crop(light) + o.background + _smears(rng, shape, o, brightness)
    light *= camera.illumination(rng, shape, o.vignetting, o.illumination_gradient)
    image = camera.expose(rng, light, o.gain, o.offset, o.read_noise, o.bit_depth)
    return image, cells


def _nucleus(
    rng: np.random.Generator, o: FluorescentOptions, brightness: float, texture: np.ndarray
) -> Nucleus:
    diameter = o.diameter_um * np.exp(o.diameter_spread * rng.normal()) / o.pixel_size_um
    elongation = max(1.0, rng.normal(o.elongation, o.elongation_spread))
    brightness = brightness * np.exp(o.brightness_spread * rng.normal())
    condensed = rng.random() < o.condensed
    if condensed:
        diameter, elongation, brightness = 0.6 * diameter, 1 + 0.3 * elongation, 2.5 * brightness
    outline = radial_shape(rng, max(diameter, 2.0), elongation, o.irregularity)
    half = outline.reach
    relative = outline.relative_radius(half)
    mask = relative < 1
    # Distance to the outline in pixels, exact for a disc: the nucleus is a slab with round edges.
    depth = (1 - relative) * np.float32(diameter / 2)
    rise = np.clip(depth * np.float32(o.pixel_size_um / o.edge_um), 0, 1)
    thickness = np.float32(0.45) + np.float32(0.55) * np.sqrt(1 - (1 - rise) ** 2)
    grain = camera.texture_patch(rng, texture, relative.shape[0])
    light = thickness * np.clip(1 + grain, 0.1, None)
    if not condensed:
        light *= _nucleoli(rng, o, relative)
    light = np.where(mask, light * np.float32(brightness), np.float32(0))
    dark = np.zeros_like(light)
    if rng.random() < o.defocused:
        return Nucleus(mask, dark, light)
    return Nucleus(mask, light, dark)


def _nucleoli(rng: np.random.Generator, o: FluorescentOptions, relative: np.ndarray) -> np.ndarray:
    """Relative light left by nucleoli, which chromatin does not fill: (p, p) float32, <= 1."""
    left = np.ones_like(relative)
    half = relative.shape[0] // 2
    axis = np.arange(-half, half + 1, dtype=np.float32)
    for _ in range(rng.poisson(o.nucleoli)):
        row, column = rng.normal(0, half / 4, 2)
        width = rng.uniform(0.6, 1.3) / o.pixel_size_um
        depth = rng.uniform(0.1, 0.45)
        spot = np.exp(-((axis[:, None] - row) ** 2 + (axis - column) ** 2) / (2 * width**2))
        left *= 1 - np.float32(depth) * spot.astype(np.float32)
    return left


def _specks(
    rng: np.random.Generator, shape: tuple[int, int], o: FluorescentOptions, brightness: float
) -> np.ndarray:
    """Debris: bright specks of up to 1.5 um, float32 photoelectrons per pixel."""
    light = np.zeros(shape, np.float32)
    area_mm2 = shape[0] * shape[1] * (o.pixel_size_um / 1000) ** 2
    for _ in range(rng.poisson(o.debris_per_mm2 * area_mm2)):
        outline = radial_shape(rng, max(rng.uniform(0.8, 3.0) / o.pixel_size_um, 1.5), 1.3, 0.15)
        patch = outline.relative_radius(outline.reach) < 1
        side = patch.shape[0]
        if min(shape) <= side:
            continue
        row, column = (int(rng.integers(0, n - side)) for n in shape)
        amount = brightness * rng.uniform(0.3, 1.2)
        light[row : row + side, column : column + side] += np.float32(amount) * patch
    return light


def _smears(
    rng: np.random.Generator, shape: tuple[int, int], o: FluorescentOptions, brightness: float
) -> np.ndarray:
    """Bodies far out of focus: broad elliptical Gaussians, float32 photoelectrons per pixel."""
    light = np.zeros(shape, np.float32)
    area_mm2 = shape[0] * shape[1] * (o.pixel_size_um / 1000) ** 2
    row = np.arange(shape[0], dtype=np.float32)[:, None]
    column = np.arange(shape[1], dtype=np.float32)
    for _ in range(rng.poisson(o.smears_per_mm2 * area_mm2)):
        centre = rng.uniform(0, 1, 2) * shape
        angle = rng.uniform(0, np.pi)
        width = rng.uniform(5, 14) / o.pixel_size_um
        length = width * rng.uniform(1, 5)
        along = (row - centre[0]) * np.sin(angle) + (column - centre[1]) * np.cos(angle)
        across = (row - centre[0]) * np.cos(angle) - (column - centre[1]) * np.sin(angle)
        amount = brightness * rng.uniform(0.1, 0.7)
        light += amount * np.exp(-((along / length) ** 2 + (across / width) ** 2) / 2)
    return light.astype(np.float32)
