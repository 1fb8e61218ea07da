import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from segmill.errors import ConfigError
from segmill.particles import TARGETS, centroids, particle_targets
from segmill.targets import check_target, derive_target, target_names

label_images = arrays(
    np.int32,
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    elements=st.sampled_from([0, 0, 1, 2, 5, 900_000]),
)


def by_definition(instances, sigma):
    """Mask and the largest of all Gaussians, each over the whole image."""
    rows, columns = np.indices(instances.shape)
    heat = np.zeros(instances.shape)
    for k in np.unique(instances[instances > 0]):
        row, column = np.argwhere(instances == k).mean(axis=0)
        square = (rows - row) ** 2 + (columns - column) ** 2
        heat = np.maximum(heat, np.exp(-square / (2 * sigma**2)))
    return np.stack([instances > 0, heat], axis=2)


@settings(max_examples=50, deadline=None)
@given(label_images, st.floats(0.3, 6))
def test_targets_are_those_of_the_definition(instances, sigma):
    found = particle_targets(instances, sigma)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, by_definition(instances, sigma), atol=5e-6)


@settings(max_examples=50, deadline=None)
@given(label_images)
def test_centroids_are_scipys(instances):
    ids, centres = centroids(instances)
    assert ids.tolist() == sorted(set(instances[instances > 0].tolist()))
    expected = ndimage.center_of_mass(instances > 0, instances, ids)
    np.testing.assert_allclose(centres, np.reshape(expected, (-1, 2)), atol=1e-12)


def test_a_centre_lies_between_pixels_and_keeps_its_place_beside_another():
    instances = np.zeros((20, 20), np.int32)
    instances[4:8, 4:7] = 1
    instances[4:8, 7:11] = 2
    centre = particle_targets(instances, 1.5)[:, :, 1]
    assert centre[5, 5] == centre[6, 5] == pytest.approx(np.exp(-0.25 / 4.5))
    # The mirror image of the first, about its own column, as long as the other is far.
    assert centre[5, 4] == centre[5, 6]


def test_a_particle_cut_by_the_edge_has_its_centre_in_view():
    rows, columns = np.indices((20, 20))
    instances = ((rows - 10) ** 2 + (columns + 3) ** 2 < 36).astype(np.int32)
    _, centres = centroids(instances)
    assert 0 <= centres[0, 1] < 2
    assert np.unravel_index(particle_targets(instances, 2)[:, :, 1].argmax(), (20, 20))[0] == 10


def test_an_image_without_particles_and_one_without_pixels():
    assert not particle_targets(np.zeros((3, 4), np.int32), 2).any()
    assert particle_targets(np.zeros((0, 4), np.int32), 2).shape == (0, 4, 2)


@pytest.mark.parametrize("sigma", [0, -1, np.nan, np.inf])
def test_an_illegal_width_is_named(sigma):
    with pytest.raises(ValueError, match="above 0 pixels, found"):
        particle_targets(np.zeros((3, 3), np.int32), sigma)


def test_specs_are_followed_or_refused_by_name():
    instances = np.array([[0, 1, 1], [2, 2, 0]])
    spec = {"kind": "particles", "sigma": 1.5}
    expected = particle_targets(instances, 1.5).astype(np.float16)
    np.testing.assert_array_equal(derive_target(instances, spec), expected)
    assert derive_target(instances, spec).dtype == np.float16
    assert target_names({"kind": "particles"}) == TARGETS == ("mask", "centre")
    for wrong, message in (
        ({"kind": "cells"}, "expected kind particles or mean_colour, found 'cells'"),
        (None, "expected kind particles or mean_colour, found None"),
        ({"kind": ["particles"]}, "found \\['particles'\\]"),
        ({"kind": "particles", "sigma": 0}, "sigma: expected a value from 0.1 to 1000, found 0"),
        ({"kind": "particles", "width": 2}, "width: unknown option"),
    ):
        with pytest.raises(ConfigError, match=message):
            check_target(wrong)
