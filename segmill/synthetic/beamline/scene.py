"""A mounted sample on a goniometer, drawn at random: what there is, where it is, how it is seen."""

from dataclasses import dataclass

import numpy as np

from segmill.random import generator
from segmill.synthetic.beamline import mounts
from segmill.synthetic.beamline.crystals import crystal
from segmill.synthetic.beamline.geometry import Slab, View, turn_back
from segmill.synthetic.beamline.lamp import draw_field, read_field
from segmill.synthetic.beamline.mounts import Part, Plane
from segmill.synthetic.beamline.optics import Material, Microscope
from segmill.synthetic.beamline.options import BeamlineOptions
from segmill.synthetic.camera import band_noise

KINDS = ("blank", "no_loop", "capillary", "loop")
TEXTURE_SIDE = 256


@dataclass
class Scene:
    """A sample, its goniometer and its microscope; everything but the angle.

    Attributes
    ----------
    kind : blank, no_loop, capillary or loop
    parts : from the back to the front of what hides what
    centre : (3,) point of the sample frame to be centred, mm; NaN where there is none
    clicked : crystal, loop or nothing: what a user would click on
    slab : the medium around the centre
    enters_from, zoom : side of the sample, zoom level
    mm_per_px : side of a pixel
    axis_px, origin_px : rotation axis and along = 0 in the canonical image
    shape : of the canonical image
    omegas : degrees, one per frame
    scope : the microscope
    """

    kind: str
    parts: list[Part]
    centre: np.ndarray
    clicked: str
    slab: Slab
    enters_from: str
    zoom: int
    mm_per_px: float
    axis_px: float
    origin_px: float
    shape: tuple[int, int]
    omegas: np.ndarray
    scope: Microscope

    def view(self, frame: int) -> View:
        """What the camera sees of the sample at a frame."""
        return View(
            omega=float(np.deg2rad(self.omegas[frame])),
            mm_per_px=self.mm_per_px,
            axis_px=self.axis_px,
            origin_px=self.origin_px,
            shape=self.shape,
            centre=self.centre,
            slab=self.slab,
        )


def draw_scene(seed: int, index: int, options: BeamlineOptions) -> Scene:
    """Scene `index` of a data set; the number of frames changes nothing but its omegas."""
    rng = generator(seed, "beamline scene", index)
    enters_from = options.enters_from[rng.integers(len(options.enters_from))]
    zoom = options.zooms[rng.integers(len(options.zooms))]
    start = rng.uniform(0, 360)
    if options.omega_start is not None:
        start = options.omega_start
    mm_per_px = options.mm_per_px(zoom)
    is_vertical = enters_from in ("top", "bottom")
    shape = (options.height, options.width)
    shape = shape[::-1] if is_vertical else shape
    kind = KINDS[_choose(rng, (options.blank, options.no_loop, options.capillary))]
    # Half a turn more would only swap the faces.
    beta, n = rng.uniform(0, np.pi), rng.uniform(*options.n_medium)
    builder = _Builder(rng, options, beta, n)
    parts, centre, slab, clicked = getattr(builder, kind)()
    wanted = _place(rng, options, np.array(shape) * mm_per_px)
    for part in parts:
        part.move(wanted - builder.anchor)
    return Scene(
        kind=kind,
        parts=parts,
        centre=centre + wanted - builder.anchor,
        clicked=clicked,
        slab=slab,
        enters_from=enters_from,
        zoom=zoom,
        mm_per_px=mm_per_px,
        axis_px=(shape[0] - 1) / 2 + rng.uniform(-0.05, 0.05) * shape[0],
        origin_px=(shape[1] - 1) / 2,
        shape=shape,
        omegas=start + options.omega_range * np.arange(options.frames) / options.frames,
        scope=_microscope(rng, options, mm_per_px),
    )


def empty_field(scene: Scene, seed: int, index: int, options: BeamlineOptions) -> np.ndarray:
    """The light behind scene `index`, canonical (h, w, 3) float32: drawn or from a folder."""
    rng = generator(seed, "beamline field", index)
    if options.backgrounds is None:
        return draw_field(rng, scene.shape, scene.mm_per_px)
    shape = (options.height, options.width)
    return turn_back(read_field(rng, options.backgrounds, scene.zoom, shape), scene.enters_from)


def _choose(rng: np.random.Generator, shares: tuple[float, ...]) -> int:
    """Index of a share, or their number for the rest of 1."""
    return int(np.searchsorted(np.cumsum(shares), rng.random(), side="right"))


def _place(rng: np.random.Generator, options: BeamlineOptions, field: np.ndarray) -> np.ndarray:
    """Where the point to be centred lies in the sample frame; `field` (across, along) in mm."""
    radius = min(options.offset * field[0] / 2, options.offset_limit) * np.sqrt(rng.random())
    alpha = rng.uniform(0, 2 * np.pi)
    along = options.offset * field[1] / 2 * rng.uniform(-1, 1)
    return np.array([along, radius * np.cos(alpha), radius * np.sin(alpha)])


def _microscope(rng: np.random.Generator, options: BeamlineOptions, mm_per_px: float) -> Microscope:
    acceptance = float(np.exp(rng.uniform(*np.log((0.045, 0.2)))))
    direction, oblique = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.9)
    texture = band_noise(rng, (TEXTURE_SIDE, TEXTURE_SIDE), 1.5)
    texture = texture + band_noise(rng, (TEXTURE_SIDE, TEXTURE_SIDE), 5)
    return Microscope(
        mm_per_px=mm_per_px,
        focus=float(rng.normal(0, options.defocus)),
        blur_rate=options.aperture,
        resolution=options.resolution,
        acceptance=acceptance,
        oblique=(oblique * np.cos(direction), oblique * np.sin(direction)),
        texture=np.clip(texture / 2, -1, 1).astype(np.float32),
    )


class _Builder:
    """Draws the parts of one scene around the origin; `anchor` is the point that is placed."""

    def __init__(self, rng, options: BeamlineOptions, beta: float, n: float):
        self.rng, self.options = rng, options
        self.n, self.beta = n, beta
        self.anchor = np.zeros(3)
        self.bare = Slab(n, 0.0, 0.0, beta)
        w = self.bare.normal
        v = np.array([0.0, w[2], -w[1]])
        self.plane = Plane(v, w, rng.normal(0, 0.04))
        self.has_ice = rng.random() < options.ice
        glint = rng.uniform(0.1, 1) if rng.random() < 0.4 else 0.0
        self.glint = glint
        self.nowhere = np.full(3, np.nan)

    def blank(self):
        return [], self.nowhere, self.bare, "nothing"

    def no_loop(self):
        rng = self.rng
        foot = np.array([rng.uniform(-0.3, 0), 0, 0])
        parts = [mounts.pin_part(rng, foot, self.glint)]
        if rng.random() < 0.6:
            end = foot + np.array([rng.uniform(0.1, 0.6), *rng.normal(0, 0.05, 2)])
            path = mounts.stem_path(rng, end, foot - np.array([0.1, 0, 0]))
            parts += mounts.stem_parts(rng, path, rng.uniform(0.006, 0.015), False)
        parts += self._ice([foot])
        return parts[::-1], self.nowhere, self.bare, "nothing"

    def capillary(self):
        rng, options = self.rng, self.options
        radius = rng.uniform(0.05, 0.25)
        lean = np.array([0, *rng.normal(0, 0.03, 2)])
        tip = np.array([rng.uniform(0.1, 2), 0, 0]) + lean
        foot = np.array([-rng.uniform(0.4, 2), 0, 0]) - lean
        parts = mounts.capillary_parts(rng, foot, tip, radius)
        centre, clicked = self.nowhere, "nothing"
        if rng.random() >= options.empty_loop:
            size = min(self._size(options.crystal_size), 1.2 * radius)
            parts.append(self._crystal(size, np.zeros(3), in_medium=False, around=1.33))
            centre, clicked = np.zeros(3), "crystal"
        parts.append(mounts.pin_part(rng, foot + np.array([0.1, 0, 0]), self.glint))
        return parts + self._ice([tip, foot]), centre, self.bare, clicked

    def loop(self):
        """A loop with its drop, stem and pin; the anchor is the crystal, or the loop's middle."""
        rng, options = self.rng, self.options
        is_flat = rng.random() < options.kapton
        loop = mounts.draw_loop(rng, self._size(options.loop_size), is_flat)
        is_empty = rng.random() < options.empty_loop
        has_medium = rng.random() >= (0.4 if is_empty else options.no_medium)
        half = self._size(options.thickness) / 2
        parts, crystals = mounts.loop_parts(loop, self.plane), []
        slab, centre = self.bare, np.zeros(3)
        if not is_empty:
            crystals, centre, half, slab = self._crystals(loop, half, has_medium)
        if has_medium:
            parts.insert(1, mounts.drop_part(rng, loop, self.plane, half, self.n))
            if rng.random() < 0.5:
                parts[2:2] = mounts.inclusions(rng, loop, self.plane, half)
        parts += crystals
        parts += self._holder(loop)
        self.anchor = centre
        return parts, centre, slab, "loop" if is_empty else "crystal"

    def _crystals(self, loop: mounts.Loop, half: float, has_medium: bool):
        """Crystals in a loop: parts, the clicked one's middle, half thickness, slab around it."""
        rng, options, normal = self.rng, self.options, self.plane.w
        room = 1.5 * loop.half_width
        size = min(self._size(options.crystal_size), room)
        corners = crystal(rng, size)
        reach = np.abs(corners @ normal).max()
        half = max(half, 1.1 * reach)
        height = (half - 1.05 * reach) * rng.uniform(-1, 1) if has_medium else loop.fibre
        spot = rng.uniform(-0.3, 0.3, 2) * (loop.half_length, loop.half_width)
        centre = np.array([spot[0], 0, 0]) + spot[1] * self.plane.v + height * normal
        around = self.n if has_medium else 1.0
        parts = [self._crystal_part(corners + centre, has_medium, around)]
        for _ in range(rng.integers(0, options.max_crystals)):
            other = rng.uniform(-0.5, 0.5, 2) * (loop.half_length, loop.half_width)
            place = np.array([other[0], 0, 0]) + other[1] * self.plane.v
            small = min(size * rng.uniform(0.2, 0.8), 1.6 * half)
            parts.append(self._crystal(small, place, has_medium, around))
        slab = self.bare
        if has_medium:
            slab = Slab(self.n, float(half - height), float(half + height), self.beta)
        return parts, centre, half, slab

    def _crystal(self, size: float, place: np.ndarray, in_medium: bool, around: float) -> Part:
        return self._crystal_part(crystal(self.rng, size) + place, in_medium, around)

    def _crystal_part(self, corners: np.ndarray, in_medium: bool, around: float) -> Part:
        contrast = max(self.rng.uniform(1.38, 1.55) - around, 0.03)
        tint = (0.0, 0.0, 0.0)
        if self.rng.random() < 0.15:
            tint = tuple(self.rng.uniform(0, 12, 3))
        material = Material(contrast=contrast, edge=self.rng.uniform(0.1, 0.8), tint=tint)
        return Part(mounts.Polyhedron(corners, in_medium), material, ("crystal",))

    def _holder(self, loop: mounts.Loop) -> list[Part]:
        """Stem, pin, frost and ice of a loop."""
        rng, plane = self.rng, self.plane
        neck = plane.place(loop.neck, 0)[0]
        length = rng.uniform(0.1, 0.8)
        foot = neck + np.array([-length, *rng.normal(0, 0.06, 2)])
        stem = mounts.stem_path(rng, neck, foot - np.array([0.05, 0, 0]))
        parts = mounts.stem_parts(rng, stem, loop.fibre, loop.flat)
        outline = loop.outline()
        rim = plane.place(outline[:, 0], outline[:, 1])
        if rng.random() < 0.6 * self.has_ice:
            parts.append(mounts.frost_part(rng, rim, loop.fibre, "loop"))
            parts.append(mounts.frost_part(rng, stem, 1.3 * loop.fibre, "stem"))
        parts.append(mounts.pin_part(rng, foot, self.glint))
        return parts + self._ice([*rim[rng.integers(len(rim), size=3)], *stem[::16]])

    def _ice(self, places: list[np.ndarray]) -> list[Part]:
        if not self.has_ice:
            return []
        rng = self.rng
        chosen = rng.choice(len(places), size=min(len(places), 1 + rng.poisson(1.2)), replace=False)
        return [mounts.ice_part(rng, places[k], rng.uniform(0.02, 0.1)) for k in chosen]

    def _size(self, limits: tuple[float, ...]) -> float:
        """Log-uniform between two limits."""
        return float(np.exp(self.rng.uniform(*np.log(limits))))
