import numpy as np
from skimage.measure import regionprops

from segmill.inference import measure_objects
from segmill.inference.objects import COLUMNS


def test_equals_scikit_image():
    rng = np.random.default_rng(0)
    labels = np.zeros((40, 50), np.int32)
    for label in (3, 1, 70000, 9):
        top, left = rng.integers(0, 30, 2)
        labels[top : top + rng.integers(2, 10), left : left + rng.integers(2, 10)] = label
    foreground = rng.random(labels.shape).astype(np.float32)
    table = measure_objects(labels, foreground)
    assert tuple(table.columns) == COLUMNS
    expected = regionprops(labels, foreground)
    assert table["label"].tolist() == [region.label for region in expected]
    for row, region in zip(table.itertuples(), expected, strict=True):
        assert (row.y0, row.x0, row.y1, row.x1) == region.bbox
        assert row.area == region.area
        np.testing.assert_allclose((row.centroid_y, row.centroid_x), region.centroid)
        np.testing.assert_allclose(row.score, region.intensity_mean, rtol=1e-5)


def test_no_objects_give_an_empty_table_of_the_same_columns():
    table = measure_objects(np.zeros((3, 3), np.int32), np.zeros((3, 3)))
    assert len(table) == 0
    assert tuple(table.columns) == COLUMNS
    assert "score" not in measure_objects(np.eye(2, dtype=int))
