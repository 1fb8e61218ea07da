"""Bright-field images of transparent and opaque shapes.

A ray that crosses a shape of relative index dn and thickness L(row, column) is bent by the angle
dn grad L. The lens gathers what stays within its aperture, and the lamp is a little oblique, so
that a fibre has dark outlines and a bright core, a drop a dark margin and a bright middle, and a
crystal faces of different grey with dark edges. Each shape multiplies the light behind it, blurred
by its distance from the plane of focus.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from segmill.synthetic.beamline.shapes import Layer

# Blur above this many pixels works on a smaller grid: nothing finer is left of it.
LARGEST_SIGMA = 4.0


@dataclass(frozen=True)
class Material:
    """What a shape does to light.

    Attributes
    ----------
    contrast : refractive index less that of its surroundings
    opacity : share of the light that is lost whatever the angle
    tint : absorption of red, green and blue per mm
    edge : loss at the edges between faces, per unit of the second derivative of the thickness
    grain : relative depth of a texture fixed to the camera, 0 for none
    glint : brightness of light reflected from the front, as a share of the lamp
    """

    contrast: float = 0.0
    opacity: float = 0.0
    tint: tuple[float, float, float] = (0.0, 0.0, 0.0)
    edge: float = 0.0
    grain: float = 0.0
    glint: float = 0.0


@dataclass(frozen=True)
class Microscope:
    """How one frame is seen.

    Attributes
    ----------
    mm_per_px : side of a pixel in the sample
    focus : depth of the plane of focus, mm
    blur_rate : standard deviation of the blur over the distance from that plane
    resolution : standard deviation of the blur in that plane, mm
    acceptance : angle of bending that loses most of the light
    oblique : slope of the lamp along columns and rows
    texture : (s, s) float32 in -1..1, wrapped around, for grained materials
    """

    mm_per_px: float
    focus: float
    blur_rate: float
    resolution: float
    acceptance: float
    oblique: tuple[float, float]
    texture: np.ndarray

    def sigma(self, depth: float | np.ndarray) -> float | np.ndarray:
        """Blur in pixels of a shape at a depth in mm."""
        return np.hypot((depth - self.focus) * self.blur_rate, self.resolution) / self.mm_per_px


def attenuate(image: np.ndarray, layer: Layer, material: Material, scope: Microscope) -> None:
    """Put a shape into the light (h, w, 3) float32, in place."""
    sigma = scope.sigma(layer.depth)
    layer = _padded(layer, int(np.ceil(3 * np.max(sigma))) + 2, image.shape[:2])
    sigma = scope.sigma(layer.depth)
    passed = defocus(_transmission(layer, material, scope), sigma)
    part = image[layer.window]
    if any(material.tint):
        length = layer.thickness * np.float32(scope.mm_per_px)
        for channel, tint in enumerate(material.tint):
            part[..., channel] *= passed * defocus(np.exp(length * np.float32(-tint)), sigma)
    else:
        part *= passed[..., None]
    if material.glint:
        part += defocus(_glint(layer, material, scope), sigma)[..., None]


def defocus(image: np.ndarray, sigma: float | np.ndarray) -> np.ndarray:
    """Blur of a (h, w) float32 image by `sigma` pixels, one value or (h, w).

    Where sigma varies, the image is blurred by its least and largest value and mixed.
    """
    least, largest = float(np.min(sigma)), float(np.max(sigma))
    if largest - least < 0.3:
        return blur(image, (least + largest) / 2)
    share = ((sigma - least) / (largest - least)).astype(np.float32)
    sharp = blur(image, least)
    return sharp + share * (blur(image, largest) - sharp)


def _transmission(layer: Layer, material: Material, scope: Microscope) -> np.ndarray:
    """Share of the light that reaches the camera, (h, w) float32."""
    passed = np.ones(layer.mask.shape, np.float32)
    if material.contrast:
        scale = material.contrast / scope.acceptance
        slope = [
            cv2.Sobel(layer.thickness, cv2.CV_32F, 1 - k, k, ksize=1, scale=scale / 2)
            - np.float32(scope.oblique[k])
            for k in (0, 1)
        ]
        bent = slope[0] ** 2 + slope[1] ** 2 - np.float32(np.square(scope.oblique).sum())
        passed = np.minimum(cv2.exp(bent * np.float32(-0.5)), np.float32(1.2))
        # Scattered light fills the deepest shadows a little.
        passed = np.where(layer.mask, np.maximum(passed, np.float32(0.03)), passed)
    if material.edge:
        bend = np.abs(cv2.Laplacian(layer.thickness, cv2.CV_32F))
        passed *= cv2.exp(np.minimum(bend, 4) * np.float32(-material.edge))
    if material.opacity:
        lost = np.float32(material.opacity)
        if material.grain:
            lost = lost - np.float32(material.grain) * _texture(layer, scope)
        passed *= np.where(layer.mask, 1 - np.clip(lost, 0, 0.99), np.float32(1))
    return passed


def _glint(layer: Layer, material: Material, scope: Microscope) -> np.ndarray:
    """Reflected light, grey levels (h, w) float32: highlights along the shape, broken by grain."""
    height = layer.mask.shape[0]
    rows = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    band = np.exp(-(((rows + 0.1) / 0.12) ** 2)) + 0.35 * np.exp(-(((rows - 0.5) / 0.15) ** 2))
    speckle = np.maximum(_texture(layer, scope) - 0.15, 0) * 2
    return np.where(layer.mask, np.float32(255 * material.glint) * (band * speckle), 0).astype(
        np.float32
    )


def _texture(layer: Layer, scope: Microscope) -> np.ndarray:
    """The texture under a window, (h, w)."""
    side = len(scope.texture)
    rows, columns = layer.window
    return scope.texture[
        (np.arange(rows.start, rows.stop) % side)[:, None],
        np.arange(columns.start, columns.stop) % side,
    ]


def _padded(layer: Layer, margin: int, shape: tuple[int, int]) -> Layer:
    """The layer in a window that is larger on all sides, as far as the image reaches."""
    rows, columns = layer.window
    above, left = min(margin, rows.start), min(margin, columns.start)
    below, right = min(margin, shape[0] - rows.stop), min(margin, shape[1] - columns.stop)
    sides = ((above, below), (left, right))
    depth = layer.depth
    if np.ndim(depth):
        depth = np.pad(depth, sides, mode="edge")
    return Layer(
        layer.row - above,
        layer.column - left,
        np.pad(layer.mask, sides),
        np.pad(layer.thickness, sides),
        depth,
    )


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of a (h, w) float32 image, the edge continued; `sigma` in pixels."""
    if sigma < 0.3:
        return image
    step = min(int(sigma / LARGEST_SIGMA * 2), min(image.shape) // 2)
    if step < 2:
        return cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    height, width = image.shape
    small = cv2.resize(image, (-(-width // step), -(-height // step)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / step, borderType=cv2.BORDER_REPLICATE)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def record(rng: np.random.Generator, light: np.ndarray, noise: float) -> np.ndarray:
    """An 8-bit colour image of the light (h, w, 3) in grey levels, with shot and read noise.

    The noise has the variance 0.4 + 0.018 level, times `noise` squared; neighbouring pixels share a
    part of it, as after demosaicing.
    """
    if noise:
        grain = rng.standard_normal(light.shape, dtype=np.float32)
        grain = cv2.GaussianBlur(grain, (3, 3), 0.5)
        # The kernel leaves this share of the standard deviation.
        kernel = cv2.getGaussianKernel(3, 0.5)
        grain *= np.float32(noise / (kernel**2).sum())
        light = light + grain * np.sqrt(np.maximum(light, 0) * np.float32(0.018) + np.float32(0.4))
    return np.clip(np.rint(light), 0, 255).astype(np.uint8)
