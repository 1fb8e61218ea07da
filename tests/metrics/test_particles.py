import numpy as np
import pandas as pd
import pytest

from segmill.errors import StoreError
from segmill.metrics import evaluate, summarise
from segmill.metrics.particles import particle_counts, particle_figures, particle_rms
from segmill.samples import Sample
from segmill.store import write_store
from tests.metrics.given import Given


def random_pair(seed, shape=(40, 50), n=25):
    """Truth of boxes with gaps in the ids, and a prediction of moved, missing and false boxes."""
    rng = np.random.default_rng(seed)
    truth, prediction = np.zeros(shape, np.int32), np.zeros(shape, np.int64)
    for k in range(1, n + 1):
        r, c, h, w = rng.integers(0, 40), rng.integers(0, 50), *rng.integers(2, 8, 2)
        if rng.random() < 0.9:
            truth[r : r + h, c : c + w] = 3 * k
        r, c = np.maximum(0, np.array((r, c)) + rng.integers(-1, 2, 2))
        if rng.random() < 0.9:
            prediction[r : r + h + rng.integers(-1, 2), c : c + w] = 10**6 + 7 * k
    return prediction, truth


def by_loops(prediction, truth):
    """Each pair of an IoU above one half, which is one of its kind; else as the definition."""
    sums = np.zeros(5)
    for p in np.unique(prediction[prediction > 0]):
        for t in np.unique(truth[truth > 0]):
            one, other = prediction == p, truth == t
            if (one & other).sum() / (one | other).sum() <= 0.5:
                continue
            distance = np.linalg.norm(np.argwhere(one).mean(0) - np.argwhere(other).mean(0))
            share = (one.sum() - other.sum()) / other.sum()
            sums += 1, distance, distance**2, abs(share), share
    return sums


@pytest.mark.parametrize("seed", range(6))
def test_sums_are_those_of_loops(seed):
    prediction, truth = random_pair(seed)
    # Just above one half: there a pair is no rival of another.
    found = particle_counts(prediction, truth, threshold=0.5 + 1e-9)
    expected = by_loops(prediction, truth)
    assert expected[0] >= 3
    assert list(found) == [
        "particles_matched",
        "centre_error_sum",
        "centre_error_squares",
        "surface_error_sum",
        "surface_bias_sum",
    ]
    np.testing.assert_allclose(list(found.values()), expected, atol=1e-9)


def test_the_same_is_without_error_and_a_shift_is_the_error():
    truth = np.zeros((30, 30), int)
    truth[3:9, 3:9], truth[15:25, 10:20] = 4, 9
    assert set(particle_counts(truth, truth).values()) == {2, 0.0}
    shifted = np.roll(truth, (0, 1), (0, 1))
    found = particle_counts(shifted, truth)
    assert found["centre_error_sum"] == pytest.approx(2)
    assert found["centre_error_squares"] == pytest.approx(2)
    assert found["surface_error_sum"] == 0


def test_what_is_ignored_counts_for_nothing():
    truth = np.zeros((20, 30), int)
    truth[3:9, 3:9], truth[3:9, 20:26] = 1, 2
    prediction = np.roll(truth, 1, 0)
    ignore = np.zeros(truth.shape, bool)
    ignore[:, 15:] = True
    found = particle_counts(prediction, truth, ignore)
    assert found["particles_matched"] == 1
    assert found["centre_error_sum"] == pytest.approx(1)


def test_images_without_particles():
    empty, one = np.zeros((5, 5), int), np.ones((5, 5), int)
    for pair in ((empty, empty), (empty, one), (one, empty)):
        assert set(particle_counts(*pair).values()) == {0}


def counts(seeds):
    rows = []
    for seed in seeds:
        prediction, truth = random_pair(seed)
        n = {
            "n_predicted": len(np.unique(prediction)) - 1,
            "n_reference": len(np.unique(truth)) - 1,
        }
        rows.append(n | particle_counts(prediction, truth))
    return pd.DataFrame(rows)


def test_figures_are_ratios_of_sums_and_the_rms_their_root():
    table = counts(range(5))
    figures = {name: a.sum() / b.sum() for name, (a, b) in particle_figures(table).items()}
    pairs = table["particles_matched"].sum()
    assert figures["centre_error_px"] == pytest.approx(table["centre_error_sum"].sum() / pairs)
    assert figures["surface_error"] == pytest.approx(table["surface_error_sum"].sum() / pairs)
    assert abs(figures["surface_bias"]) <= figures["surface_error"]
    assert figures["particles_predicted"] == table["n_predicted"].mean()
    assert figures["particles_true"] == table["n_reference"].mean()
    found, images = particle_rms(table, repeats=200)["centre_error_rms_px"]
    expected = np.sqrt(table["centre_error_squares"].sum() / pairs)
    assert found.estimate[0] == pytest.approx(expected)
    assert found.low[0] <= found.estimate[0] <= found.high[0]
    assert found.low[0] < found.high[0]
    assert images == 5
    assert found.estimate[0] >= figures["centre_error_px"]


def test_tables_without_particles_have_no_figures():
    table = pd.DataFrame({"n_predicted": [3], "n_reference": [4]})
    assert particle_figures(table) == {}
    assert particle_rms(table) == {}
    nothing = pd.DataFrame([particle_counts(np.zeros((3, 3), int), np.ones((3, 3), int))] * 2)
    found, images = particle_rms(nothing, repeats=50)["centre_error_rms_px"]
    assert np.isnan(found.estimate[0])
    assert images == 0


def test_an_evaluation_measures_particles_when_asked(tmp_path):
    truth = np.zeros((1, 20, 20), np.int32)
    truth[0, 2:8, 2:8], truth[0, 10:16, 10:16] = 1, 2
    moved = np.zeros_like(truth)
    moved[0, 2:8, 3:9], moved[0, 10:16, 10:16] = 1, 2
    image = np.zeros((20, 20, 1), np.uint8)
    stores = []
    for name, labels in (("prediction", moved[0]), ("truth", truth[0])):
        given = Given([Sample(image=image, instances=labels)], ["a"])
        stores.append(write_store(tmp_path / f"{name}.zarr", given))
    assert "particles_matched" not in evaluate(*stores)
    counts = evaluate(*stores, particles=True)
    assert counts["particles_matched"].tolist() == [2]
    figures = summarise(counts).set_index("metric")["value"]
    assert figures["centre_error_px"] == pytest.approx(0.5)
    assert figures["centre_error_rms_px"] == pytest.approx(np.sqrt(0.5))
    assert figures["surface_error"] == 0


def test_particles_without_instances_are_refused(tmp_path):
    semantic = np.zeros((4, 5), np.uint8)
    given = Given([Sample(image=np.zeros((4, 5, 1), np.uint8), semantic=semantic)], ["a"])
    store = write_store(tmp_path / "s.zarr", given)
    with pytest.raises(StoreError, match="particles need instances in both"):
        evaluate(store, store, particles=True)
