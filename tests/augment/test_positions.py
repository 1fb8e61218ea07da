import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segmill.augment import Level, apply, draw
from segmill.augment.elastic import displacement
from segmill.augment.geometry import affine_matrix, coordinate_map
from segmill.augment.mirror import quarter_and_mirror
from segmill.augment.positions import mirrored_point, moved_point, rescaled_point
from segmill.clicks import heat_map, unknown
from segmill.preprocess import Preprocessing
from segmill.samples import Sample

MOVING = Level(
    "moving", flip=0.5, rotation=(-180, 180), zoom=(0.7, 1.5), shear=(-10, 10), transpose=0.5,
    shift=(-0.2, 0.2),
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.booleans())
def test_the_map_shows_the_point_at_its_new_position(seed, bent):
    rng = np.random.default_rng(seed)
    matrix = affine_matrix(rng.uniform(-180, 180), rng.uniform(0.5, 2), 5.0, transpose=True)
    field = displacement(rng, (50, 60), 30, 4) if bent else None
    coordinates = coordinate_map((50, 60), (40, 45), matrix, field)
    row, column = rng.uniform(2, 47), rng.uniform(2, 57)
    # The position in the source of a place in the output, bilinear, by hand.
    i, j = int(row), int(column)
    corners = coordinates[:, i : i + 2, j : j + 2].astype(float)
    weights = np.outer([1 - row % 1, row % 1], [1 - column % 1, column % 1])
    point = tuple((corners * weights).sum((1, 2)))
    found = moved_point(point, coordinates, matrix)
    if not bent:
        assert np.hypot(found[0] - row, found[1] - column) < 0.02
    # Folded over, a point is shown more than once, and the nearest pixel may be the answer.
    shown = [
        ndimage.map_coordinates(plane, np.transpose([found]), order=1) for plane in coordinates
    ]
    assert np.hypot(*(np.ravel(shown) - point)) < (1.5 if bent else 0.02)


def test_a_point_out_of_view_is_nowhere():
    coordinates = coordinate_map((10, 12), (20, 20))
    assert moved_point((20, 20), coordinates, np.eye(2)) == (4.5, 5.5)
    assert np.isnan(moved_point((20, 27), coordinates, np.eye(2))).all()
    assert np.isnan(moved_point((np.nan, np.nan), coordinates, np.eye(2))).all()


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000))
def test_the_heat_peaks_at_the_moved_click_and_widens_with_the_zoom(seed):
    rng = np.random.default_rng(seed)
    shape, sigma = (90, 110), 4.0
    click = (rng.uniform(25, 65), rng.uniform(30, 80))
    heat = heat_map(shape, click, sigma)[:, :, None].astype(np.float16)
    variation = draw(MOVING, rng)
    box = (5, 10, 80, 97)
    image = np.zeros((*shape, 1), np.uint8)
    out = apply(Sample(image, target=heat), variation, box, rng, outside="ignore", click=click)
    # The position by the meaning of each step: offset from the crop's centre, zoomed, sheared,
    # turned, flipped, transposed, shifted.
    row, column = click[0] - (5 + 39.5), click[1] - (10 + 48)
    row, column = row * variation.zoom, column * variation.zoom
    column += np.tan(np.radians(variation.shear)) * row
    angle = np.radians(variation.rotation)
    row, column = (
        np.cos(angle) * row - np.sin(angle) * column,
        np.sin(angle) * row + np.cos(angle) * column,
    )
    row = -row if variation.flip_rows else row
    column = -column if variation.flip_columns else column
    row, column = (column, row) if variation.transpose else (row, column)
    row += 39.5 + round(variation.shift_rows * 80)
    column += 48 + round(variation.shift_columns * 97)
    found = (out.notes["click_row"], out.notes["click_column"])
    if not (0 <= row < 79 and 0 <= column < 96):
        return
    np.testing.assert_allclose(found, (row, column), atol=0.05)
    # The peak of the heat and its width, where all of it is in view.
    moved = np.where(out.ignore, 0, out.target[:, :, 0].astype(np.float64))
    reach = 4.5 * sigma * variation.zoom
    if reach < row < 79 - reach and reach < column < 96 - reach:
        rows, columns = np.mgrid[:80, :97]
        distance = np.hypot(rows - row, columns - column)
        near = np.where(distance < reach, moved, 0)  # mirror images beyond the edge are elsewhere
        centroid = (near * rows).sum() / near.sum(), (near * columns).sum() / near.sum()
        np.testing.assert_allclose(centroid, (row, column), atol=0.1)
        width = np.sqrt((near * distance**2).sum() / near.sum() / 2)
        assert width == pytest.approx(sigma * variation.zoom, rel=0.03)
    peak = np.unravel_index(np.argmax(moved), moved.shape)
    assert np.hypot(peak[0] - row, peak[1] - column) <= 1.5


def test_unknown_heat_stays_unknown_and_spreads_nowhere():
    shape, rng = (60, 70), np.random.default_rng(0)
    half = heat_map(shape, (30, 35), 3.0)
    half[:, :20] = np.nan
    target = np.stack([unknown(shape), half, heat_map(shape, (20, 20), 3)], axis=2)
    sample = Sample(np.zeros((*shape, 1), np.uint8), target=target.astype(np.float16))
    for _ in range(20):
        out = apply(sample, draw(MOVING, rng), (0, 0, *shape), np.random.default_rng(1)).target
        assert np.isnan(out[..., 0]).all()
        assert not np.isnan(out[..., 2]).any()
        known = out[..., 1][~np.isnan(out[..., 1])]
        assert known.min() >= 0
        assert known.max() <= 1
    # The identity keeps the border between known and unknown where it was.
    out = apply(sample, draw(Level("plain"), rng), (0, 0, *shape), rng).target
    np.testing.assert_array_equal(out, sample.target)


def test_unknown_parts_are_as_large_as_labels_would_be():
    shape, rng = (60, 70), np.random.default_rng(3)
    hidden = rng.random(shape) < 0.3
    values = np.where(hidden, np.nan, 0.5).astype(np.float32)[:, :, None]
    sample = Sample(np.zeros((*shape, 1), np.uint8), target=values, ignore=hidden)
    for _ in range(20):
        out = apply(sample, draw(MOVING, rng), (0, 0, *shape), np.random.default_rng(1))
        np.testing.assert_array_equal(np.isnan(out.target[..., 0]), out.ignore)
        np.testing.assert_allclose(out.target[..., 0][~out.ignore], 0.5, atol=1e-6)


@pytest.mark.parametrize("quarter", range(4))
def test_a_mirrored_point_is_kept_with_its_quarter(quarter):
    for shape in ((8, 10), (7, 9)):
        for row in range(shape[0]):
            for column in range(shape[1]):
                marked = np.zeros(shape, bool)
                marked[row, column] = True
                kept = quarter_and_mirror(marked, quarter).any()
                found = mirrored_point((row, column), shape, quarter)
                assert found == (row, column) if kept else np.isnan(found).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.sampled_from([0.25, 0.5, 0.7, 1.5]))
def test_a_point_is_rescaled_as_the_image_is(seed, scale):
    rng = np.random.default_rng(seed)
    shape = (60, 84)
    click = (rng.uniform(15, 45), rng.uniform(15, 69))
    preprocessing = Preprocessing(rescale=scale)
    heat = preprocessing.apply_values(heat_map(shape, click, 4.0)[:, :, None])[:, :, 0]
    rows, columns = np.mgrid[: heat.shape[0], : heat.shape[1]]
    centroid = ((heat * rows).sum() / heat.sum(), (heat * columns).sum() / heat.sum())
    found = rescaled_point(click, shape, preprocessing.output_shape(shape))
    np.testing.assert_allclose(found, centroid, atol=0.1)
