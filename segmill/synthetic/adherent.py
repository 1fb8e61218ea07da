"""Single cells as phase maps: spread cells with body, lamella and processes; round cells."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from segmill.synthetic.camera import blur, texture_patch
from segmill.synthetic.shapes import RadialShape, draw_process, fill_disc, radial_shape

if TYPE_CHECKING:
    from segmill.synthetic.phase_contrast import PhaseContrastOptions


@dataclass(frozen=True)
class Cell:
    """A cell on a square patch: `mask` bool, its body; `phase` float32, its delay in radians."""

    mask: np.ndarray
    phase: np.ndarray


def adherent_cell(rng: np.random.Generator, o: "PhaseContrastOptions", grain: np.ndarray) -> Cell:
    """A spread cell: thin lamella, thick body off its centre, ruffled edge, thin processes."""
    pixel = o.pixel_size_um
    diameter = o.diameter_um * np.exp(o.diameter_spread * rng.normal()) / pixel
    elongation = max(1.0, rng.normal(o.elongation, o.elongation_spread))
    outline = radial_shape(rng, max(diameter, 8.0), elongation, o.irregularity, (1, 7))
    reaches = rng.exponential(o.process_um, rng.poisson(o.processes)) / pixel
    # A process of more than three times the usual length would need a patch of its own.
    reaches = np.minimum(reaches, 3 * o.process_um / pixel)
    web = 5 / pixel
    half = outline.reach + int(reaches.max(initial=0)) + round(web) + 2
    mask = (outline.relative_radius(half) < 1).astype(np.uint8)
    body_offset = _body_offset(rng, outline, diameter)
    arms = np.zeros_like(mask)
    for reach in reaches:
        _draw_arm(rng, arms, outline, body_offset, reach, diameter, pixel)
    mask |= arms
    mask = _webbed(mask, web)
    folds = _folds(rng, mask, o)
    mask = _solid(mask | (folds > 0))
    texture = texture_patch(rng, grain, mask.shape[0]) * np.float32(o.texture)
    body = _body(rng, half, body_offset, diameter, arms)
    peak = np.float32(o.body_phase * np.exp(o.body_phase_spread * rng.normal()))
    phase = (np.float32(o.lamella_phase) + body * peak) * (1 + texture) + _ruffles(
        rng, mask, o, texture
    )
    phase += blur(folds, 0.5 / pixel)
    inside = blur(mask.astype(np.float32), 0.5 / pixel)
    return Cell(mask.astype(bool), (phase * inside).astype(np.float32))


def round_cell(rng: np.random.Generator, o: "PhaseContrastOptions", grain: np.ndarray) -> Cell:
    """A nearly spherical cell: its delay follows its height."""
    diameter = o.round_diameter_um * np.exp(o.diameter_spread * rng.normal()) / o.pixel_size_um
    outline = radial_shape(rng, max(diameter, 4.0), 1 + abs(rng.normal(0, 0.08)), 0.02)
    relative = outline.relative_radius(outline.reach)
    mask = relative < 1
    # Steeper at the rim than a sphere: a rounded cell adheres to the substrate.
    height = np.clip(1 - relative**2, 0, 1) ** 0.3
    texture = texture_patch(rng, grain, mask.shape[0]) * np.float32(1.2 * o.texture)
    peak = np.float32(o.round_phase * np.exp(0.08 * rng.normal()))
    return Cell(mask, (height * (peak + texture)).astype(np.float32))


def _body_offset(rng: np.random.Generator, outline: RadialShape, diameter: float) -> np.ndarray:
    """Where the body lies, (row, column) from the centre: off it, as in a migrating cell."""
    angle = rng.uniform(0, 2 * np.pi)
    room = max(float(outline.at(angle)) - 0.22 * diameter, 0.0)
    return rng.uniform(0.1, 0.9) * room * np.array([np.sin(angle), np.cos(angle)])


def _draw_arm(
    rng: np.random.Generator,
    patch: np.ndarray,
    outline: RadialShape,
    start: np.ndarray,
    reach: float,
    diameter: float,
    pixel: float,
) -> None:
    half = patch.shape[0] // 2
    angle = rng.uniform(0, 2 * np.pi)
    tip = (float(outline.at(angle)) + reach) * np.array([np.sin(angle), np.cos(angle)])
    neck = rng.uniform(1.6, 3.0) / pixel
    bulb = neck * rng.uniform(1.0, 2.2)
    bend = rng.normal(0, 0.12) * float(np.hypot(*(tip - start)))
    draw_process(patch, start + half, tip + half, bend, (0.3 * diameter, neck, bulb))


def _body(
    rng: np.random.Generator, half: int, offset: np.ndarray, diameter: float, arms: np.ndarray
) -> np.ndarray:
    """Relative thickness of body and processes, fading into the lamella: (p, p) float32."""
    shape = radial_shape(rng, rng.uniform(0.42, 0.6) * diameter, rng.uniform(1.1, 2.2), 0.08)
    relative = shape.relative_radius(half, tuple(offset))
    dome = np.clip(1 - relative**2, 0, 1) ** 0.6
    width = cv2.distanceTransform(arms, cv2.DIST_L2, 3) / np.float32(0.1 * diameter)
    thickness = np.maximum(dome, np.minimum(width, 1) ** 0.8 * rng.uniform(0.3, 0.7))
    return blur(thickness.astype(np.float32), 0.035 * diameter)


def _folds(rng: np.random.Generator, mask: np.ndarray, o: "PhaseContrastOptions") -> np.ndarray:
    """Phase of blebs that bulge over the ruffled part of the outline: (p, p) float32."""
    folds = np.zeros(mask.shape, np.float32)
    contour = _outline_points(mask)
    # A smooth random field along the outline says where the blebs sit.
    position = np.linspace(0, 2 * np.pi, len(contour), endpoint=False)
    activity = np.exp(1.5 * _wave(rng, position))
    count = rng.poisson(o.ruffles * len(contour) * o.pixel_size_um / 4)
    for index in rng.choice(len(contour), count, p=activity / activity.sum()):
        radius = min(rng.exponential(0.6) + 0.5, 3.0) / o.pixel_size_um
        centre = contour[index] + rng.normal(0, 0.8 / o.pixel_size_um, 2)
        fill_disc(folds, centre, radius, float(o.ruffle_phase * rng.uniform(0.2, 1.0)))
    return folds


def _ruffles(
    rng: np.random.Generator, mask: np.ndarray, o: "PhaseContrastOptions", texture: np.ndarray
) -> np.ndarray:
    """Phase of the folded rim of the lamella along a part of the outline: (p, p) float32."""
    half = mask.shape[0] // 2
    axis = np.arange(-half, half + 1, dtype=np.float32)
    angle = np.arctan2(axis[:, None], axis[None, :])
    wave = _wave(rng, np.linspace(-np.pi, np.pi, 256))
    active = wave > np.quantile(wave, 1 - o.ruffles) if o.ruffles < 1 else wave > -np.inf
    activity = np.interp(angle, np.linspace(-np.pi, np.pi, 256), active * rng.uniform(0.4, 1))
    depth = cv2.distanceTransform(mask, cv2.DIST_L2, 3) * np.float32(o.pixel_size_um)
    wander = blur(texture, 1.2 / o.pixel_size_um)
    wander *= np.float32(0.9) / max(float(wander.std()), 1e-6)
    band = np.exp(-(((depth - 1.3 - wander) / 0.9) ** 2)) * np.clip(0.7 + 0.7 * wander, 0, 2)
    return (o.ruffle_phase * activity * band).astype(np.float32)


def _wave(rng: np.random.Generator, position: np.ndarray) -> np.ndarray:
    """A smooth random function of an angle, unit variance."""
    order = np.arange(1, 5)
    weight = rng.normal(size=(2, order.size)) / np.sqrt(order.size)
    angles = np.outer(order, position)
    return weight[0] @ np.cos(angles) + weight[1] @ np.sin(angles)


def _outline_points(mask: np.ndarray) -> np.ndarray:
    """(row, column) of the pixels along the longest outline of a uint8 mask: (n, 2) float64."""
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return max(contours, key=len)[:, 0, ::-1].astype(float)


def _webbed(mask: np.ndarray, width: float) -> np.ndarray:
    """The mask with its narrow bays filled, as a membrane spans between processes: uint8."""
    size = 2 * round(width) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    # The patch has room for this around the mask, so that its edge has no influence.
    return cv2.morphologyEx(mask, cv2.MORPH_CLOSE, kernel)


def _solid(mask: np.ndarray) -> np.ndarray:
    """The largest region of a mask, without holes: uint8."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    whole = np.zeros(mask.shape, np.uint8)
    cv2.drawContours(whole, [max(contours, key=cv2.contourArea)], -1, 1, thickness=-1)
    return whole
