"""Synthetic sweeps: images of one sample over omega with their exact truth."""

from functools import lru_cache

import numpy as np
import pandas as pd

from segmill.clicks import heat_map
from segmill.notions import BEAMLINE, pack_named
from segmill.options import build_options
from segmill.random import generator
from segmill.samples import Sample
from segmill.synthetic.beamline.geometry import axis_of, slab_shift, turn, turn_point
from segmill.synthetic.beamline.optics import attenuate, record
from segmill.synthetic.beamline.options import BeamlineOptions
from segmill.synthetic.beamline.scene import Scene, draw_scene, empty_field
from segmill.synthetic.beamline.shapes import Area

WHERE = "options of the synthetic beamline"


def beamline_options(**options) -> BeamlineOptions:
    """The options, checked.

    Raises
    ------
    ConfigError
        naming every unknown option and every value out of range, with the legal ones.
    """
    return build_options(BeamlineOptions, options, WHERE)


def beamline_sweep(seed: int, index: int = 0, **options) -> list[Sample]:
    """Images of one synthetic sample over omega.

    Every notion is the exact projection of its part, parts behind others included. The loop is its
    fibre, the area inside it, its drop and its frost; loop_inside is the area that the fibre does
    not cover; what the pin holds inside it or hides of stem and capillary is not theirs. The
    foreground is the union of the notions: what annotators outline. Dust on the optics, bubbles and
    precipitate are none of it.

    Parameters
    ----------
    seed : of the data set
    index : of the scene; together with the seed it decides every random draw
    options : fields of :class:`~segmill.synthetic.beamline.BeamlineOptions`; `frames` is the
        number of samples

    Returns
    -------
    list of Sample
        image (h, w, 3) uint8, red green blue; notions (h, w) uint16, bits in the order of
        `segmill.notions.BEAMLINE`; target (h, w, 1) float16, the heat map of the click, zeros
        where there is nothing to click on in the image; notes:

        - ``omega`` (deg), ``zoom``, ``mm_per_px``
        - ``click_row``, ``click_column`` : where a user would click, px; NaN where nowhere
        - ``clicked`` : ``crystal``, ``loop`` (an empty one) or ``nothing``
        - ``axis`` : horizontal or vertical; ``enters_from`` : left, right, top or bottom
        - ``axis_px`` : row (column) of the rotation axis; ``along_origin_px`` : column (row) of the
          middle of the image, from which lengths along the axis count
        - ``centre_along_mm``, ``centre_x_mm``, ``centre_y_mm`` : the point to be centred. Along
          grows with the image's columns (rows); x and y turn with the sample, so that the point
          lies ``x cos(omega) + y sin(omega)`` across the axis; NaN where there is nothing
        - ``slab_n``, ``slab_front_mm``, ``slab_back_mm``, ``slab_beta`` (deg) : refractive index
          of the medium, depths of the point below its faces (0 in no medium), and the angle at
          which the front face looks at the camera, 0 to 180. The point appears at
          ``axis_px + (x cos(omega) + y sin(omega) - shift) / mm_per_px`` with the shift of
          :func:`~segmill.synthetic.beamline.geometry.slab_shift`

    Raises
    ------
    ConfigError
        for unknown options and values out of range, all at once.

    Examples
    --------
    >>> sweep = beamline_sweep(1, frames=2, height=64, width=96)
    >>> len(sweep), sweep[0].image.shape, sweep[1].notes["omega"] - sweep[0].notes["omega"]
    (2, (64, 96, 3), 180.0)
    """
    settings = beamline_options(**options)
    return [render_frame(seed, index, frame, settings) for frame in range(settings.frames)]


def beamline_tracks(seed: int, index: int = 0, **options) -> pd.DataFrame:
    """Where the point to be centred appears over omega, without noise and without an image.

    Parameters
    ----------
    seed, index, options : as of :func:`beamline_sweep`

    Returns
    -------
    DataFrame
        one row per frame: ``omega`` (deg), ``row``, ``column`` (px, also outside the image),
        ``along`` and ``across`` (mm from the middle of the image and from the rotation axis),
        ``circle`` and ``shift`` (mm), across = circle - shift; NaN where nothing is there.
    """
    settings = beamline_options(**options)
    return _tracks(draw_scene(seed, index, settings))


def beamline_loop(seed: int, index: int = 0, **options) -> np.ndarray:
    """The middle line of a scene's loop: where its neck and its tip lie in the sample frame.

    Parameters
    ----------
    seed, index, options : as of :func:`beamline_sweep`

    Returns
    -------
    (2, 3) float64
        along, x, y (mm) of neck and tip, as those of the notes ``centre_along_mm``,
        ``centre_x_mm``, ``centre_y_mm``; loops are symmetrical about the line between. NaN in a
        scene without a loop.
    """
    scene = draw_scene(seed, index, beamline_options(**options))
    areas = [part.shape.points for part in scene.parts if isinstance(part.shape, Area)]
    if not areas:
        return np.full((2, 3), np.nan)
    along = areas[0][:, 0]
    ends = areas[0][[np.argmin(along), np.argmax(along)]]
    return ends * (_direction(scene), 1, 1)


def render_frame(seed: int, index: int, frame: int, options: BeamlineOptions) -> Sample:
    """Frame `frame` of scene `index`; :func:`beamline_sweep` with options already checked."""
    scene, field = _scene(seed, index, options)
    view, light = scene.view(frame), field.copy()
    masks: dict[str, np.ndarray] = {}
    for part in scene.parts:
        layer = part.shape.layer(view)
        if layer is None:
            continue
        for name in part.notions:
            masks.setdefault(name, np.zeros(scene.shape, bool))[layer.window] |= layer.mask
        if part.material is not None:
            attenuate(light, layer, part.material, scene.scope)
        for name in part.hides:
            if name in masks:
                masks[name][layer.window] &= ~layer.mask
    rng = generator(seed, "beamline noise", index, frame)
    notions = pack_named(masks, BEAMLINE, scene.shape)
    shape = (options.height, options.width)
    notes = _notes(scene, frame, shape)
    click = None
    if np.isfinite(notes["click_row"]):
        click = (notes["click_row"], notes["click_column"])
    heat = heat_map(shape, click, options.click_sigma / scene.mm_per_px)
    return Sample(
        image=turn(record(rng, light, options.noise), scene.enters_from),
        notions=turn(notions, scene.enters_from),
        target=heat[..., None].astype(np.float16),
        notes=notes,
    )


@lru_cache(maxsize=2)
def _scene(seed: int, index: int, options: BeamlineOptions) -> tuple[Scene, np.ndarray]:
    """A scene and its empty field, kept for the frames that follow."""
    scene = draw_scene(seed, index, options)
    return scene, empty_field(scene, seed, index, options)


def _tracks(scene: Scene) -> pd.DataFrame:
    omega = np.deg2rad(scene.omegas)
    along, x, y = scene.centre
    circle = x * np.cos(omega) + y * np.sin(omega)
    slab = scene.slab
    shift = slab_shift(omega - slab.beta, slab.n, slab.front, slab.back)
    rows = scene.axis_px + (circle - shift) / scene.mm_per_px
    columns = np.full(len(omega), scene.origin_px + along / scene.mm_per_px)
    rows, columns = turn_point(rows, columns, scene.shape, scene.enters_from)
    return pd.DataFrame(
        {
            "omega": scene.omegas,
            "row": rows,
            "column": columns,
            "along": _direction(scene) * along,
            "across": circle - shift,
            "circle": circle,
            "shift": shift,
        }
    )


def _direction(scene: Scene) -> int:
    """Sign of the direction along the axis in which the image's columns (rows) grow."""
    return -1 if scene.enters_from in ("right", "bottom") else 1


def _notes(scene: Scene, frame: int, shape: tuple[int, int]) -> dict:
    """The columns of the store's table that :func:`beamline_sweep` describes."""
    track = _tracks(scene).iloc[frame]
    row, column = float(track["row"]), float(track["column"])
    is_seen = -0.5 <= row < shape[0] - 0.5 and -0.5 <= column < shape[1] - 0.5
    row, column = (row, column) if is_seen else (np.nan, np.nan)
    return {
        "omega": float(scene.omegas[frame]),
        "zoom": int(scene.zoom),
        "mm_per_px": scene.mm_per_px,
        "click_row": row,
        "click_column": column,
        "clicked": scene.clicked,
        "axis": axis_of(scene.enters_from),
        "enters_from": scene.enters_from,
        "axis_px": scene.axis_px,
        "along_origin_px": scene.origin_px,
        "centre_along_mm": float(track["along"]),
        "centre_x_mm": float(scene.centre[1]),
        "centre_y_mm": float(scene.centre[2]),
        "slab_n": scene.slab.n,
        "slab_front_mm": scene.slab.front,
        "slab_back_mm": scene.slab.back,
        "slab_beta": float(np.rad2deg(scene.slab.beta)),
    }
