"""Augmentation on one thread: Segmill against albumentations and scipy.

Each varies 256 x 256 x 3 uint8 crops with a mask by the same operations: elastic deformation (alpha
60, sigma 4), affine (rotation, zoom, shear), flips with probability 1/2, brightness. Everything is
drawn anew for every sample, drawing included in the time. Segmill resamples once, through one
coordinate map; albumentations and the scipy version resample twice, as their users write it. All
are measured in the same rounds, one after another; printed are medians and ratios of those rounds.

A second table gives the time of views of a beamline, 256 x 320 x 3 with 8 notions and a click,
moved as config/recipes/beamline.yaml says: before their own background, before another one, and the
estimate of a view's own light, which is made once for all of its copies.

Usage: python benchmarks/augmentation.py [--samples 100] [--rounds 7]
"""

import argparse
import statistics
import time

import albumentations
import cv2
import numpy as np
from scipy import ndimage
from skimage import color, data, filters

from segmill.augment import Level, apply, draw
from segmill.augment.background_options import BackgroundOptions, GeneratedOptions
from segmill.augment.backgrounds import Backgrounds, sample_light
from segmill.clicks import heat_map
from segmill.notions import BEAMLINE, pack_named
from segmill.samples import Sample

SIZE = 256
VIEW = (256, 320)
ALPHA, SIGMA = 60, 4
ROTATION, ZOOM, SHEAR = (-180, 180), (0.8, 1.25), (-8, 8)
BRIGHTNESS = (-0.2, 0.2)
TARGETS = {"albumentations": 2.0, "scipy": 10.0}


def crops(n: int) -> list[Sample]:
    """Random crops of photographs with an Otsu mask each."""
    sources = [data.astronaut(), data.coffee(), data.chelsea(), data.rocket()]
    made = []
    for i in range(n):
        rng, source = np.random.default_rng(i), sources[i % len(sources)]
        y, x = (rng.integers(0, side - SIZE + 1) for side in source.shape[:2])
        image = np.ascontiguousarray(source[y : y + SIZE, x : x + SIZE])
        grey = color.rgb2gray(image)
        made.append(Sample(image, semantic=(grey > filters.threshold_otsu(grey)).astype(np.uint8)))
    return made


def segmill_way():
    """One draw, one coordinate map, one resampling."""
    level = Level(
        "benchmark", flip=0.5, rotation=ROTATION, zoom=ZOOM, shear=SHEAR, alpha=(ALPHA, ALPHA),
        sigma=SIGMA, brightness=BRIGHTNESS,
    )  # fmt: skip
    rng = np.random.default_rng(0)

    def vary(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
        out = apply(sample, draw(level, rng), (0, 0, SIZE, SIZE), rng)
        return out.image, out.semantic

    return vary


def albumentations_way():
    """A pipeline of its transforms."""
    mirror = cv2.BORDER_REFLECT_101
    pipeline = albumentations.Compose(
        [
            albumentations.ElasticTransform(alpha=ALPHA, sigma=SIGMA, border_mode=mirror, p=1),
            albumentations.Affine(
                rotate=ROTATION, scale=ZOOM, shear={"x": SHEAR, "y": 0}, border_mode=mirror, p=1
            ),
            albumentations.HorizontalFlip(p=0.5),
            albumentations.VerticalFlip(p=0.5),
            albumentations.RandomBrightnessContrast(BRIGHTNESS, (0, 0), p=1),
        ],
        seed=0,
    )

    def vary(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
        out = pipeline(image=sample.image, mask=sample.semantic)
        return out["image"], out["mask"]

    return vary


def scipy_way():
    """map_coordinates for the elastic deformation, then affine_transform."""
    rng = np.random.default_rng(0)
    grid = np.mgrid[:SIZE, :SIZE].astype(np.float64)

    def warp(plane, coordinates, matrix, offset, order):
        plane = ndimage.map_coordinates(plane, coordinates, order=order, mode="mirror")
        return ndimage.affine_transform(plane, matrix, offset, order=order, mode="mirror")

    def vary(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
        noise = rng.uniform(-1, 1, (2, SIZE, SIZE))
        coordinates = grid + ALPHA * np.stack([ndimage.gaussian_filter(n, SIGMA) for n in noise])
        angle, shear = np.radians(rng.uniform(*ROTATION)), np.radians(rng.uniform(*SHEAR))
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        matrix = np.array([[1, 0], [-np.tan(shear), 1]]) @ turn / rng.uniform(*ZOOM)
        offset = (np.eye(2) - matrix) @ np.full(2, (SIZE - 1) / 2)
        planes = [
            warp(sample.image[..., c], coordinates, matrix, offset, 1)
            for c in range(sample.image.shape[2])
        ]
        image = np.stack(planes, axis=2)
        mask = warp(sample.semantic, coordinates, matrix, offset, 0)
        for axis in (0, 1):
            if rng.random() < 0.5:
                image, mask = np.flip(image, axis), np.flip(mask, axis)
        image = np.clip(image + 255 * rng.uniform(*BRIGHTNESS), 0, 255).astype(np.uint8)
        return np.ascontiguousarray(image), np.ascontiguousarray(mask)

    return vary


def view() -> Sample:
    """A view of a beamline: an ellipse with a stem before a photograph's smoothed light."""
    light = cv2.GaussianBlur(data.coffee()[:256, :320], (0, 0), 40)
    loop, stem = np.zeros(VIEW, np.uint8), np.zeros(VIEW, np.uint8)
    cv2.ellipse(loop, (140, 120), (60, 30), 0, 0, 360, 1, -1)
    stem[112:128, 190:] = 1
    image = np.where((loop | stem)[:, :, None] > 0, light // 2, light)
    masks = {"loop": loop > 0, "stem": stem > 0}
    return Sample(
        image,
        notions=pack_named(masks, BEAMLINE, VIEW),
        target=heat_map(VIEW, (120, 140), 10)[:, :, None].astype(np.float16),
    )


def beamline_ways() -> dict:
    """Variations of a view, and what is made once for each view."""
    level = Level(
        "varied", flip=0.5, transpose=0.5, shift=(-0.1, 0.1), rotation=(-15, 15), zoom=(0.8, 1.25),
        shear=(-5, 5), channel_swap=0.1, grey=0.1, brightness=(-0.1, 0.1), contrast=(0.9, 1.1),
    )  # fmt: skip
    rng, sample = np.random.default_rng(0), view()
    options = BackgroundOptions(generate=GeneratedOptions())
    backgrounds = Backgrounds(options, 0, 3, np.uint8, VIEW)
    own = sample_light(sample, BEAMLINE, options)
    box = (0, 0, *VIEW)

    def swapped() -> Sample:
        scene = backgrounds.scene(backgrounds.draw(np.nan, 1.0, rng), own)
        return apply(sample, draw(level, rng), box, rng, scene=scene, click=(120, 140))

    return {
        "own background": lambda: apply(sample, draw(level, rng), box, rng, click=(120, 140)),
        "another background": swapped,
        "estimate of its light": lambda: sample_light(sample, BEAMLINE, options),
    }


def measure_beamline(samples: int, rounds: int) -> None:
    """Print the median time of each way."""
    ways = beamline_ways()
    seconds = {name: [] for name in ways}
    for make in ways.values():
        for _ in range(samples):  # compiles, and fills the cache of backgrounds
            make()
    for _ in range(rounds):
        for name, make in ways.items():
            start = time.perf_counter()
            for _ in range(samples):
                make()
            seconds[name].append((time.perf_counter() - start) / samples)
    print(f"\n{'view of a beamline':22s}{'ms per sample':>14s}")
    for name, taken in seconds.items():
        print(f"{name:22s}{statistics.median(taken) * 1e3:14.2f}")


def main() -> None:
    """Measure all ways in turn and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=100, help="per round and way")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    ways = {
        "segmill": segmill_way(),
        "albumentations": albumentations_way(),
        "scipy": scipy_way(),
    }
    samples = crops(arguments.samples)
    for vary in ways.values():
        image, mask = vary(samples[0])  # compiles, and fills caches
        assert image.shape == samples[0].image.shape
        assert mask.dtype == np.uint8
    seconds = {name: [] for name in ways}
    for _ in range(arguments.rounds):
        for name, vary in ways.items():
            start = time.perf_counter()
            for sample in samples:
                vary(sample)
            seconds[name].append((time.perf_counter() - start) / len(samples))
    print(f"{'way':16s}{'ms per sample':>14s}{'segmill is faster by':>22s}{'target':>8s}")
    for name, taken in seconds.items():
        ratio = statistics.median(t / s for t, s in zip(taken, seconds["segmill"], strict=True))
        target = f"{TARGETS[name]:.0f}x" if name in TARGETS else ""
        print(f"{name:16s}{statistics.median(taken) * 1e3:14.2f}{ratio:21.1f}x{target:>8s}")
    measure_beamline(arguments.samples, arguments.rounds)


if __name__ == "__main__":
    main()
