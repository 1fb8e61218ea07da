"""Sources of an image of the sky."""

import numpy as np
import pandas as pd
from numpy.testing import assert_array_equal

from segmill.report.source_panels import crowded_part, source_panels, touching_pixels
from segmill.sources import SourceOptions, source_catalogue


def brute_touching(labels):
    """Pixel by pixel, neighbour by neighbour."""
    height, width = labels.shape
    found = np.zeros(labels.shape, bool)
    for r, c in np.ndindex(height, width):
        for dr, dc in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            y, x = r + dr, c + dc
            if 0 <= y < height and 0 <= x < width and labels[r, c] and labels[y, x]:
                found[r, c] |= labels[r, c] != labels[y, x]
    return found


def test_touching_pixels_have_a_neighbour_in_another_source():
    rng = np.random.default_rng(0)
    for _ in range(5):
        labels = rng.integers(0, 4, (9, 7))
        assert_array_equal(touching_pixels(labels), brute_touching(labels))


def test_the_crowded_part_holds_the_most():
    contacts = np.zeros((40, 60), bool)
    contacts[25:30, 45:50] = True
    contacts[2, 2] = True
    part = crowded_part(contacts, 20)
    assert contacts[part].shape == (20, 20)
    assert contacts[part].sum() == 25
    small = crowded_part(np.zeros((5, 6), bool), 20)
    assert contacts[small].shape == (5, 6)


def test_the_csv_is_the_catalogue_and_says_what_touches(tmp_path):
    rng = np.random.default_rng(2)
    image = rng.normal(10, 1, (50, 60)).astype(np.float32)
    sources = np.zeros((50, 60), np.int32)
    sources[10:15, 10:15], sources[10:15, 15:19], sources[30:33, 40:44] = 1, 2, 3
    image[sources > 0] += 100
    options = SourceOptions(box=16)
    paths = source_panels(image, sources, options, tmp_path / "f.svg")
    data = pd.read_csv(paths["csv"])
    assert data["touching"].tolist() == [True, True, False]
    expected = source_catalogue(image, sources, options)
    pd.testing.assert_frame_equal(data.drop(columns="touching"), expected, check_dtype=False)
