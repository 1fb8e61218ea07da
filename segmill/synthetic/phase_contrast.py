"""Adherent and round cells seen in a positive phase-contrast microscope.

Image model: the specimen delays light by a phase map (radians). The phase ring of the objective
attenuates the direct light, retards it by a quarter of a wave and, being wider than the image of
the condenser's annulus, does so too with light that the specimen diffracts by small angles. The
low-pass part of the field thus counts as direct light, and halo and shade-off follow by themselves
[1]_.

.. [1] Z. Yin, T. Kanade, M. Chen, "Understanding the phase contrast optics to restore
   artifact-free microscopy images for segmentation", Medical Image Analysis 16 (2012).
"""

from dataclasses import dataclass

import numpy as np

from segmill.options import option
from segmill.synthetic import camera
from segmill.synthetic.adherent import Cell, adherent_cell, round_cell
from segmill.synthetic.placement import Field, Rules, place
from segmill.synthetic.shapes import fill_disc

TEXTURE_SHAPE = (256, 256)


@dataclass(frozen=True)
class PhaseContrastOptions:
    """Specimen, microscope and camera; lengths in micrometres, phases in radians.

    Attributes
    ----------
    height, width : of the image, pixels
    pixel_size_um : side of a pixel in the specimen
    density_per_mm2 : expected cells per square millimetre
    density_spread : log-normal spread of the density from image to image
    min_cells : least number of cells per image
    round_fraction : share of small round cells (dividing, detached or suspended)
    diameter_um, diameter_spread : of the disc of an adherent cell's area: median, log-normal spread
    round_diameter_um : median diameter of a round cell
    elongation, elongation_spread : major over minor axis: mean, standard deviation; at least 1
    irregularity : relative modulation of the outline by Fourier harmonics, standard deviation
    processes : mean number of thin processes of an adherent cell
    process_um : mean length by which a process exceeds the outline
    ruffles, ruffle_phase : share of an adherent cell's outline that is ruffled, its delay
    clustered : share of the cells that touch or overlap another one
    max_overlap : largest share of a cell hidden by another one
    min_visible_um2 : least visible area of a cell, smaller ones do not occur
    lamella_phase : delay by the thin spread part of a cell
    body_phase, body_phase_spread : delay by the thick part around the nucleus: median, log-normal
        spread
    round_phase : delay by the middle of a round cell; above about 2 it turns bright
    texture, texture_um : granules in the cells: relative standard deviation, correlation length
    background_texture, background_texture_um : unevenness of the substrate (rad), the same
    debris_per_mm2 : small particles, not annotated
    blobs_per_mm2 : large bodies far out of focus, not annotated
    ring_um : width of the halo, standard deviation of the low-pass that the phase ring acts on
    ring_transmission : amplitude transmission of the phase ring, smaller means more contrast
    psf_um : standard deviation of the point spread function
    vignetting, illumination_gradient : relative loss of light to the corners, across the field
    background : light of the empty field, photoelectrons per pixel
    gain : grey levels per photoelectron
    offset : grey level of the dark image
    read_noise : electrons
    bit_depth : 8 gives uint8, up to 16 gives uint16
    """

    height: int = option(256, 32, 8192)
    width: int = option(256, 32, 8192)
    pixel_size_um: float = option(0.65, 0.01, 10)
    density_per_mm2: float = option(250.0, 0, 1e5)
    density_spread: float = option(0.25, 0, 2)
    min_cells: int = option(1, 0, 1000)
    round_fraction: float = option(0.15, 0, 1)
    diameter_um: float = option(38.0, 0.1, 1000)
    diameter_spread: float = option(0.18, 0, 1)
    round_diameter_um: float = option(18.0, 0.1, 1000)
    elongation: float = option(1.6, 1, 10)
    elongation_spread: float = option(0.35, 0, 3)
    irregularity: float = option(0.16, 0, 0.4)
    processes: float = option(1.5, 0, 20)
    process_um: float = option(9.0, 0, 500)
    ruffles: float = option(0.5, 0, 1)
    ruffle_phase: float = option(0.35, 0, 10)
    clustered: float = option(0.25, 0, 1)
    max_overlap: float = option(0.12, 0, 0.9)
    min_visible_um2: float = option(40.0, 0, 1e5)
    lamella_phase: float = option(0.07, 0, 10)
    body_phase: float = option(0.42, 0, 10)
    body_phase_spread: float = option(0.3, 0, 2)
    round_phase: float = option(3.7, 0, 10)
    texture: float = option(0.25, 0, 3)
    texture_um: float = option(0.45, 0, 100)
    background_texture: float = option(0.006, 0, 1)
    background_texture_um: float = option(4.0, 0.01, 1000)
    debris_per_mm2: float = option(500.0, 0, 1e5)
    blobs_per_mm2: float = option(12.0, 0, 1e4)
    ring_um: float = option(6.0, 0.01, 1000)
    ring_transmission: float = option(0.7, 0.05, 1)
    psf_um: float = option(0.45, 0, 50)
    vignetting: float = option(0.06, 0, 0.95)
    illumination_gradient: float = option(0.1, 0, 0.95)
    background: float = option(6000.0, 1, 1e7)
    gain: float = option(0.0142, 1e-6, 1e4)
    offset: float = option(2.0, 0, 65535)
    read_noise: float = option(10.0, 0, 1000)
    bit_depth: int = option(8, 8, 16)


def render(rng: np.random.Generator, options: PhaseContrastOptions) -> tuple[np.ndarray, Field]:
    """One field: the recorded image (h, w) uint8 or uint16, and its cells."""
    o, pixel = options, options.pixel_size_um
    shape = (o.height, o.width)
    margin = int(
        np.ceil(
            (0.6 * max(o.diameter_um, o.round_diameter_um) * (1 + o.diameter_spread) + o.process_um)
            / pixel
        )
    )
    grain = camera.band_noise(rng, TEXTURE_SHAPE, o.texture_um / pixel)
    density = o.density_per_mm2 * np.exp(o.density_spread * rng.normal())
    cells = place(
        rng,
        shape,
        margin,
        density * (pixel / 1000) ** 2,
        lambda: _cell(rng, o, grain),
        Rules(o.clustered, o.max_overlap, 3, max(1, round(o.min_visible_um2 / pixel**2))),
        o.min_cells,
    )
    phase = cells.render("phase")
    phase += _debris(rng, phase.shape, o)
    substrate = camera.band_noise(rng, phase.shape, o.background_texture_um / pixel)
    phase += np.float32(o.background_texture) * substrate
    relative = phase_contrast(phase, o.ring_um / pixel, o.ring_transmission)
    relative = cells.crop(camera.blur(relative, o.psf_um / pixel)) * _blobs(rng, shape, o)
    light = o.background * relative
    light *= camera.illumination(rng, shape, o.vignetting, o.illumination_gradient)
    image = camera.expose(rng, light, o.gain, o.offset, o.read_noise, o.bit_depth)
    return image, cells


def phase_contrast(phase: np.ndarray, ring: float, transmission: float) -> np.ndarray:
    """Intensity of a phase object in positive phase contrast, 1 where there is no object.

    With the field u = exp(i phase) and its low-pass d = G u (the part the ring acts on), the
    intensity is ``|u - d - i t d|^2 / t^2``: an object that retards light is darker than its
    surroundings, which brighten next to it (halo), and the inside of a wide object fades to the
    background level (shade-off).

    Parameters
    ----------
    phase : (h, w) float32, radians
    ring : standard deviation of the low-pass, pixels
    transmission : amplitude transmission t of the ring, 0 < t <= 1
    """
    real, imaginary = np.cos(phase), np.sin(phase)
    direct_real, direct_imaginary = camera.blur(real, ring), camera.blur(imaginary, ring)
    t = np.float32(transmission)
    field_real = real - direct_real + t * direct_imaginary
    field_imaginary = imaginary - direct_imaginary - t * direct_real
    return (field_real**2 + field_imaginary**2) / t**2


def _cell(rng: np.random.Generator, o: PhaseContrastOptions, grain: np.ndarray) -> Cell:
    if rng.random() < o.round_fraction:
        return round_cell(rng, o, grain)
    return adherent_cell(rng, o, grain)


def _debris(
    rng: np.random.Generator, shape: tuple[int, int], o: PhaseContrastOptions
) -> np.ndarray:
    """Phase of small particles on the substrate: mostly dark, some thick ones bright, float32."""
    phase = np.zeros(shape, np.float32)
    area_mm2 = shape[0] * shape[1] * (o.pixel_size_um / 1000) ** 2
    for _ in range(rng.poisson(o.debris_per_mm2 * area_mm2)):
        centre = rng.uniform(0, 1, 2) * shape
        delay = rng.uniform(2.5, 4.0) if rng.random() < 0.1 else rng.uniform(-0.15, 0.6)
        radius = rng.exponential(0.5) + 0.4
        for _ in range(rng.integers(1, 4)):
            spot = centre + rng.normal(0, radius / 2, 2) / o.pixel_size_um
            fill_disc(phase, spot, radius / o.pixel_size_um, float(delay))
    return camera.blur(phase, 0.4 / o.pixel_size_um)


def _blobs(rng: np.random.Generator, shape: tuple[int, int], o: PhaseContrastOptions) -> np.ndarray:
    """Relative light behind bodies far out of focus: mottled discs with faint rings, float32."""
    light = np.ones(shape, np.float32)
    area_mm2 = shape[0] * shape[1] * (o.pixel_size_um / 1000) ** 2
    row = np.arange(shape[0], dtype=np.float32)[:, None]
    column = np.arange(shape[1], dtype=np.float32)
    for _ in range(rng.poisson(o.blobs_per_mm2 * area_mm2)):
        centre = (rng.uniform(0, 1, 2) * shape).astype(np.float32)
        radius = np.float32(rng.uniform(5, 18) / o.pixel_size_um)
        distance = np.hypot(row - centre[0], column - centre[1]) / radius
        inside = 1 / (1 + np.exp(np.minimum(8 * (distance - 1), 50)))
        mottle = camera.band_noise(rng, shape, 2.5 / o.pixel_size_um)
        rings = np.cos(2 * np.pi * 2.5 * distance) * np.exp(-distance)
        strength = np.float32(rng.uniform(0.01, 0.07))
        light += strength * (inside * (0.3 + mottle) + 0.5 * rings)
    return np.clip(light, 0.2, None)
