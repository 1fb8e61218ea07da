import numpy as np
import pytest

from segmill.inference.tta import VIEWS, averaged_views


@pytest.mark.parametrize("views", list(VIEWS))
def test_what_does_not_depend_on_orientation_is_unchanged(views):
    tiles = np.random.default_rng(0).random((2, 3, 4, 6)).astype(np.float32)
    found = averaged_views(lambda x: x[:, :2] ** 2, views)(tiles)
    np.testing.assert_allclose(found, tiles[:, :2] ** 2, rtol=1e-6)


@pytest.mark.parametrize(("views", "count"), [("none", 1), ("flips", 4), ("dihedral", 8)])
def test_each_view_is_seen_once(views, count):
    tile = np.arange(6, dtype=np.float32).reshape(1, 1, 2, 3)
    seen = []

    def network(tiles):
        assert tiles.flags.c_contiguous
        seen.append((tiles.shape, tiles.tobytes()))
        return tiles

    averaged_views(network, views)(tile)
    assert len(set(seen)) == len(seen) == count
    expected = {np.flip(tile, axes).tobytes() for axes in ((), 2, 3, (2, 3))}
    if views != "none":
        assert expected <= {content for _, content in seen}


def test_orientation_is_averaged_out():
    tiles = np.zeros((1, 1, 2, 2), np.float32)

    def corner(x):
        scores = np.zeros_like(x)
        scores[..., 0, 0] = 1
        return scores

    assert averaged_views(corner, "flips")(tiles).tolist() == [[[[0.25, 0.25], [0.25, 0.25]]]]
    assert averaged_views(corner, "dihedral")(tiles).tolist() == [[[[0.25, 0.25], [0.25, 0.25]]]]


def test_the_networks_own_array_is_not_written_to():
    answer = np.ones((1, 1, 2, 2), np.float32)
    averaged_views(lambda x: answer, "flips")(answer)
    assert (answer == 1).all()


def test_unknown_views_are_refused():
    with pytest.raises(ValueError, match="unknown views 'mirror', known are none, flips, dihedral"):
        averaged_views(lambda x: x, "mirror")
