"""Merging, settling, joining, seeding and painting, each against its definition."""

import itertools

import cv2
import numpy as np
import pytest
from skimage.color import rgb2lab
from skimage.measure import label
from skimage.segmentation import find_boundaries

from segmill.superpixels import paint_means
from segmill.superpixels.colours import gradient_magnitude, normalised_lab
from segmill.superpixels.contours import settle_contours
from segmill.superpixels.merging import merge_superpixels
from segmill.superpixels.pieces import join_pieces, number_in_reading_order
from segmill.superpixels.seeds import grid_seeds, late_seeds
from tests.superpixels.sweeping import patches


def blocks(seed, height=18, width=24, side=3):
    rng = np.random.default_rng(seed)
    labels = np.add.outer(np.arange(height) // side * (width // side), np.arange(width) // side)
    return labels.astype(np.int32), rng.normal(size=(height, width, 2)).astype(np.float32), rng


def pairs_of_neighbours(labels):
    """(label, label) of each pair of 4-neighbours of different labels."""
    for a, b in ((labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])):
        for k, m in zip(a[a != b].tolist(), b[a != b].tolist(), strict=True):
            yield min(k, m), max(k, m)


def merged_plainly(labels, colours, count, power, walls):
    labels = labels.copy()
    while len(np.unique(labels)) > count:
        lengths = {}
        for pair in pairs_of_neighbours(labels):
            if walls is None or np.unique(walls[np.isin(labels, pair)]).size == 1:
                lengths[pair] = lengths.get(pair, 0) + 1
        if not lengths:
            break
        costs = {}
        for (k, m), length in sorted(lengths.items()):
            a, b = labels == k, labels == m
            distance = ((colours[a].mean(0) - colours[b].mean(0)) ** 2).sum()
            costs[k, m] = distance * a.sum() * b.sum() / (a.sum() + b.sum()) / length**power
        k, m = min(costs, key=costs.get)
        labels[labels == m] = k
    return labels


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("walled", [False, True])
def test_merging_against_the_definition(seed, power, walled):
    labels, colours, rng = blocks(seed)
    walls = np.kron(rng.integers(0, 2, (2, 2)), np.ones((9, 12), int)) if walled else None
    expected = merged_plainly(labels, colours.astype(float), 9, power, walls)
    found = merge_superpixels(labels, colours, 9, power, walls)
    assert np.unique(found).tolist() == list(range(found.max() + 1))
    np.testing.assert_array_equal(number_in_reading_order(found), number_in_reading_order(expected))


def test_merging_stops_where_no_neighbours_are_left():
    labels, colours, _ = blocks(0)
    walls = np.kron([[0, 1]], np.ones((18, 12), int))
    assert merge_superpixels(labels, colours, 1, 2.0, walls).max() == 1
    assert merge_superpixels(labels, colours, 1, 2.0).max() == 0
    assert merge_superpixels(labels, colours, 100, 2.0) is labels


def energy(labels, colours, weight):
    total = sum(
        ((colours[labels == k] - colours[labels == k].mean(0)) ** 2).sum()
        for k in np.unique(labels)
    )
    height, width = labels.shape
    for dr, dc in ((0, 1), (1, 0), (1, 1), (1, -1)):
        a = labels[: height - dr, max(0, -dc) : width - max(0, dc)]
        b = labels[dr:, max(0, dc) : width - max(0, -dc)]
        total += weight * np.count_nonzero(a != b)
    return total


@pytest.mark.parametrize("weight", [0.0, 0.3, 3.0])
def test_settling_lowers_the_energy_and_keeps_superpixels_whole(weight):
    for seed in range(4):
        labels, colours, _ = blocks(seed)
        colours += np.kron(np.random.default_rng(seed).normal(size=(2, 3, 2)), np.ones((9, 8, 1)))
        energies = [energy(labels, colours, weight)]
        for sweeps in range(1, 6):
            settled = settle_contours(labels, colours, weight, sweeps)
            energies.append(energy(settled, colours, weight))
            assert np.unique(settled).size == np.unique(labels).size
            assert label(settled, background=-1, connectivity=1).max() == np.unique(labels).size
        assert energies[1] < energies[0]
        # A move takes the means as they were: its own shift of them only lowers the energy more.
        assert (np.diff(energies) <= 1e-6).all()


def test_settling_does_not_cross_walls_and_can_be_left_out():
    labels, colours, _ = blocks(1)
    walls = labels // 3
    settled = settle_contours(labels, colours, 1.0, 5, walls)
    assert (settled != labels).any()
    np.testing.assert_array_equal(settled // 3, walls)
    np.testing.assert_array_equal(settle_contours(labels, colours, 1.0, 0), labels)


def test_settling_straightens_a_jagged_boundary():
    truth = np.zeros((20, 20), np.int32)
    truth[:, 10:] = 1
    jagged = truth.copy()
    jagged[::2, 10] = 0
    colours = np.zeros((20, 20, 1), np.float32)
    settled = settle_contours(jagged, colours, 1.0, 5)
    assert (settled == settled[0]).all()
    assert np.unique(settled).size == 2


def test_pieces_without_seed_go_to_their_neighbours():
    labels = np.array([[0, 0, 1, 1, 0, 0, 0, 2]], np.int32)
    joined = join_pieces(labels, np.array([[0, 0], [0, 2], [0, 7]]))
    assert joined.tolist() == [[0, 0, 1, 1, 1, 1, 2, 2]]
    walls = np.array([[0, 0, 0, 0, 0, 5, 5, 5]])
    joined = join_pieces(labels, np.array([[0, 0], [0, 2], [0, 7]]), walls)
    assert joined.tolist() == [[0, 0, 1, 1, 1, 2, 2, 2]]


def test_whole_regions_stay_as_they_are():
    labels, _, _ = blocks(0)
    seeds = np.array([np.argwhere(labels == k)[0] for k in range(labels.max() + 1)])
    np.testing.assert_array_equal(join_pieces(labels, seeds), labels)


def test_seeds_on_a_grid():
    rng = np.random.default_rng(0)
    gradient = rng.random((40, 60))
    seeds = grid_seeds(gradient, 20, 100)
    assert len(seeds) == 6
    for k, (i, j) in enumerate(itertools.product(range(2), range(3))):
        window = gradient[20 * i + 5 : 20 * i + 15, 20 * j + 5 : 20 * j + 15]
        assert gradient[tuple(seeds[k])] == window.min()
    for most in range(1, 30):
        found = grid_seeds(gradient, 8, most)
        assert 0.6 * most <= len(found) <= most
        assert len(np.unique(found, axis=0)) == len(found)
    assert len(grid_seeds(np.zeros((3, 2)), 1, 6)) == 6


def test_late_seeds_against_the_definition():
    labels, _, rng = blocks(2, 36, 36, 12)
    times = rng.random(labels.shape).astype(np.float32)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    near = cv2.dilate(find_boundaries(labels).astype(np.uint8), disc)
    latest = []
    for k in range(labels.max() + 1):
        allowed = np.where((labels == k) & (near == 0), times, -1)
        latest.append((allowed.max(), np.unravel_index(allowed.argmax(), times.shape)))
    latest.sort(key=lambda pair: -pair[0])
    found = late_seeds(times, labels, 4, 2)
    assert [tuple(p) for p in found] == [p for _, p in latest[:4]]
    assert len(late_seeds(times, labels, 100, 2)) == 9
    assert len(late_seeds(times, labels, 100, 30)) == 0
    assert len(late_seeds(np.zeros_like(times), labels, 100, 0)) == 0


def test_painting():
    image, labels = patches(30, 40)
    painted = paint_means(labels + 3, image)
    assert painted.dtype == np.uint8
    for k in np.unique(labels):
        np.testing.assert_array_equal(
            painted[labels == k],
            np.broadcast_to(np.rint(image[labels == k].mean(0)), (np.sum(labels == k), 3)),
        )
    grey = paint_means(labels, image[..., 0] / 255)
    assert grey[labels == 2].std() < 1e-12
    for wrong, message in (
        ((labels[1:], image), "the superpixels are"),
        ((labels - 1, image), "at least 0"),
        ((labels * 1.0, image), "at least 0"),
    ):
        with pytest.raises(ValueError, match=message):
            paint_means(*wrong)


def test_normalised_lab_against_scikit_image():
    image, _ = patches(30, 40)
    lab = rgb2lab(image)
    spread = lab.std(axis=(0, 1))
    expected = (lab - lab.mean(axis=(0, 1))) / spread
    np.testing.assert_allclose(normalised_lab(image), expected, atol=0.05)
    least = float(np.median(spread))
    expected *= spread / np.maximum(spread, least)
    np.testing.assert_allclose(normalised_lab(image, least_spread=least), expected, atol=0.05)


def test_lab_of_grey_and_constant_images():
    grey = np.arange(200, dtype=np.uint8).reshape(10, 20)
    alone = normalised_lab(grey)
    assert alone.shape == (10, 20, 1)
    np.testing.assert_allclose(
        alone[..., 0], normalised_lab(np.dstack([grey] * 3))[..., 0], atol=1e-5
    )
    assert not normalised_lab(np.full((10, 20, 3), 77, np.uint8)).any()
    # A grey image has no colour but rounding errors, which must not be blown up.
    assert np.abs(normalised_lab(np.dstack([grey] * 3))[..., 1:]).max() < 0.1


def test_gradient_of_a_ramp():
    ramp = np.zeros((6, 7, 2), np.float32)
    ramp[..., 0] += 3 * np.arange(7)
    ramp[..., 1] += 4 * np.arange(6)[:, None]
    np.testing.assert_allclose(gradient_magnitude(ramp)[1:-1, 1:-1], 5)
