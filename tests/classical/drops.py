"""Sweeps of a drop with specks inside, drawn pixel by pixel from the formulas alone."""

import math

import numpy as np

from segmill.random import generator
from tests.alignment.tracks import refraction

SHAPE = (150, 180)
AXIS, START, END = 74.0, 50, 150
HALF_WIDTH, OFFSET = 46.0, (5.0, -3.0)
BETA, N = math.radians(40), 1.31
# Specks: along the axis (px), across the normal, above the middle plane.
SPECKS = ((96.0, -9.0, 4.0), (99.0, -4.0, 4.0), (103.0, -8.0, 4.0))


def drop_sweep(thickness: float = 36.0, specks=SPECKS, frames: int = 60, refracted: bool = True):
    """Frames (frames, 150, 180) uint8 and omega (frames,) degrees, the sample from the left.

    The drop is a flat ellipsoid whose axis of least extent is that of `thickness`, px, turned to
    the camera at omega = BETA; the specks are dark, blurred spots that its faces displace.
    """
    rng = generator(0, "sweep of a drop")
    omega = 15 + np.arange(frames) * 360 / frames
    images = [_view(math.radians(angle), thickness, specks, refracted) for angle in omega]
    noisy = np.stack(images) * 180 + rng.normal(0, 1.5, (frames, *SHAPE))
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8), omega


def speck_place(k: int) -> np.ndarray:
    """Across and depth of a speck at omega = 0, relative to the axis, px."""
    _, across, height = SPECKS[k]
    normal = np.array([-math.sin(BETA), math.cos(BETA)])
    beside = np.array([math.cos(BETA), math.sin(BETA)])
    return np.array(OFFSET) + across * beside + height * normal


def _view(omega: float, thickness: float, specks, refracted: bool) -> np.ndarray:
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    t = (omega - BETA + math.pi) % (2 * math.pi) - math.pi
    middle = AXIS + OFFSET[0] * math.cos(omega) + OFFSET[1] * math.sin(omega)
    half = math.hypot(HALF_WIDTH * math.cos(t), thickness / 2 * math.sin(t))
    long = (columns - (START + END) / 2) / ((END - START) / 2)
    gauge = np.sqrt(long**2 + ((rows - middle) / half) ** 2)
    # Light falls off towards the outline, and beyond it none is lost.
    light = np.where(gauge < 1, 0.75 - 0.45 * gauge**6, 1.0)
    light = np.where((columns < START + 6) & (np.abs(rows - middle) < 5), 0.2, light)
    for along, across, height in specks:
        place = middle + across * math.cos(t) + height * math.sin(t)
        if refracted:
            place -= refraction(t, thickness / 2 - height, thickness / 2 + height, N)
        spot = np.exp(-((rows - place) ** 2 + (columns - along) ** 2) / (2 * 1.6**2))
        light = light * (1 - 0.6 * spot)
    return light
