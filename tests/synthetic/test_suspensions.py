"""Synthetic suspensions: hard spheres, exact discs, draws that depend on seed and index alone."""

import os
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.special import ndtr

from segmill.discs import discs
from segmill.errors import ConfigError
from segmill.particles import particle_targets
from segmill.random import generator
from segmill.store import write_store
from segmill.synthetic import SuspensionOptions, SyntheticProducer, particles
from segmill.synthetic.suspensions import suspension_options
from segmill.synthetic.suspensions.optics import dimming, light, shadows, share_inside, streaks
from segmill.synthetic.suspensions.options import pairs
from segmill.synthetic.suspensions.packing import Box, relax
from segmill.synthetic.suspensions.scene import draw_scene
from segmill.synthetic.suspensions.truth import (
    APART,
    DISTANCE,
    HALO,
    NEAREST,
    REACH,
    annotated_radii,
    owners,
    profiles,
    spots,
)

SMALL = {"height": 96, "width": 128}
# The spheres alone: no noise, no uneven light, nothing in front.
CLEAN = {
    "gain": [0.001, 0.001], "read_noise": [0, 0], "stripes": [0, 0], "attenuation": [0, 0],
    "unevenness": [0, 0], "out_of_focus": [0, 0], "shadow": [0, 0], "specks": [0, 0],
    "dead_pixels": [0, 0], "tint": [0, 0], "fronts": 0, "walls": 0, "background": [200, 200],
    "haze": [0, 0], "halo": [0, 0], "streaks": [0, 0],
}  # fmt: skip


def gaps(centres, radii, box):
    """Least distance between two surfaces, brute force over all periodic images."""
    period = np.array([0 if box.has_walls else box.size[0], *box.size[1:]])
    difference = centres[:, None] - centres[None]
    difference -= period * np.rint(difference / np.where(period > 0, period, 1))
    distance = np.sqrt((difference**2).sum(2)) - radii[:, None] - radii[None]
    return distance[np.triu_indices(len(radii), 1)].min()


def poisson(rng, fraction, size, radius, spread):
    """Centres and radii of spheres of a volume fraction."""
    n = int(fraction * np.prod(size) / (4 / 3 * np.pi * radius**3 * (1 + 3 * spread**2)))
    radii = radius * np.clip(1 + spread * rng.standard_normal(n), 0.6, 1.4)
    return rng.uniform(0, size, (n, 3)), radii


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    fraction=st.floats(0.01, 0.55),
    spread=st.floats(0, 0.3),
    gap=st.floats(0, 0.5),
    has_walls=st.booleans(),
)
def test_relaxed_spheres_keep_their_distance(seed, fraction, spread, gap, has_walls):
    rng, size = np.random.default_rng(seed), (90.0, 110.0, 40.0)
    box = Box(size)
    if has_walls:
        wave = 3 * np.sin(np.arange(110) / 110 * 2 * np.pi)
        box = Box(size, 4 + wave, 86 + wave)
        fraction *= 0.7
    # The gap takes volume too.
    centres, radii = poisson(rng, fraction / (1 + gap / 6) ** 3, size, 6.0, spread)
    moved, settled = relax(centres, radii, gap, box)
    assert settled.mean() > 0.97
    moved, radii = moved[settled], radii[settled]
    if len(radii) > 1:
        assert gaps(moved, radii, box) >= gap - 1e-9
    if has_walls:
        column = (moved[:, 1] % size[1]).astype(int)
        assert (moved[:, 0] - radii >= box.first_wall[column] - 1e-9).all()
        assert (moved[:, 0] + radii <= box.last_wall[column] + 1e-9).all()


def test_packings_are_denser_than_random_addition_reaches():
    # Adding spheres one by one ends at 0.38; nobody is lost at 0.55.
    size = (120.0, 120.0, 40.0)
    centres, radii = poisson(np.random.default_rng(1), 0.55, size, 6.0, 0.08)
    moved, settled = relax(centres, radii, 0.0, Box(size))
    assert settled.all()
    assert gaps(moved, radii, Box(size)) >= 0


@pytest.mark.parametrize("fraction", [0.15, 0.5])
def test_volume_fraction_radius_and_area_fraction_are_those_asked_for(fraction):
    asked = {"volume_fraction": [fraction] * 2, "radius": [8, 8], "radius_spread": [0.1, 0.1]}
    options = suspension_options(height=400, width=400, fronts=0, walls=0, **asked)
    scene = draw_scene(generator(1, "test"), options)
    volume = np.prod([*np.add(scene.shape, 2 * scene.margin), 6 * 8])
    found = (4 / 3 * np.pi * scene.radii**3).sum() / volume
    assert found == pytest.approx(fraction, rel=0.1)
    assert scene.radii.mean() == pytest.approx(8, rel=0.02)
    assert scene.radii.std() == pytest.approx(0.8, rel=0.1)
    # Delesse: a plane through random spheres shows their volume fraction as area fraction.
    height = scene.centres[:, 2]
    cut = np.pi * np.maximum(scene.radii**2 - height**2, 0)
    assert cut.sum() / (volume / (6 * 8)) == pytest.approx(fraction, rel=0.15)


def test_dimming_is_the_integral_of_the_sheet_over_the_spheres():
    rng = np.random.default_rng(2)
    centres, radii = poisson(rng, 0.2, (60.0, 70.0, 36.0), 6.0, 0.1)
    centres, settled = relax(centres, radii, 0.0, Box((60.0, 70.0, 36.0)))
    centres, radii = centres[settled] - [0, 0, 18], radii[settled]
    found = dimming(centres, radii, np.ones(len(radii)), 2.0, 0.0, (60, 70))
    heights = np.linspace(-12, 12, 4801)
    weights = np.exp(-(heights**2) / 8)
    weights /= weights.sum()
    for row, column in rng.integers(0, 60, (40, 2)):
        flat = ((centres[:, :2] - [row, column]) ** 2).sum(1)
        inside = (flat[:, None] + (centres[:, 2:] - heights) ** 2 < radii[:, None] ** 2).any(0)
        assert found[row, column] == pytest.approx(weights[inside].sum(), abs=2e-3)


@settings(max_examples=12, deadline=None)
@given(
    radius=st.floats(5, 14),
    height=st.floats(-1.2, 1.2),
    sheet=st.floats(0.1, 0.6),
    blur=st.floats(0.6, 4),
    halo=st.floats(0, 0.5),
)
def test_profiles_are_those_of_blurred_images_of_the_spheres(radius, height, sheet, blur, halo):
    height, sheet = height * radius, sheet * radius
    places, found = profiles(*np.array([[radius], [height], [sheet]]), blur, halo)
    # Brute force: four samples a pixel, blurred in two dimensions.
    line = np.arange(-240, 241) / 4
    square = radius**2 - line[:, None] ** 2 - line[None] ** 2
    half = np.sqrt(np.maximum(square, 0))
    dim = np.where(square > 0, ndtr((half - height) / sheet) - ndtr((-half - height) / sheet), 0)
    core, wide = (
        ndimage.gaussian_filter(dim, 4 * sigma, truncate=6)[240, 240:]
        for sigma in (blur, HALO * blur)
    )
    inner = places < 15
    expected = np.interp(places[inner], np.arange(241) / 4, (1 - halo) * core + halo * wide)
    # The slope of an edge times a quarter of a pixel.
    np.testing.assert_allclose(found[0, inner], expected, atol=0.08)


@settings(max_examples=30, deadline=None)
@given(
    seen=st.floats(0.05, 1.2),
    own=st.floats(0, 1),
    edge=st.floats(0.3, 0.9),
    width=st.floats(2, 9),
)
def test_annotated_discs_end_where_the_spot_falls_to_its_level(seen, own, edge, width):
    places = np.arange(200) * 0.25 + 0.125
    # A Gaussian spot falls to a share of its middle where the logarithm says.
    dimming = 0.7 * np.exp(-(places**2) / (2 * width**2))
    found = annotated_radii(places, dimming[None], np.array([seen]), own, edge)[0]
    share = min(edge * (own + (1 - own) / seen), 0.8)
    first = places[0] ** 2 / (2 * width**2)
    assert found == pytest.approx(width * np.sqrt(2 * (first - np.log(share))), abs=0.02)


def test_spots_are_where_the_image_is_darkest():
    rng = np.random.default_rng(4)
    seen = ndimage.gaussian_filter(rng.random((60, 70)).astype(np.float32), 2)
    places, depth = spots(seen, float(np.median(seen)))
    padded = np.pad(seen, 1, constant_values=-1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).max((2, 3))
    expected = np.argwhere((seen == windows) & (seen > np.median(seen)))
    far = cKDTree(expected).query(expected, k=2)[0][:, 1] > APART
    assert far.sum() > 20
    assert {tuple(place) for place in expected[far]} <= {tuple(place) for place in places}
    assert {tuple(place) for place in places} <= {tuple(place) for place in expected}
    np.testing.assert_array_equal(depth, seen[tuple(places.T)])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(0, 12), m=st.integers(0, 9))
def test_a_spot_is_of_the_near_sphere_that_dims_most_and_a_sphere_has_one(seed, n, m):
    rng = np.random.default_rng(seed)
    places, centres = rng.integers(0, 40, (n, 2)), rng.uniform(0, 40, (m, 2))
    radii, dims = rng.uniform(4, 12, m), rng.uniform(0, 1, m)
    claims = []
    for k, place in enumerate(places):
        distance = np.linalg.norm(centres - place, axis=1)
        for j in np.argsort(distance, kind="stable")[:NEAREST]:
            claim = dims[j] - DISTANCE * distance[j]
            near = distance[j] < max(REACH * radii[j], 3)
            claims.append((claim if near and dims[j] > 0.02 else 0, -k, j))
    expected = np.full(n, -1)
    best = {}
    for claim, k, j in claims:
        if claim > max(0, best.get(-k, (0, 0))[0]):
            best[-k] = (claim, j)
    taken = set()
    for k, (_, j) in sorted(best.items(), key=lambda item: (-item[1][0], item[0])):
        if j not in taken:
            expected[k] = j
            taken.add(j)
    np.testing.assert_array_equal(owners(places, centres, radii, dims), expected)


def test_shadows_are_the_paths_of_light_inside_the_spheres_next_to_the_sheet():
    rng = np.random.default_rng(8)
    shape, nearest = (30, 40), 9.0
    centres = np.column_stack(
        [rng.uniform(-3, 33, 25), rng.uniform(-3, 43, 25), rng.uniform(-14, 14, 25)]
    )
    radii = rng.uniform(3, 8, 25)
    # Brute force: the share of points over each pixel that lie inside a sphere, before the sheet.
    rows, columns, heights = np.ogrid[:30, :40, 0.005:20:0.01]
    expected = np.zeros(shape)
    for (row, column, height), radius in zip(centres, radii, strict=True):
        if height < nearest:
            square = (rows - row) ** 2 + (columns - column) ** 2 + (heights - height) ** 2
            expected += (square < radius**2).sum(2) * 0.01 / (2 * radius)
    found = shadows(centres, radii, nearest, shape)
    np.testing.assert_allclose(found, expected, atol=0.01)
    assert found.max() > 0.5


def test_a_sphere_before_the_sheet_darkens_its_own_cut_and_what_surrounds_it():
    options = {
        **CLEAN,
        **SMALL,
        "radius": [12, 12],
        "sheet": [0.05, 0.05],
        "volume_fraction": [0.1, 0.1],
    }
    bare = particles(3, **options).image.astype(int)
    shaded = particles(3, **(options | {"shadow": [0.5, 0.5]})).image.astype(int)
    # The camera's noise is at most a few grey levels.
    assert (shaded <= bare + 4).all()
    assert ((bare - shaded) > 20).mean() > 0.02


def test_nothing_is_annotated_where_nothing_is():
    places, alone = profiles(*np.zeros((3, 0)), 1.0)
    assert alone.shape == (0, len(places))
    assert annotated_radii(places, alone, np.zeros(0), 0.5, 0.5).shape == (0,)
    assert len(spots(np.zeros((5, 6), np.float32), 0.1)[0]) == 0
    assert owners(np.array([[3, 4]]), np.zeros((0, 2)), np.zeros(0), np.zeros(0)).tolist() == [-1]


def test_discs_are_pixels_whose_centres_lie_inside():
    rng = np.random.default_rng(3)
    centres, radii = rng.uniform(-5, 65, (40, 2)), rng.uniform(0, 9, 40)
    radii[7] = 0
    labels = discs(centres, radii, (60, 60))
    rows, columns = np.mgrid[:60, :60]
    power = [
        (rows - r) ** 2 + (columns - c) ** 2 - radius**2
        for (r, c), radius in zip(centres, radii, strict=True)
    ]
    expected = np.where(np.min(power, 0) < 0, np.argmin(power, 0) + 1, 0)
    np.testing.assert_array_equal(labels, expected)


def test_instances_are_where_a_clean_image_is_half_dark():
    options = {**CLEAN, "height": 200, "width": 200, "radius": [10, 10], "blur": [1.5, 1.5]}
    options |= {"volume_fraction": [0.15, 0.15], "sheet": [0.2, 0.2], "gap": 8.0}
    options |= {"annotated_edge": 0.5, "annotated_own": 0.5, "annotated_eye": 0.0}
    sample = particles(4, **options)
    dark = sample.image[..., 0] < 100
    assert sample.notes["particles"] > 15
    assert (dark == (sample.instances > 0)).mean() > 0.99
    ids = np.unique(sample.instances)
    assert ids.tolist() == list(range(sample.notes["particles"] + 1))


def test_what_is_too_faint_for_an_eye_is_not_annotated():
    options = {**CLEAN, **SMALL, "radius": [8, 8], "volume_fraction": [0.3, 0.3]}
    options |= {"annotated_own": 1.0}
    found = [particles(5, **options, annotated_depth=depth).instances for depth in (0.1, 0.4, 0.8)]
    counts = [labels.max() for labels in found]
    assert counts[0] > counts[1] > counts[2] > 0
    # The others stay as they are.
    assert all(((few == 0) | (many > 0)).all() for many, few in pairwise(found))


def test_particles_as_bright_as_the_liquid_are_not_annotated():
    options = {**SMALL, "haze": [1, 1], "shadow": [0.5, 0.5]}
    assert not particles(5, **options).instances.any()


def test_an_eye_that_evens_out_more_parts_fewer_particles():
    options = {**CLEAN, **SMALL, "radius": [6, 6], "volume_fraction": [0.5, 0.5]}
    fine, coarse = (
        particles(5, **options, annotated_eye=eye, annotated_depth=0.2).instances.max()
        for eye in (0.5, 6.0)
    )
    assert coarse < 0.7 * fine


def test_particles_without_gap_touch_but_keep_their_centres_apart():
    scene = draw_scene(generator(2, "test"), suspension_options(radius=[9, 9], gap=2.0, **SMALL))
    pairs_, distance = _neighbours(scene.centres)
    assert (distance >= scene.radii[pairs_].sum(1) + 2.0 - 1e-6).all()


def _neighbours(centres):
    found = cKDTree(centres).query_pairs(60, output_type="ndarray")
    return found, np.linalg.norm(centres[found[:, 0]] - centres[found[:, 1]], axis=1)


def test_light_stays_even_without_spheres_and_is_kept_with_them():
    np.testing.assert_allclose(
        light(np.zeros((40, 50), np.float32), 0.01, 20, 0.5, 60), 1, atol=1e-3
    )
    rng = np.random.default_rng(5)
    inside = ndimage.gaussian_filter(rng.random((120, 200)), 3).astype(np.float32) * 8
    glow = light(inside, 0.005, 0, 0.5, 60)
    # Rays are bent, not lost: every row keeps its light. Stripes grow on the way.
    np.testing.assert_allclose(glow.mean(1), 1, rtol=0.01)
    assert glow[-20:].std(1).mean() > 3 * glow[:20].std(1).mean()
    assert glow[-20:].std(1).mean() > 0.05


def test_streaks_are_a_pixel_wide_and_run_along_the_light():
    found = streaks(np.random.default_rng(1), (400, 300), 0.2, 40.0)
    assert found.shape == (400, 300)
    assert found.dtype == np.float32
    assert found.mean() == pytest.approx(1, abs=0.02)
    assert found.std() == pytest.approx(0.2, rel=0.05)
    across, along = (_correlation(found, k, axis) for k, axis in ((1, 1), (40, 0)))
    assert abs(across) < 0.1
    # White noise after a Gaussian filter: exp(-d^2 / (4 sigma^2)).
    assert along == pytest.approx(np.exp(-0.25), abs=0.1)
    assert (streaks(np.random.default_rng(1), (20, 30), 0.0, 40.0) == 1).all()
    assert (streaks(np.random.default_rng(1), (20, 30), 1.0, 40.0) >= 0).all()


def _correlation(values, step, axis):
    values = np.moveaxis(values, axis, 0) - values.mean()
    return (values[step:] * values[:-step]).mean() / np.square(values).mean()


def test_a_halo_takes_light_from_the_core_and_loses_none():
    options = {**CLEAN, **SMALL, "radius": [6, 6], "volume_fraction": [0.15, 0.15]}
    del options["halo"]
    options |= {"blur": [1.0, 1.0], "sheet": [0.05, 0.05]}
    sharp, spread = (
        particles(3, **options, **{"halo": [share, share]}).image[..., 0].astype(float)
        for share in (0.0, 0.5)
    )
    assert spread.mean() == pytest.approx(sharp.mean(), rel=0.02)
    # Six times the core, twice the halo: without one the middle of a disc is dark.
    assert np.percentile(sharp, 1) < 2
    assert np.percentile(spread, 1) > 4


def test_a_sphere_far_from_the_sheet_is_not_seen():
    assert share_inside(0.0, 50.0, 10.0, 2.0) < 1e-12
    assert share_inside(0.0, 0.0, 10.0, 2.0) == pytest.approx(1, abs=1e-5)
    assert share_inside(10.0, 0.0, 10.0, 2.0) == 0


def test_a_sample_is_decided_by_seed_and_index():
    first, again = (particles(7, 3, **SMALL) for _ in range(2))
    for name, array in first.arrays().items():
        np.testing.assert_array_equal(array, again.arrays()[name])
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(3)
        np.testing.assert_array_equal(first.image, particles(7, 3, **SMALL).image)
    finally:
        cv2.setNumThreads(threads)
    assert not np.array_equal(first.image, particles(7, 4, **SMALL).image)
    assert not np.array_equal(first.image, particles(8, 3, **SMALL).image)


@pytest.mark.parametrize("side", ["top", "bottom", "left", "right"])
def test_samples_obey_the_contract_from_every_side(side):
    options = {**SMALL, "waviness": 0.0, "volume_fraction": [0.1, 0.1], "halo": [0, 0]}
    sample = particles(1, sigma=1.5, light_from=[side], walls=1, fronts=1, **options)
    sample.check(side)
    assert sample.image.shape == (96, 128, 3)
    assert (sample.image[..., 0] == sample.image[..., 2]).all()
    np.testing.assert_array_equal(sample.target, particle_targets(sample.instances, 1.5))
    lines = sample.image[..., 0].mean(1 if side in ("top", "bottom") else 0)
    middle = np.median(lines)
    # The walls of the channel stand along the way of the light.
    assert lines[0] < 0.9 * middle
    assert lines[-1] < 0.9 * middle


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), data=st.data())
def test_any_legal_corner_of_the_options_gives_an_image(seed, data):
    ends = {name: data.draw(st.sampled_from((0, 1))) for name in pairs()}
    corner = {name: [getattr(SuspensionOptions, name)[end]] * 2 for name, end in ends.items()}
    sample = particles(seed, height=40, width=64, walls=0.5, fronts=0.5, **corner)
    sample.check("corner")
    assert sample.image.std() > 0


def test_an_image_may_hold_no_particle():
    sample = particles(0, volume_fraction=[0, 0], **SMALL)
    assert sample.notes["particles"] == 0
    assert not sample.instances.any()
    assert not sample.target.any()


def test_bad_options_are_all_named():
    with pytest.raises(ConfigError) as caught:
        particles(0, radius=[9, 8], haze=[0.5], ligth_from=["top"], volume_fraction=[0.1, 0.7])
    for part in ("did you mean light_from", "volume_fraction", "0 to 0.55"):
        assert part in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        particles(0, radius=[9, 8], haze=[0.5], light_from=[])
    for part in ("radius: expected [least, largest], found [9.0, 8.0]", "haze", "light_from"):
        assert part in str(caught.value)


def test_every_default_obeys_its_own_limits():
    assert suspension_options() == SuspensionOptions()
    assert replace(SuspensionOptions(), radius=(3.0, 2.0)).conflicts()


def test_a_store_carries_targets_and_how_they_follow(tmp_path):
    config = {
        "reader": "synthetic", "generator": "particles", "seed": 1, "n": 3, "centre_sigma": 1.5,
        "split": {"train": 1, "val": 1, "test": 1},
        "options": {"height": 48, "width": 64, "radius": [5, 6]},
    }  # fmt: skip
    store = write_store(tmp_path / "p.zarr", SyntheticProducer(config, name="p"))
    assert store.attributes["targets"] == ["mask", "centre"]
    assert store.attributes["derived"] == {"target": {"kind": "particles", "sigma": 1.5}}
    expected = particles(1, 2, sigma=1.5, **config["options"])
    np.testing.assert_array_equal(store.image(2), expected.image)
    np.testing.assert_array_equal(store.target(2), expected.target.astype(np.float16))
    assert (store.table["particles"] > 0).all()
    with pytest.raises(ConfigError, match=r"centre_sigma: expected 0\.1 to 1000 pixels, found 'a'"):
        SyntheticProducer({**config, "centre_sigma": "a"})
    with pytest.raises(ConfigError, match="centre_sigma: unknown key"):
        SyntheticProducer({**config, "generator": "beamline", "options": {}})


@pytest.mark.real
@pytest.mark.skipif(not os.environ.get("SEGMILL_REAL_DATA"), reason="SEGMILL_REAL_DATA is unset")
def test_defaults_reach_the_experimental_images():
    import imageio.v3 as iio

    root = os.environ["SEGMILL_REAL_DATA"] + "/particles/truth/"
    for name in ("img_2_2.tif", "img_9_1.tif"):
        truth = iio.imread(root + name)
        areas = np.bincount(truth.ravel())[1:]
        largest = np.percentile(np.sqrt(areas / np.pi), 99)
        low, high = SuspensionOptions.radius
        assert low < largest < high
        densest = particles(
            1, height=300, width=300, fronts=0, walls=0, clumping=[0, 0],
            volume_fraction=[SuspensionOptions.volume_fraction[1]] * 2, radius=[largest] * 2,
            blur=[1.5, 1.5], sheet=[0.2, 0.2],
        )  # fmt: skip
        assert (densest.instances > 0).mean() > (truth > 0).mean()
