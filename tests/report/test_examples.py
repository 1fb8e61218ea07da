import numpy as np
import pandas as pd
import pytest

from segmill.augment.elastic import displacement
from segmill.random import generator
from segmill.report import examples
from segmill.report.examples import contact_sheet, elastic_example, weight_map_example
from segmill.weights import weight_map

from .test_panels import Store


def test_elastic_data_is_the_field_at_the_grid_points(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (48, 64, 1), np.uint8)
    paths = elastic_example(image, tmp_path / "e.svg", alpha=60, sigma=4, seed=3, spacing=16)
    field = displacement(generator(3, "report.elastic"), (48, 64), 60, 4)
    data = pd.read_csv(paths["csv"], dtype={"u_row": np.float32, "u_column": np.float32})
    assert len(data) == 3 * 4
    at = (data["row"].to_numpy(), data["column"].to_numpy())
    np.testing.assert_array_equal(data["u_row"], field[0][at])
    np.testing.assert_array_equal(data["u_column"], field[1][at])


def test_the_deformed_image_shows_the_original_moved():
    rgb = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    field = np.zeros((20, 30, 2), np.float32)
    field[..., 0], field[..., 1] = 2, -3  # rows, columns
    moved = examples._warp(rgb, field)
    np.testing.assert_array_equal(moved[:18, 3:], rgb[2:, :-3])


def test_weights_by_class(tmp_path):
    instances = np.zeros((30, 30), np.int32)
    instances[5:12, 5:12], instances[5:12, 14:22] = 1, 2
    semantic = (instances > 0).astype(np.uint8)
    paths = weight_map_example(
        semantic[..., None] * 100,
        semantic,
        instances,
        ["background", "cell", "border"],
        tmp_path / "w.svg",
    )
    data = pd.read_csv(paths["csv"]).set_index("class")
    weights = weight_map(semantic, instances)
    assert data["count"].to_dict() == {"background": 900 - 105, "cell": 105, "border": 0}
    assert data.loc["cell", "max"] == pytest.approx(weights[semantic == 1].max())
    assert data.loc["background", "mean"] == pytest.approx(weights[semantic == 0].mean())
    assert data.loc["border", ["min", "mean", "max"]].isna().all()


@pytest.mark.parametrize("with_instances", [True, False])
def test_contact_sheet_lists_what_it_shows(tmp_path, with_instances):
    images = [np.full((10 + i, 12, 1), 20 * i, np.uint8) for i in range(8)]
    fields = {"image": images}
    if with_instances:
        fields["instances"] = [(image[..., 0] > 50).astype(np.int32) for image in images]
    store = Store("s.zarr", [f"s{i}" for i in range(8)], **fields)
    paths = contact_sheet(store, [6, 1, 3], tmp_path / "c.svg")
    assert pd.read_csv(paths["csv"])["sample_id"].tolist() == ["s6", "s1", "s3"]
