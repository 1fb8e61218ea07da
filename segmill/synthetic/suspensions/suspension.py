"""Images of dense suspensions: spheres in a dyed liquid that a sheet of light cuts."""

import numpy as np

from segmill.discs import discs
from segmill.labels import relabel
from segmill.options import build_options
from segmill.particles import particle_targets
from segmill.random import generator
from segmill.samples import Sample
from segmill.synthetic.camera import band_noise, blur, expose
from segmill.synthetic.suspensions.optics import dimming, in_front, light, shadows, streaks
from segmill.synthetic.suspensions.options import SuspensionOptions
from segmill.synthetic.suspensions.scene import Scene, draw_scene
from segmill.synthetic.suspensions.specks import kill_pixels, specks
from segmill.synthetic.suspensions.truth import (
    HALO,
    annotated_radii,
    owners,
    profiles,
    spots,
)

# Quarter turns from the frame of the light to that of the image.
TURNS = {"top": 0, "left": 1, "bottom": 2, "right": 3}
CENTRE_SIGMA = 2.0
# Blur of the shadows of spheres next to the sheet by being out of focus, over the mean radius.
SHADOW_BLUR = 0.15
# Over the mean radius: what varies over more is no spot but the light around.
AROUND = 1.5
# Heights over the sheet of spheres that can make a spot: their radius and this many sheets.
SHEETS = 3.0


def suspension_options(**options) -> SuspensionOptions:
    """The options, checked.

    Raises
    ------
    ConfigError
        naming every unknown option and every value out of range, with the legal ones.
    """
    return build_options(SuspensionOptions, options, "options of synthetic suspensions")


def particles(seed: int, index: int = 0, sigma: float = CENTRE_SIGMA, **options) -> Sample:
    """One synthetic image of a dense suspension with perfect instances.

    Spheres that do not overlap lie in a dyed liquid; a sheet of light makes the liquid glow, and
    the camera looks across the sheet. A sphere cut through its middle is a large dark disc, one
    that the sheet only grazes a small and faint one. Spheres bend the light, which makes stripes.

    Parameters
    ----------
    seed : of the data set
    index : of the sample; together with the seed it decides every random draw
    sigma : standard deviation in pixels of the Gaussians of the map of centres
    options : fields of :class:`SuspensionOptions`

    Returns
    -------
    Sample
        image (h, w, 3) uint8, three equal channels as a grey camera's file; instances (h, w) int32,
        discs with ids 1 .. n; target (h, w, 2) float32, see
        :func:`segmill.particles.particle_targets`; notes ``particles`` (number of instances),
        ``radius`` (mean radius of the spheres, px) and ``volume_fraction``, as drawn.

    Raises
    ------
    ConfigError
        for unknown options and values out of range, all at once.

    Examples
    --------
    >>> sample = particles(1, height=64, width=96)
    >>> sample.image.shape, sample.image.dtype.name, sample.target.shape
    ((64, 96, 3), 'uint8', (64, 96, 2))
    """
    return render_particles(seed, index, suspension_options(**options), sigma)


def render_particles(seed: int, index: int, options: SuspensionOptions, sigma: float) -> Sample:
    """As :func:`particles`, with options already checked by :func:`suspension_options`."""
    rng = generator(seed, "synthesize", index)
    scene = draw_scene(rng, options)
    turns = TURNS[scene.side]
    signal, dimmed = _signal(rng, scene, options)
    image = np.rot90(_camera(rng, scene, signal), turns)
    instances = np.ascontiguousarray(np.rot90(_instances(scene, options, dimmed), turns))
    return Sample(
        image=np.repeat(np.ascontiguousarray(image)[:, :, None], 3, 2),
        instances=instances,
        target=particle_targets(instances, sigma),
        notes={
            "particles": int(instances.max()),
            "radius": scene.values["radius"],
            "volume_fraction": scene.values["volume_fraction"],
        },
    )


def _instances(scene: Scene, options: SuspensionOptions, dimmed: np.ndarray) -> np.ndarray:
    """The labels of the particles that an annotator marks, in the frame of the light.

    `dimmed` (rows, columns) float32 is what the particles take from the light around, as a share of
    it, with the scene's margin on each side.
    """
    values = scene.values
    inside = 1 - values["haze"]
    near = np.abs(scene.centres[:, 2]) < scene.radii + SHEETS * scene.sheets
    centres, radii = scene.centres[near], scene.radii[near]
    places, alone = profiles(
        radii, centres[:, 2], scene.sheets[near], values["blur"], values["halo"]
    )
    seen = np.ascontiguousarray(blur(dimmed, options.annotated_eye), np.float32)
    # Particles as bright as the liquid show nowhere.
    marked, depth = spots(seen, options.annotated_depth * inside if inside > 0 else np.inf)
    owner = owners(marked - scene.margin, centres[:, :2], radii, alone[:, 0])
    found = owner >= 0
    owner, depth = owner[found], depth[found] / inside
    drawn = annotated_radii(
        places, alone[owner], depth, options.annotated_own, options.annotated_edge
    )
    drawn = np.where(drawn < options.annotated_radius, 0, drawn)
    return relabel(discs(centres[owner, :2], drawn, scene.shape))


def _signal(rng, scene: Scene, options: SuspensionOptions) -> tuple[np.ndarray, np.ndarray]:
    """Grey levels without noise, (h, w) float32, and what the particles take of them.

    Both in the frame of the light, the latter (see :func:`_instances`) with the margin.
    """
    values, margin = scene.values, scene.margin
    shape = tuple(side + 2 * margin for side in scene.shape)
    centres = np.add(scene.centres, (margin, margin, 0))
    opacities = 1 - np.clip(rng.normal(0, values["tint"], len(centres)), 0, 1)
    growth = values["sheet_growth"] / 1000
    inside = dimming(centres, scene.radii, opacities, scene.sheet, growth, shape)
    glow = light(
        inside,
        values["stripes"],
        round(values["upstream"]),
        options.stripe_width,
        values["stripe_length"],
    )
    glow *= streaks(rng, shape, values["streaks"], values["stripe_length"])
    glow *= np.exp(-values["attenuation"] / 1000 * blur(np.cumsum(inside, 0), 1.5))
    glow *= _unevenness(rng, shape, values["unevenness"])
    # What is seen inside the particles is light scattered from all around.
    around = blur(glow, 3 * values["radius"])
    image = values["haze"] * around + (1 - values["haze"]) * glow * (1 - inside)
    clear = values["haze"] * around + (1 - values["haze"]) * glow
    nearest = 1.5 * values["radius"]
    shadow = blur(shadows(centres, scene.radii, nearest, shape), SHADOW_BLUR * values["radius"])
    image *= 1 - values["shadow"] * np.minimum(shadow, 1)
    cover = in_front(centres, scene.radii, nearest, shape)
    cover = 1 - values["out_of_focus"] * cover / max(1.0, cover.max())
    image *= cover
    # Streaks and stripes are narrower than particles: to an eye they are part of a spot.
    clear = blur(clear * cover, AROUND * values["radius"])
    dimmed = 1 - _spread(image, values) / clear
    image = image[margin:-margin, margin:-margin]
    image = _behind_walls(np.ascontiguousarray(image), scene)
    image += specks(rng, scene.shape, values["specks"], values["radius"])
    return values["background"] * _spread(image, values), dimmed


def _spread(image: np.ndarray, values: dict[str, float]) -> np.ndarray:
    """The image of the lens: a sharp core, and a halo around it."""
    halo = np.float32(values["halo"])
    wide = blur(image, HALO * values["blur"])
    return (1 - halo) * blur(image, values["blur"]) + halo * wide


def _unevenness(rng, shape, loss: float) -> np.ndarray:
    """Relative light over the image, 1 to about 1 - `loss`: a slope and slow waves."""
    rows = np.linspace(-0.5, 0.5, shape[0], dtype=np.float32)[:, None]
    columns = np.linspace(-0.5, 0.5, shape[1], dtype=np.float32)[None]
    angle = rng.uniform(0, 2 * np.pi)
    field = np.float32(np.sin(angle)) * rows + np.float32(np.cos(angle)) * columns
    field = field + 0.2 * band_noise(rng, shape, 0.25 * min(shape))
    field -= field.max()
    return 1 + np.float32(loss) * field / max(-field.min(), 1e-9)


def _behind_walls(image: np.ndarray, scene: Scene) -> np.ndarray:
    """The image with the walls of the channel, dark beyond an edge a few pixels wide."""
    rows = np.arange(scene.shape[0], dtype=np.float32)[:, None]
    first, last = scene.walls.astype(np.float32)
    if not np.isfinite(scene.walls).any():
        return image
    depth = np.minimum(rows - first, last - rows)
    seen = 1 / (1 + np.exp(-np.clip(depth, -60, 60) / 2))
    return image * (0.35 + 0.65 * seen)


def _camera(rng, scene: Scene, signal: np.ndarray) -> np.ndarray:
    """What the camera makes of grey levels without noise: (h, w) uint8."""
    values = scene.values
    electrons = np.maximum(signal, 0) / values["gain"]
    read_noise = values["read_noise"] / values["gain"]
    image = expose(rng, electrons, values["gain"], 0, read_noise, 8)
    return kill_pixels(rng, image, values["dead_pixels"])
