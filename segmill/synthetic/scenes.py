"""Colour scenes: textured shapes that hide one another, before a divided background.

What photographs ask of superpixels: edges of any contrast, shading and texture inside a region,
colours that recur on both sides of an edge. The truth is exact, of every pixel.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from segmill.labels import relabel
from segmill.options import build_options, option
from segmill.random import generator
from segmill.samples import Sample
from segmill.synthetic import camera

_SUBPIXEL_BITS = 4
# Corners of a smooth outline.
_CORNERS = 72


@dataclass(frozen=True)
class SceneOptions:
    """Options of synthetic scenes; lengths in pixels, levels and deviations as share of the range.

    Attributes
    ----------
    height, width : size of the image
    shapes : least and largest number of shapes drawn; later ones hide earlier ones
    radius : least and largest radius of a shape
    elongation : largest ratio of a shape's axes
    bands : least and largest number of bands that the background is divided into
    waviness : amplitude of the lines between them
    contrast : least distance of a shape's colour from that of what is behind its centre
    shading : largest change of the level from one end of the image to the other, per region
    texture : largest standard deviation of a region's texture
    texture_length : least and largest correlation length of the texture
    blur : standard deviation of the point spread function
    noise : standard deviation of the camera's noise, per channel
    """

    height: int = option(160, 32, 8192)
    width: int = option(240, 32, 8192)
    shapes: tuple[int, ...] = option((6, 14), 0, 1000)
    radius: tuple[float, ...] = option((10.0, 45.0), 1, 4096)
    elongation: float = option(2.0, 1, 10)
    bands: tuple[int, ...] = option((1, 3), 1, 100)
    waviness: float = option(8.0, 0, 1000)
    contrast: float = option(0.12, 0, 1)
    shading: float = option(0.25, 0, 1)
    texture: float = option(0.06, 0, 1)
    texture_length: tuple[float, ...] = option((1.0, 8.0), 0.5, 1000)
    blur: float = option(0.6, 0, 20)
    noise: float = option(0.02, 0, 1)

    def conflicts(self) -> list[str]:
        """Ranges have two ends in order."""
        ranges = {
            name: getattr(self, name) for name in ("shapes", "radius", "bands", "texture_length")
        }
        return [
            f"{name}: expected [least, largest], found {list(ends)}"
            for name, ends in ranges.items()
            if len(ends) != 2 or ends[0] > ends[1]
        ]


def scenes(seed: int, index: int, **options) -> Sample:
    """Draw synthetic scene `index`.

    Parameters
    ----------
    seed : non-negative integer
    index : number of the scene
    options : fields of :class:`SceneOptions`

    Returns
    -------
    Sample
        ``image`` (h, w, 3) uint8 RGB; ``instances`` (h, w) int32, the visible part of each shape
        and of each band of the background, 1 .. n: every pixel has one, and what hides a shape may
        part it.

    Raises
    ------
    ConfigError
        naming every wrong option.
    """
    return render_scene(seed, index, build_options(SceneOptions, options, "options of scenes"))


def render_scene(seed: int, index: int, o: SceneOptions) -> Sample:
    """As :func:`scenes`, with checked options."""
    rng = generator(seed, "synthetic/scenes", index)
    regions, colours = _layout(rng, o)
    light = _light(rng, regions, colours, o)
    light = np.stack([camera.blur(light[:, :, k].copy(), o.blur) for k in range(3)], axis=2)
    light += o.noise * rng.standard_normal(light.shape, dtype=np.float32)
    image = np.clip(np.rint(255 * light), 0, 255).astype(np.uint8)
    return Sample(image, instances=relabel(regions))


def _layout(rng: np.random.Generator, o: SceneOptions) -> tuple[np.ndarray, np.ndarray]:
    """(h, w) int32 region of each pixel, from 1, and the (n + 1, 3) colour of each region."""
    regions = _background(rng, o)
    colours = [np.zeros(3), *rng.uniform(0.1, 0.9, (int(regions.max()), 3))]
    for _ in range(int(rng.integers(o.shapes[0], o.shapes[1] + 1))):
        centre = rng.uniform(0, (o.height, o.width))
        behind = colours[regions[int(centre[0]), int(centre[1])]]
        outline = _outline(rng, centre, o)
        fixed = np.rint(outline[:, ::-1] * 2**_SUBPIXEL_BITS).astype(np.int32)
        cv2.fillPoly(regions, [fixed], len(colours), shift=_SUBPIXEL_BITS)
        colours.append(_other_colour(rng, behind, o.contrast))
    return regions, np.array(colours, np.float32)


def _background(rng: np.random.Generator, o: SceneOptions) -> np.ndarray:
    """Wavy bands from the top to the bottom, or from left to right; (h, w) int32 from 1."""
    shape = (o.height, o.width)
    axis = int(rng.integers(2))
    count = int(rng.integers(o.bands[0], o.bands[1] + 1))
    ends = np.sort(rng.uniform(0.1, 0.9, count - 1)) * shape[axis]
    place = np.indices(shape)[axis] + o.waviness * camera.band_noise(rng, shape, min(shape) / 6)
    return 1 + np.searchsorted(ends, place).astype(np.int32)


def _outline(rng: np.random.Generator, centre: np.ndarray, o: SceneOptions) -> np.ndarray:
    """(n, 2) row and column of the corners of a smooth blob or a polygon."""
    angular = rng.random() < 0.4
    corners = int(rng.integers(3, 7)) if angular else _CORNERS
    turns = 2 * np.pi * (np.arange(corners) + (rng.uniform(-0.3, 0.3, corners) * angular)) / corners
    phases = rng.uniform(0, 2 * np.pi, 3)
    bumps = sum(rng.normal(0, 0.12 / k) * np.cos(k * turns + phases[k - 2]) for k in (2, 3, 4))
    radius = np.exp(rng.uniform(*np.log(o.radius)))
    stretch = np.sqrt(np.exp(rng.uniform(0, np.log(o.elongation))))
    points = radius * (1 + bumps)[:, None] * np.stack([np.sin(turns), np.cos(turns)], axis=1)
    points *= (stretch, 1 / stretch)
    angle = rng.uniform(0, np.pi)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return centre + points @ rotation.T


def _other_colour(rng: np.random.Generator, behind: np.ndarray, least: float) -> np.ndarray:
    """A colour at least so far from another one, of several drawn the first that is."""
    drawn = rng.uniform(0.05, 0.95, (16, 3))
    far = np.linalg.norm(drawn - behind, axis=1) / np.sqrt(3) >= least
    return drawn[int(far.argmax())]


def _light(
    rng: np.random.Generator, regions: np.ndarray, colours: np.ndarray, o: SceneOptions
) -> np.ndarray:
    """(h, w, 3) float32: colours with a slope and a texture of its own in each region."""
    n = len(colours)
    rows, columns = np.indices(regions.shape, dtype=np.float32) / max(regions.shape) - 0.5
    slopes = (o.shading * rng.uniform(-1, 1, (2, n))).astype(np.float32)
    shade = slopes[0][regions] * rows + slopes[1][regions] * columns
    # Few fields of texture for many regions, each as strong as it is in its region.
    fields = np.stack([_texture(rng, regions.shape, o) for _ in range(3)])
    strength = (o.texture * rng.random(n)).astype(np.float32)
    texture = np.take_along_axis(fields, rng.integers(3, size=n)[regions][None], axis=0)[0]
    return colours[regions] + (shade + strength[regions] * texture)[:, :, None]


def _texture(rng: np.random.Generator, shape: tuple[int, int], o: SceneOptions) -> np.ndarray:
    length = np.exp(rng.uniform(*np.log(o.texture_length)))
    return camera.band_noise(rng, shape, float(length))
