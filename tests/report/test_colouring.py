import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segmill.report.colouring import INSTANCE_COLOURS, colour_indices, neighbours, overlay, to_rgb


def voronoi(seed: int, count: int, side: int = 40) -> np.ndarray:
    """A map of `count` touching objects, each in one piece."""
    points = np.random.default_rng(seed).integers(0, side, (count, 2))
    grid = np.mgrid[:side, :side].reshape(2, -1).T
    return 1 + ((grid[:, None] - points) ** 2).sum(2).argmin(1).reshape(side, side).astype(np.int32)


def touching(labels: np.ndarray) -> set[tuple[int, int]]:
    """Pairs of ids with pixels side by side, found object by object."""
    pairs = set()
    for label in np.unique(labels[labels > 0]):
        around = ndimage.binary_dilation(labels == label)
        pairs |= {(int(label), int(n)) for n in np.unique(labels[around]) if n not in (0, label)}
    return pairs


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 40))
def test_touching_objects_differ_in_colour(seed, count):
    labels = voronoi(seed, count)
    colours = colour_indices(labels)
    assert set(colours) == set(np.unique(labels).tolist())
    assert all(0 <= colour < len(INSTANCE_COLOURS) for colour in colours.values())
    assert all(colours[a] != colours[b] for a, b in touching(labels))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(2, 30))
def test_predictions_keep_the_colours_of_the_truth(seed, count):
    truth = voronoi(seed, count)
    shuffled = np.random.default_rng(seed).permutation(np.arange(1, count + 1)) + 100
    prediction = shuffled[truth - 1].astype(np.int32)
    colours = colour_indices(truth)
    found = colour_indices(prediction, truth, colours)
    assert found == {int(shuffled[label - 1]): colour for label, colour in colours.items()}


def test_neighbours_across_a_small_gap_only():
    labels = np.zeros((10, 60), np.int32)
    labels[:, :10], labels[:, 16:26], labels[:, 50:] = 3, 5, 9
    assert neighbours(labels, distance=4) == {3: {5}, 5: {3}, 9: set()}


def test_no_objects():
    assert colour_indices(np.zeros((5, 5), np.int32)) == {}


def test_grey_levels_are_stretched_and_channels_kept():
    grey = np.linspace(1000, 3000, 100).reshape(10, 10).astype(np.uint16)
    rgb = to_rgb(grey[..., None])
    assert (rgb.shape, rgb.dtype, rgb.min(), rgb.max()) == ((10, 10, 3), np.uint8, 0, 255)
    colour = np.zeros((4, 4, 3), np.uint8)
    colour[..., 1] = 200
    assert to_rgb(colour)[0, 0].tolist() == [0, 255, 0]
    assert to_rgb(np.full((4, 4, 1), 7, np.uint8)).tolist() == np.zeros((4, 4, 3)).tolist()


def test_overlay_paints_objects_and_leaves_the_background():
    image = np.tile(np.arange(8, dtype=np.uint8) * 30, (8, 1))
    labels = np.zeros((8, 8), np.int32)
    labels[2:6, 2:6] = 4
    painted = overlay(image, labels, {4: 1}, opacity=1.0, least_side=8)
    assert (painted[labels == 4] == INSTANCE_COLOURS[1]).all()
    assert (painted[labels == 0] == to_rgb(image)[labels == 0]).all()
    assert overlay(image, labels, {4: 1}, least_side=20).shape == (24, 24, 3)
