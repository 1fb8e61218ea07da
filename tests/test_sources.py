import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from skimage.measure import regionprops

from segmill.sources import CATALOGUE, SourceOptions, detect_sources, sky, source_catalogue

SHAPE = (150, 170)


def spot(shape, x, y, flux, a, b, theta):
    """An elliptical Gaussian of a flux; axes in pixels, angle in degrees towards larger y."""
    rows, columns = np.indices(shape)
    angle = np.radians(theta)
    along = (columns - x) * np.cos(angle) + (rows - y) * np.sin(angle)
    across = (rows - y) * np.cos(angle) - (columns - x) * np.sin(angle)
    shape_of = np.exp(-0.5 * ((along / a) ** 2 + (across / b) ** 2))
    return flux * shape_of / (2 * np.pi * a * b)


def light_of_the_sky(shape):
    rows, columns = np.indices(shape)
    return 20 + 0.03 * rows + 0.02 * columns


def field(seed, count=25):
    """An image of separate sources on an uneven sky, and where they are."""
    rng = np.random.default_rng(seed)
    image, places = light_of_the_sky(SHAPE), []
    while len(places) < count:
        place = rng.uniform(8, np.array(SHAPE) - 8)
        if not places or cdist([place], places).min() > 16:
            places.append(place)
            image = image + spot(SHAPE, place[1], place[0], rng.uniform(1500, 6000), 2.4, 1.8, 30)
    return image + rng.normal(scale=2, size=SHAPE), np.array(places)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_sources_are_found_where_they_are_and_nowhere_else(seed):
    image, places = field(seed)
    found = detect_sources(image)
    table = source_catalogue(image, found)
    assert found.dtype == np.int32
    assert len(table) == len(places) == found.max()
    distance = cdist(table[["y", "x"]], places)
    pairs = linear_sum_assignment(distance)
    assert distance[pairs].max() < 0.6


def test_touching_sources_are_separated_and_noise_is_none():
    image = light_of_the_sky(SHAPE) + np.random.default_rng(0).normal(size=SHAPE)
    assert detect_sources(image, SourceOptions(threshold=6)).max() == 0
    two = image + spot(SHAPE, 60, 70, 5000, 3, 3, 0) + spot(SHAPE, 70, 70, 5000, 3, 3, 0)
    found = detect_sources(two)
    assert found.max() == 2
    assert found[70, 60] != found[70, 70]
    assert found[70, 65] > 0
    assert detect_sources(two, SourceOptions(separation=20)).max() == 1
    assert detect_sources(two, SourceOptions(min_area=5000)).max() == 0


def test_the_sky_is_seen_behind_the_sources():
    image, _ = field(3)
    # It spans 8 grey levels; in the corners the boxes, a third of the image each, know only half.
    error = np.abs(sky(image) - light_of_the_sky(SHAPE))
    assert error.max() < 4
    assert error[40:110, 40:130].max() < 1.5
    flat = np.full((10, 12), 7.0)
    assert np.allclose(sky(flat), flat)
    assert detect_sources(flat).max() == 0


@settings(max_examples=20, deadline=None)
@given(
    theta=st.floats(-85, 85),
    a=st.floats(3.0, 5.0),
    ratio=st.floats(0.4, 0.8),
    x=st.floats(50, 60),
    y=st.floats(40, 60),
)
def test_the_catalogue_gives_an_ellipse_back(theta, a, ratio, x, y):
    image = spot(SHAPE, x, y, 1e4, a, a * ratio, theta)
    everywhere = np.zeros(SHAPE, np.int32)
    everywhere[10:100, 10:110] = 4
    row = source_catalogue(image, everywhere, SourceOptions(box=4096)).iloc[0]
    assert row["id"] == 4
    assert [row["x"], row["y"]] == pytest.approx([x, y], abs=0.01)
    assert row["flux"] == pytest.approx(1e4, rel=0.01)
    assert [row["a"], row["b"]] == pytest.approx([a, a * ratio], rel=0.02)
    assert abs((row["theta"] - theta + 90) % 180 - 90) < 1


def test_the_catalogue_against_region_properties():
    rng = np.random.default_rng(0)
    image = rng.random((40, 50)) + 1
    sources = np.zeros((40, 50), np.int32)
    sources[3:9, 4:20], sources[20:33, 10:14], sources[9, 4] = 7, 2, 7
    options = SourceOptions(box=4096)
    table = source_catalogue(image, sources, options)
    assert tuple(table.columns) == CATALOGUE
    raised = image - sky(image, options)
    for row, region in zip(
        table.itertuples(), regionprops(sources, np.maximum(raised, 0)), strict=True
    ):
        assert row.id == region.label
        assert row.area == region.num_pixels
        assert (row.y, row.x) == pytest.approx(region.centroid_weighted)
        central = region.moments_weighted_central / region.moments_weighted_central[0, 0]
        covariance = [[central[0, 2], central[1, 1]], [central[1, 1], central[2, 0]]]
        values, vectors = np.linalg.eigh(covariance)
        assert (row.b**2, row.a**2) == pytest.approx(values)
        along = np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1]))
        assert abs((row.theta - along + 90) % 180 - 90) < 1e-6
        inside = sources == region.label
        assert row.flux == pytest.approx(raised[inside].sum(), rel=1e-5)
        assert row.peak == pytest.approx(raised[inside].max())


def test_colours_count_alike_and_an_empty_image_has_an_empty_catalogue():
    image, _ = field(4, count=3)
    colour = np.stack([image - 1, image, image + 1], axis=2)
    assert np.array_equal(detect_sources(colour), detect_sources(image))
    empty = source_catalogue(image, np.zeros(SHAPE, np.int32))
    assert tuple(empty.columns) == CATALOGUE
    assert len(empty) == 0


def test_a_source_darker_than_the_sky_has_no_place():
    image = np.full((20, 20), 5.0)
    image[4:6, 4:6] = 0
    sources = (image == 0).astype(np.int32)
    row = source_catalogue(image, sources).iloc[0]
    assert row["flux"] == -20
    assert np.isnan(row["x"])
    assert np.isnan(row["a"])


def test_the_deep_field_has_its_galaxies():
    image = skimage.data.hubble_deep_field()[:300, :300]
    found = detect_sources(image)
    table = source_catalogue(image, found)
    assert 100 < len(table) < 400
    # The spiral galaxy at the edge of the cut out part and the star of six spikes are among them.
    assert found[165, 253] > 0
    assert (table["flux"] > 0).mean() > 0.99
    assert 0.05 < (found > 0).mean() < 0.4
