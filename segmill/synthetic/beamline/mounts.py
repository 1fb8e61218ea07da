"""Parts of a mount: pin, stem, loop with its drop, capillary, ice, frost.

Everything is built in mm around the origin of the sample frame and moved into place afterwards.
The plane of a loop is spanned by the direction along the axis (u) and a direction across it (v);
w is the normal of the slab of medium.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull

from segmill.synthetic.beamline.optics import Material
from segmill.synthetic.beamline.shapes import Area, Drop, Fibres, Polyhedron

OUTLINE = 64
AMBER = (2.0, 9.0, 28.0)


@dataclass
class Part:
    """One shape of a scene: what it is made of and what its projection counts as.

    Attributes
    ----------
    shape : Polyhedron, Fibres, Drop or Area
    material : None where the shape is only for the truth
    notions : names of the notions that the projection belongs to; none for what nobody annotates
    hides : names of the notions whose pixels this projection takes away
    """

    shape: Polyhedron | Fibres | Drop | Area
    material: Material | None
    notions: tuple[str, ...] = ()
    hides: tuple[str, ...] = ()

    def move(self, by: np.ndarray) -> None:
        """Displace the shape by (3,) mm."""
        for name in ("vertices", "starts", "ends", "points"):
            if hasattr(self.shape, name):
                setattr(self.shape, name, getattr(self.shape, name) + by)


@dataclass
class Plane:
    """Directions of a loop in the sample frame: v, w (3,), and its lean along the axis."""

    v: np.ndarray
    w: np.ndarray
    lean: float

    def place(self, u, v, w=0.0) -> np.ndarray:
        """Points (m, 3) of coordinates in the loop."""
        u, v, w = np.broadcast_arrays(np.asarray(u, float), v, w)
        return np.outer(u, (1, 0, 0)) + np.outer(v, self.v) + np.outer(w + self.lean * u, self.w)


@dataclass
class Loop:
    """Outline of a loop: an ellipse and the neck that its tangents meet in.

    Attributes
    ----------
    half_length, half_width : of the ellipse, mm
    neck : u of the neck, negative
    fibre : radius of the fibre
    flat : a tape of polymer instead of a round fibre
    """

    half_length: float
    half_width: float
    neck: float
    fibre: float
    flat: bool

    def outline(self, scale: float = 1.0) -> np.ndarray:
        """Closed curve (OUTLINE + 1, 2) of (u, v), evenly spaced, shrunk about the middle."""
        angles = np.arange(OUTLINE * 2) * np.pi / OUTLINE
        ellipse = np.c_[self.half_length * np.cos(angles), self.half_width * np.sin(angles)]
        corners = np.r_[ellipse, [[self.neck, 0]]]
        hull = ConvexHull(corners)
        corners = corners[hull.vertices]
        corners = np.roll(corners, -int(np.argmin(corners[:, 0])), 0)
        corners = np.r_[corners, corners[:1]]
        length = np.r_[0, np.cumsum(np.linalg.norm(np.diff(corners, axis=0), axis=1))]
        even = np.linspace(0, length[-1], OUTLINE + 1)
        return scale * np.stack([np.interp(even, length, corners[:, k]) for k in (0, 1)], 1)


def draw_loop(rng: np.random.Generator, width: float, is_flat: bool) -> Loop:
    """A loop of a width in mm, from nearly round to a long teardrop."""
    half_width = width / 2
    half_length = half_width * rng.uniform(0.95, 1.5)
    fibre = half_width * (rng.uniform(0.08, 0.2) if is_flat else rng.uniform(0.04, 0.1))
    neck = -half_length * rng.uniform(1.02, 2.3)
    return Loop(half_length, half_width, neck, float(np.clip(fibre, 0.004, 0.03)), is_flat)


def fibre_material(is_flat: bool) -> Material:
    """Nylon, clear and round, or polyimide, amber."""
    if is_flat:
        return Material(contrast=0.5, tint=AMBER)
    return Material(contrast=0.5, tint=(1.5, 1.5, 2.5))


def loop_parts(loop: Loop, plane: Plane) -> list[Part]:
    """The area inside the loop and its fibre."""
    outline = loop.outline()
    points = plane.place(outline[:, 0], outline[:, 1])
    fibre = Fibres.along(points, loop.fibre, flat=loop.flat, is_planar=True)
    return [
        Part(Area(points), None, ("loop", "loop_inside")),
        Part(fibre, fibre_material(loop.flat), ("loop",), hides=("loop_inside",)),
    ]


def drop_part(
    rng: np.random.Generator, loop: Loop, plane: Plane, half_height: float, n: float
) -> Part:
    """Mother liquor that fills a loop up to the two faces of the slab."""
    heights = np.linspace(-1, 1, 13)
    outline = loop.outline()[:-1]
    power = rng.uniform(2, 4)
    rings = [
        plane.place(*(outline * (1 - abs(height) ** power) ** (1 / power)).T, height * half_height)
        for height in heights
    ]
    shape = Drop(
        np.concatenate(rings),
        (half_height, loop.half_width),
        plane.w,
        flatness=float(np.clip(rng.normal(0.45, 0.3), 0, 0.95)),
    )
    absorbs = rng.uniform(0, 1.5)
    tint = (absorbs, absorbs, absorbs * rng.uniform(1, 1.8))
    material = Material(contrast=n - 1, tint=tint, opacity=0.1, grain=rng.uniform(0, 0.15))
    return Part(shape, material, ("loop",))


def inclusions(
    rng: np.random.Generator, loop: Loop, plane: Plane, half_height: float
) -> list[Part]:
    """Bubbles and precipitate in the drop; nobody annotates them."""
    parts = []
    for material, mean in (
        (Material(contrast=-0.33, opacity=0.1), 3),
        (Material(opacity=0.75, grain=0.4), 4),
    ):
        count = int(rng.poisson(mean) * rng.integers(0, 4))
        if count:
            middle = rng.uniform(-0.4, 0.4, 2)
            spread = middle + rng.normal(0, rng.uniform(0.05, 0.25), (count, 2))
            spread = np.clip(spread, -0.6, 0.6) * (loop.half_length, loop.half_width)
            radii = np.minimum(rng.lognormal(np.log(0.005), 0.5, count), half_height * 0.7)
            heights = rng.uniform(-1, 1, count) * (half_height - radii) * 0.9
            centres = plane.place(spread[:, 0], spread[:, 1], heights)
            parts.append(Part(Fibres.spheres(centres, radii, in_medium=True), material))
    return parts


def stem_path(rng: np.random.Generator, neck: np.ndarray, foot: np.ndarray) -> np.ndarray:
    """A bowed line (81, 3) from the loop to the pin."""
    share = np.linspace(0, 1, 81)[:, None]
    bow = np.array([0, *rng.normal(0, 0.07, 2)]) * np.linalg.norm(foot - neck)
    return neck + (foot - neck) * share + np.sin(np.pi * share) * bow


def stem_parts(
    rng: np.random.Generator, path: np.ndarray, fibre: float, is_flat: bool
) -> list[Part]:
    """A stem along a path from the loop to the pin: twisted fibres, a taper or a thick rod."""
    share = np.linspace(0, 1, len(path))
    if not is_flat and rng.random() < 0.65:
        turns = np.linalg.norm(path[-1] - path[0]) / (fibre * rng.uniform(12, 22))
        turns = min(turns, len(path) / 8)
        phase = 2 * np.pi * turns * share + rng.uniform(0, 2 * np.pi)
        helix = fibre * np.stack([0 * phase, np.cos(phase), np.sin(phase)], 1)
        strands = [Fibres.along(path + sign * helix, fibre) for sign in (-1, 1)]
        return [Part(strand, fibre_material(False), ("stem",)) for strand in strands]
    wide = max(2 * fibre, min(rng.uniform(0.03, 0.12), 0.2 * np.linalg.norm(path[-1] - path[0])))
    radii = 1.5 * fibre + (wide - 1.5 * fibre) * share ** rng.uniform(0.7, 2)
    material = fibre_material(is_flat)
    if rng.random() < 0.3:
        material = Material(opacity=0.96, grain=0.1)
    return [Part(Fibres.along(path[::4], radii[::4], flat=is_flat), material, ("stem",))]


def pin_part(rng: np.random.Generator, tip: np.ndarray, glint: float) -> Part:
    """The metal tube that holds the stem: it ends at `tip` and comes from far outside the image."""
    radius, chamfer = rng.uniform(0.22, 0.38), rng.uniform(0.02, 0.1)
    angles = np.arange(48) * np.pi / 24
    ring = np.stack([0 * angles, np.cos(angles), np.sin(angles)], 1)
    vertices = [
        tip + ring * (radius - chamfer),
        tip + ring * radius - (chamfer * rng.uniform(0.5, 1.5), 0, 0),
        tip + ring * radius - (20, *rng.normal(0, 0.3, 2)),
    ]
    material = Material(opacity=0.99, glint=glint)
    return Part(
        Polyhedron(np.concatenate(vertices)), material, ("pin",), hides=("stem", "capillary")
    )


def ice_part(rng: np.random.Generator, on: np.ndarray, size: float) -> Part:
    """A lump of ice, splinters grown together around a point of the sample; `size` in mm."""
    count = int(rng.integers(12, 40))
    starts = on + rng.normal(0, 1, (count, 3)) * size * rng.uniform(0.15, 0.3)
    ends = starts + rng.normal(0, 1, (count, 3)) * size * 0.18
    radii = size * np.stack([rng.uniform(0.05, 0.2, count), rng.uniform(0.01, 0.08, count)], 1)
    material = Material(opacity=rng.uniform(0.75, 0.97), grain=rng.uniform(0.1, 0.7))
    return Part(Fibres(starts, ends, radii), material, ("ice",))


def frost_part(rng: np.random.Generator, path: np.ndarray, radius: float, notion: str) -> Part:
    """Dark grains along a fibre (m, 3), frost and dust: annotators take them as its outline."""
    count = int(rng.integers(15, 70))
    places = path[rng.integers(len(path), size=count)]
    away = rng.standard_normal((count, 3))
    away *= radius / np.linalg.norm(away, axis=1, keepdims=True)
    radii = radius * rng.uniform(0.2, 0.6, count)
    shape = Fibres.spheres(places + away, radii)
    hides = ("loop_inside",) if notion == "loop" else ()
    return Part(shape, Material(opacity=0.9, grain=0.3), (notion,), hides)


def capillary_parts(
    rng: np.random.Generator, foot: np.ndarray, tip: np.ndarray, radius: float
) -> list[Part]:
    """A glass tube from the pin to its sealed tip, with liquid in a part of it."""
    bore = rng.uniform(0.75, 0.95)
    glass = Fibres.along(np.stack([foot, tip]), radius, bore=bore)
    first, last = np.sort(rng.uniform(0.2, 0.95, 2))
    plug = np.stack([foot + (tip - foot) * share for share in (first, last)])
    liquid = Fibres.along(plug, radius * bore * 0.98)
    return [
        Part(glass, Material(contrast=0.5), ("capillary",)),
        Part(liquid, Material(contrast=0.33)),
    ]
