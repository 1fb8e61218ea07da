"""Experimental and synthetic images side by side."""

import numpy as np
import pandas as pd
import pytest

from segmill.report.imitation import most_alike, power_spectrum, side_by_side
from segmill.store import write_store
from segmill.synthetic import SyntheticProducer


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Two stores of synthetic suspensions, of other sizes."""
    folder, stores = tmp_path_factory.mktemp("imitation"), []
    for seed, side in ((1, 64), (2, 80)):
        config = {
            "reader": "synthetic", "generator": "particles", "seed": seed,
            "split": {"train": 2}, "options": {"height": side, "width": 96, "radius": [5, 6]},
        }  # fmt: skip
        stores.append(write_store(folder / f"{seed}.zarr", SyntheticProducer(config, f"s{seed}")))
    return stores


def test_the_figure_has_the_data_behind_it(stores, tmp_path):
    paths = side_by_side(*stores, tmp_path / "side.svg", pairs=((0, 1), (1, 0)), size=48)
    assert all(path.stat().st_size > 0 for path in paths.values())
    table = pd.read_csv(paths["csv"])
    assert list(table.columns) == ["set", "sample_id", "curve", "x", "y"]
    one = table[(table["sample_id"] == "s1-00000") & (table["set"] == "experimental")]
    histogram = one[one["curve"] == "histogram"]
    levels = stores[0].image(0)[..., 0]
    np.testing.assert_allclose(histogram["y"], np.bincount(levels.ravel(), minlength=256) / 6144)
    spectra = table[table["curve"] == "spectrum"].groupby(["set", "sample_id"]).size()
    assert len(spectra) == 4
    assert (spectra == 50).all()
    again = side_by_side(*stores, tmp_path / "again.svg", pairs=((0, 1), (1, 0)), size=48)
    assert again["png"].read_bytes() == paths["png"].read_bytes()


def test_the_most_alike_of_the_synthetic_images_is_found(tmp_path):
    def store(seed, n, **options):
        config = {
            "reader": "synthetic", "generator": "particles", "seed": seed, "split": {"train": n},
            "options": {"height": 96, "width": 96, "walls": 0, "fronts": 0, **options},
        }  # fmt: skip
        return write_store(tmp_path / f"{seed}.zarr", SyntheticProducer(config, str(seed)))

    many = store(3, 3, radius=[4, 9], background=[30, 200])
    assert [most_alike(many, k, many) for k in range(3)] == [0, 1, 2]
    # The same particles under a light as strong as that of one of them.
    levels = [many.image(k).mean() for k in range(3)]
    for seed, k in ((4, int(np.argmin(levels))), (5, int(np.argmax(levels)))):
        other = store(seed, 1, radius=[4, 9], background=[levels[k] * 1.3] * 2)
        assert most_alike(other, 0, many) == k
    assert [most_alike(many, k, many, among=2) for k in (0, 2)] == [0, 2]
    assert most_alike(many, 1, many, among=2) in (0, 2)


def test_white_noise_has_the_power_of_its_variance():
    noise = 50 + np.random.default_rng(0).normal(0, 3, (300, 200))
    frequency, power = power_spectrum(noise)
    assert frequency[0] == pytest.approx(0.005)
    assert power[10:].mean() == pytest.approx(9, rel=0.03)
    # A wave stands where its frequency is.
    wave = 5 * np.sin(2 * np.pi * 0.123 * np.arange(200))
    assert frequency[np.nanargmax(power_spectrum(noise + wave)[1])] == pytest.approx(0.125)
