import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from segmill.augment.placement import centre_of, centred, cover, grid, random_box

sides = st.integers(1, 60)


def painted(shape, boxes):
    """How many boxes hold each pixel; a box beyond the image would not broadcast."""
    count = np.zeros(shape, int)
    for row, column, height, width in boxes:
        assert min(row, column) >= 0
        assert row + height <= shape[0]
        assert column + width <= shape[1]
        count[row : row + height, column : column + width] += 1
    return count


@given(sides, sides, st.integers(1, 5))
def test_a_grid_covers_the_image_with_equal_boxes(h, w, tiles):
    boxes = grid((h, w), tiles)
    assert len(boxes) == tiles**2
    assert len({box[2:] for box in boxes}) == 1
    count = painted((h, w), boxes)
    assert count.min() >= 1
    if h % tiles == w % tiles == 0:
        assert count.max() == 1


@given(sides, sides, st.integers(1, 70), st.integers(1, 70))
def test_covering_boxes_are_as_few_as_can_be(h, w, height, width):
    boxes = cover((h, w), (height, width))
    assert painted((h, w), boxes).min() == 1
    assert len(boxes) == -(-h // min(h, height)) * -(-w // min(w, width))


@given(sides, sides, st.integers(1, 70), st.integers(1, 70), st.integers(0, 99), st.booleans())
def test_random_boxes_stay_inside_where_they_fit(h, w, height, width, seed, on_pixel):
    rng = np.random.default_rng(seed)
    pixel = int(rng.integers(h * w))
    box = random_box(rng, (h, w), (height, width), np.array([pixel]) if on_pixel else None)
    assert box[2:] == (height, width)
    for start, side, part in zip(box, (h, w), box[2:], strict=False):
        assert 0 <= start <= side - part if part <= side else start == (side - part) // 2
    if on_pixel:
        assert box[0] <= pixel // w < box[0] + height
        assert box[1] <= pixel % w < box[1] + width


def test_random_boxes_reach_every_place():
    rng = np.random.default_rng(0)
    boxes = {random_box(rng, (5, 4), (3, 3))[:2] for _ in range(200)}
    assert boxes == {(r, c) for r in range(3) for c in range(2)}


def test_a_pixel_becomes_the_centre_of_its_box():
    box = random_box(np.random.default_rng(0), (50, 50), (11, 11), np.array([20 * 50 + 30]))
    assert centre_of(box) == (20, 30)


def test_centred():
    assert centred((10, 9), (4, 20)) == (3, 0, 4, 9)
    assert centre_of((3, 0, 4, 9)) == (4.5, 4)
