"""Sections of nerve tissue as an electron microscope shows them: cells divided by dark membranes.

Cells are Voronoi cells of random points, some of them joined, on a plane that is warped smoothly.
The truth is exact: membrane is what lies within half its width of the line between two cells. What
makes such images hard is there: organelles as dark as membranes, membranes that fade where they are
cut at a slant, grain.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

from segmill.options import build_options, option
from segmill.random import generator
from segmill.samples import Sample
from segmill.synthetic import camera

CLASSES = ("membrane", "cell")
MEMBRANE, CELL = range(2)


@dataclass(frozen=True)
class MembraneOptions:
    """Tissue and image; lengths in pixels, light as a share of the full range.

    Attributes
    ----------
    height, width : of the image
    spacing : mean distance of the points that cells grow from
    joined : share of the points that belong to the cell of their nearest neighbour
    warp, warp_length : standard deviation and correlation length of the displacement of outlines
    membrane : width of a membrane
    faint, faint_length : how far membranes fade where they are cut at a slant (0 not at all, 1 here
        and there altogether), and over which length
    cell_level, cell_spread : light of the inside of a cell: mean, standard deviation between cells
    membrane_level : light of a membrane
    texture, texture_length : unevenness inside cells: standard deviation, correlation length
    organelles : mean number of them per cell
    organelle_radius : median half-length of an organelle
    blur : standard deviation of the point spread function
    noise : standard deviation of the camera's noise
    """

    height: int = option(128, 32, 8192)
    width: int = option(128, 32, 8192)
    spacing: float = option(26.0, 4, 1000)
    joined: float = option(0.3, 0, 1)
    warp: float = option(3.0, 0, 100)
    warp_length: float = option(12.0, 1, 1000)
    membrane: float = option(4.0, 1, 100)
    faint: float = option(0.4, 0, 1)
    faint_length: float = option(10.0, 1, 1000)
    cell_level: float = option(0.62, 0, 1)
    cell_spread: float = option(0.05, 0, 1)
    membrane_level: float = option(0.25, 0, 1)
    texture: float = option(0.06, 0, 1)
    texture_length: float = option(2.0, 0.5, 100)
    organelles: float = option(0.5, 0, 20)
    organelle_radius: float = option(5.0, 1, 100)
    blur: float = option(0.8, 0, 20)
    noise: float = option(0.05, 0, 1)


def membranes(seed: int, index: int, **options) -> Sample:
    """Draw sample `index` of a synthetic stack of sections.

    Parameters
    ----------
    seed : non-negative integer
    index : number of the sample
    options : fields of :class:`MembraneOptions`

    Returns
    -------
    Sample
        ``image`` (h, w, 1) uint8, ``semantic`` (h, w) uint8: 0 membrane, 1 cell.

    Raises
    ------
    ConfigError
        naming every wrong option.
    """
    return render_membranes(
        seed, index, build_options(MembraneOptions, options, "options of membranes")
    )


def render_membranes(seed: int, index: int, o: MembraneOptions) -> Sample:
    """As :func:`membranes`, with checked options."""
    rng = generator(seed, "synthetic/membranes", index)
    cells = draw_cells(rng, o)
    distance = membrane_distance(cells)
    semantic = np.where(distance <= o.membrane / 2, MEMBRANE, CELL).astype(np.uint8)
    image = _light(rng, cells, distance, o)
    return Sample(image[:, :, None], semantic)


def draw_cells(rng: np.random.Generator, o: MembraneOptions) -> np.ndarray:
    """(h, w) int32: the cell of each pixel, ids from 0; every pixel belongs to one."""
    # Points beyond the edge too, so that cells at the edge are like the others.
    margin = 3 * o.spacing + 4 * o.warp
    size = np.array([o.height, o.width]) + 2 * margin
    points = rng.uniform(-margin, size - margin, (max(2, round(size.prod() / o.spacing**2)), 2))
    tree = cKDTree(points)
    owner = np.arange(len(points))
    neighbour = tree.query(points, k=2)[1][:, 1]
    joins = rng.random(len(points)) < o.joined
    owner[joins] = neighbour[joins]
    shape = (o.height, o.width)
    warp = [o.warp * camera.band_noise(rng, shape, o.warp_length) for _ in range(2)]
    rows, columns = np.indices(shape, dtype=np.float64)
    places = np.stack([rows + warp[0], columns + warp[1]], axis=-1)
    return owner[tree.query(places)[1]].astype(np.int32)


def membrane_distance(cells: np.ndarray) -> np.ndarray:
    """(h, w) float32: distance in pixels to the line between two cells.

    The line runs between pixel centres, half a pixel from those on either side. Without any other
    cell the distance is infinite.
    """
    beside = np.zeros(cells.shape, bool)
    for axis in (0, 1):
        differs = np.diff(cells, axis=axis) != 0
        ends = [(0, 0), (0, 0)]
        for side in ((0, 1), (1, 0)):
            ends[axis] = side
            beside |= np.pad(differs, ends)
    if not beside.any():
        return np.full(cells.shape, np.inf, np.float32)
    return (distance_transform_edt(~beside) + 0.5).astype(np.float32)


def _light(
    rng: np.random.Generator, cells: np.ndarray, distance: np.ndarray, o: MembraneOptions
) -> np.ndarray:
    """The image (h, w) uint8 of cells and the distance to their outlines."""
    shape = cells.shape
    level = rng.normal(o.cell_level, o.cell_spread, cells.max() + 1)[cells]
    level += o.texture * camera.band_noise(rng, shape, o.texture_length)
    _draw_organelles(rng, level, distance, o)
    fading = np.clip(camera.band_noise(rng, shape, o.faint_length), 0, 1)
    contrast = (1 - o.faint * fading) * np.clip(o.membrane / 2 + 0.5 - distance, 0, 1)
    level += contrast * (o.membrane_level - level)
    level = camera.blur(level.astype(np.float32), o.blur)
    level += rng.normal(0, o.noise, shape)
    return np.clip(np.rint(255 * level), 0, 255).astype(np.uint8)


def _draw_organelles(
    rng: np.random.Generator, level: np.ndarray, distance: np.ndarray, o: MembraneOptions
) -> None:
    """Dark rims with a grey inside, where a cell has room for them; drawn into `level`."""
    count = rng.poisson(o.organelles * level.size / o.spacing**2)
    room = np.argwhere(distance > o.membrane / 2 + 0.6 * o.organelle_radius)
    for row, column in room[rng.integers(len(room), size=count)] if len(room) else []:
        length = o.organelle_radius * np.exp(0.25 * rng.normal())
        axes = (max(1, round(length)), max(1, round(0.6 * length)))
        angle = rng.uniform(0, 180)
        middle, rim = o.cell_level - rng.uniform(0.05, 0.2), o.membrane_level + 0.08
        where = (int(column), int(row))
        inside = np.zeros(level.shape, np.uint8)
        cv2.ellipse(inside, where, axes, angle, 0, 360, 1, -1)
        level[inside > 0] = middle + 0.5 * (level[inside > 0] - o.cell_level)
        edge = np.zeros(level.shape, np.uint8)
        cv2.ellipse(edge, where, axes, angle, 0, 360, 1, 1)
        level[edge > 0] = rim
