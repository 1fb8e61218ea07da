import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import cKDTree

from segmill.inference.particles import ParticleOptions, find_particles
from segmill.metrics import match_instances
from segmill.particles import particle_targets


def discs(shape, n, seed, radii=(3, 8), gap=0.0):
    """Instances of discs that touch at most, and (n, 3) their row, column, radius."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices(shape)
    instances, placed = np.zeros(shape, np.int32), []
    for _ in range(200 * n):
        place, radius = rng.uniform(0, shape, 2), rng.uniform(*radii)
        apart = [np.hypot(*(place - other[:2])) >= radius + other[2] + gap for other in placed]
        if all(apart) and len(placed) < n:
            placed.append((*place, radius))
            inside = (rows - place[0]) ** 2 + (columns - place[1]) ** 2 <= radius**2
            instances[inside & (instances == 0)] = len(placed)
    return instances, np.array(placed)


@pytest.fixture(scope="module")
def scene():
    instances, _ = discs((120, 150), 60, seed=0)
    target = particle_targets(instances, 1.5)
    return instances, target[:, :, 0], target[:, :, 1]


def test_perfect_maps_give_the_particles_back(scene):
    truth, mask, centre = scene
    found = find_particles(mask, centre)
    agreement = match_instances(found.instances, truth, 0.8)
    big = np.bincount(truth.ravel())[1:] >= 5
    assert agreement.fp == 0
    assert agreement.fn <= (~big).sum()
    assert agreement.mean_matched_score > 0.99
    np.testing.assert_array_equal(found.instances > 0, np.isin(truth, np.flatnonzero(big) + 1))


@pytest.mark.parametrize(("place", "error"), [("mask", 1e-6), ("peak", 0.05)])
def test_perfect_maps_give_the_centres_back(scene, place, error):
    truth, mask, centre = scene
    found = find_particles(mask, centre, ParticleOptions(place=place))
    exact = np.reshape(ndimage.center_of_mass(truth > 0, truth, range(1, truth.max() + 1)), (-1, 2))
    table = found.table.set_index("particle")
    inner = [
        (p, t)
        for p, t in match_instances(found.instances, truth, 1.0).pairs
        if not table["touches_border"][p]
    ]
    assert len(inner) > 15
    for predicted, true in inner:
        centre_found = table.loc[predicted, ["row", "column"]].to_numpy(float)
        assert np.hypot(*(centre_found - exact[true - 1])) <= error


def test_the_mask_weighs_the_pixels_of_a_place():
    mask = np.zeros((9, 9), np.float32)
    mask[4, 2:5] = 0.6, 1.5, 0.8
    centre = (mask > 1).astype(np.float32)
    found = find_particles(mask, centre, ParticleOptions(min_size=1, smoothing=0)).table
    expected = (0.6 * 2 + 1.0 * 3 + 0.8 * 4) / 2.4
    assert found[["row", "column"]].to_numpy().tolist() == [[4, pytest.approx(expected)]]


def test_the_table_measures_the_instances(scene):
    _, mask, centre = scene
    found = find_particles(mask, centre, ParticleOptions(um_per_px=0.5))
    table, labels = found.table, found.instances
    assert table["particle"].tolist() == sorted(set(labels[labels > 0].tolist()))
    edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    for row in table.itertuples():
        assert row.area == (labels == row.particle).sum()
        assert row.radius == pytest.approx(np.sqrt(row.area / np.pi))
        assert row.area_um2 == pytest.approx(row.area / 4)
        assert row.radius_um == pytest.approx(row.radius / 2)
        assert row.touches_border == (row.particle in edge)
        assert 0.2 < row.score <= 1
        assert labels[round(row.row), round(row.column)] == row.particle
    assert "area_um2" not in find_particles(mask, centre).table


def test_noise_and_a_blur_cost_little(scene):
    truth, mask, centre = scene
    rng = np.random.default_rng(1)
    maps = [
        ndimage.gaussian_filter(values, 0.7) + rng.normal(0, 0.08, values.shape)
        for values in (mask, centre)
    ]
    agreement = match_instances(find_particles(*maps).instances, truth, 0.5)
    assert agreement.f1 > 0.95


@pytest.mark.parametrize("parting", ["distance", "mask", "centre"])
def test_touching_discs_are_parted_at_the_neck(parting):
    rows, columns = np.indices((30, 50))
    truth = np.zeros((30, 50), np.int32)
    truth[(rows - 15) ** 2 + (columns - 15) ** 2 <= 81] = 1
    truth[((rows - 15) ** 2 + (columns - 33) ** 2 <= 81) & (truth == 0)] = 2
    target = particle_targets(truth, 2.0)
    mask = ndimage.gaussian_filter(target[:, :, 0], 1.0)
    found = find_particles(mask, target[:, :, 1], ParticleOptions(parting=parting))
    agreement = match_instances(found.instances, truth, 0.9)
    assert (agreement.tp, agreement.fp, agreement.fn) == (2, 0, 0)


def test_particles_drawn_as_discs_keep_their_areas_and_places(scene):
    _, mask, centre = scene
    regions, found = (
        find_particles(mask, centre, ParticleOptions(shape=shape)) for shape in ("region", "disc")
    )
    assert len(found.table) == len(regions.table) > 10
    whole = ~regions.table["touches_border"] & ~found.table["touches_border"]
    near = cKDTree(found.table[["row", "column"]]).query(regions.table[["row", "column"]])
    assert (near[0][whole] < 0.3).all()
    # A disc of pixels has the area of the circle but for its rim.
    areas = found.table["area"].to_numpy()[near[1]]
    np.testing.assert_allclose(areas[whole], regions.table["area"][whole], rtol=0.1)
    for k in np.flatnonzero(whole)[:10]:
        row = found.table.iloc[near[1][k]]
        pixels = np.argwhere(found.instances == row["particle"])
        reach = np.linalg.norm(pixels - row[["row", "column"]].to_numpy(float), axis=1)
        assert reach.max() <= row["radius"] + 0.8


def test_an_oblong_region_is_drawn_as_a_disc():
    mask = np.zeros((40, 60), np.float32)
    mask[18:22, 10:50] = 1
    centre = np.zeros((40, 60), np.float32)
    centre[20, 30] = 1
    found = find_particles(mask, centre, ParticleOptions(smoothing=0, shape="disc"))
    rows, columns = np.indices(mask.shape)
    wanted = (rows - 19.5) ** 2 + (columns - 29.5) ** 2 < 160 / np.pi
    np.testing.assert_array_equal(found.instances > 0, wanted)


def test_regions_without_a_centre_are_dropped_or_kept():
    mask = np.zeros((20, 30), np.float32)
    mask[5:10, 5:10] = mask[5:10, 20:26] = 1
    centre = np.zeros((20, 30), np.float32)
    centre[7, 7] = 1
    assert find_particles(mask, centre, ParticleOptions(smoothing=0)).instances.max() == 1
    kept = find_particles(mask, centre, ParticleOptions(smoothing=0, unseeded="keep"))
    assert kept.table["area"].tolist() == [25, 30]
    assert kept.table[["row", "column"]].to_numpy().tolist() == [[7, 7], [7, 22.5]]
    assert kept.table["score"].tolist() == [1, 0]


def test_small_particles_are_dropped_and_holes_filled():
    mask = np.zeros((20, 30), np.float32)
    mask[5:12, 5:12] = mask[5:7, 20:22] = 1
    mask[8, 9] = 0
    centre = np.zeros((20, 30), np.float32)
    centre[8, 8] = centre[5, 20] = 1
    found = find_particles(mask, centre, ParticleOptions(smoothing=0, max_hole=2))
    assert found.table["area"].tolist() == [49]
    assert len(find_particles(mask, centre, ParticleOptions(smoothing=0, min_size=0)).table) == 2


@pytest.mark.parametrize("shape", [(0, 5), (1, 1), (1, 9), (40, 40)])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_empty_and_full_maps(shape, value):
    maps = np.full(shape, value, np.float32)
    found = find_particles(maps, np.zeros(shape, np.float32), ParticleOptions(unseeded="keep"))
    assert found.instances.shape == shape
    assert len(found.table) == (value == 1 and maps.size >= 5)
    assert len(find_particles(maps, np.zeros(shape, np.float32)).table) == 0


def test_float64_and_views_are_taken(scene):
    _, mask, centre = scene
    plain = find_particles(mask, centre)
    other = find_particles(np.asfortranarray(mask.astype(np.float64)), centre.astype(np.float64))
    np.testing.assert_array_equal(plain.instances, other.instances)


@pytest.mark.parametrize(
    ("mask", "centre", "message"),
    [
        (np.zeros((3, 3)), np.zeros((3, 4)), r"found float64 \(3, 3\) and float64 \(3, 4\)"),
        (np.zeros((3, 3), int), np.zeros((3, 3)), "found int64"),
        (np.zeros((3, 3, 1)), np.zeros((3, 3, 1)), "expected floating point maps"),
        (np.full((3, 3), np.nan), np.zeros((3, 3)), "not finite"),
        (np.zeros((3, 3)), np.full((3, 3), np.inf), "not finite"),
    ],
)
def test_maps_that_are_none_are_refused(mask, centre, message):
    with pytest.raises(ValueError, match=message):
        find_particles(mask, centre)
