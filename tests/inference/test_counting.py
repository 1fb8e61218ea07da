import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmill.inference.counting import centred_in_view
from segmill.inference.particles import ParticleOptions, find_particles
from segmill.particles import particle_targets

SHAPE = (40, 60)


def disc(place, radius, shape=SHAPE):
    rows, columns = np.indices(shape)
    return (rows - place[0]) ** 2 + (columns - place[1]) ** 2 <= radius**2


@settings(deadline=None)
@given(
    edge=st.integers(0, 3),
    beyond=st.floats(-0.9, 0.9).filter(lambda x: abs(x) > 0.25),
    along=st.floats(0, 1),
    radius=st.floats(4, 9),
)
def test_a_disc_on_an_edge_is_in_view_where_its_centre_is(edge, beyond, along, radius):
    # The edge of the image is half a pixel beyond the centres of its outermost pixels.
    size, other = SHAPE if edge < 2 else SHAPE[::-1]
    across = -0.5 - beyond * radius
    across = across if edge % 2 == 0 else size - 1 - across
    place = across, radius + along * (other - 1 - 2 * radius)
    inside = disc(place if edge < 2 else place[::-1], radius)
    # A sliver of a few pixels has no shape that could be judged, nor is a centre on the edge seen.
    if inside.sum() >= 8:
        assert centred_in_view(inside.astype(np.int32)).tolist() == [True, beyond < 0]


def test_objects_that_touch_no_edge_and_absent_ids_are_in_view():
    labels = np.zeros(SHAPE, np.int64)
    labels[5:8, 3:40], labels[20, 20] = 4, 2
    assert centred_in_view(labels).tolist() == [True] * 5
    assert centred_in_view(np.zeros((0, 0), int)).tolist() == [True]


def test_in_a_corner_both_edges_count():
    labels = 1 * disc((-4, 3), 7) + 2 * disc((36, 56), 6)
    assert centred_in_view(labels).tolist() == [True, False, True]


@pytest.mark.parametrize(("cut", "ids"), [("keep", [1, 2, 3, 4]), ("centre", [2, 4])])
def test_particles_that_are_cut_are_counted_by_their_centre(cut, ids):
    places = [((-3, 30), 8), ((2, 10), 6), ((20, 63), 7), ((25, 20), 6)]
    instances = np.zeros(SHAPE, np.int32)
    for k, (place, radius) in enumerate(places, 1):
        instances[disc(place, radius)] = k
    target = particle_targets(instances, 1.5)
    found = find_particles(target[..., 0], target[..., 1], ParticleOptions(cut=cut))
    np.testing.assert_array_equal(found.instances > 0, np.isin(instances, ids))
    assert len(found.table) == found.instances.max() == len(ids)


def test_images_side_by_side_count_each_particle_once():
    rng = np.random.default_rng(1)
    whole = np.zeros((60, 400), np.int32)
    for k in range(1, 25):
        whole[disc((rng.uniform(12, 48), 16 * k + rng.uniform(-1, 1)), 7, whole.shape)] = k
    halves = np.split(whole, [int(np.argwhere(whole == 12)[:, 1].mean()) + 3], axis=1)
    counted = [centred_in_view(half)[np.unique(half[half > 0])].sum() for half in halves]
    assert np.unique(whole).size - 1 == sum(counted) == 24
