import numpy as np
import pytest

from segmill.inference import Predictor, latency
from segmill.inference.network import TrainedNetwork


def test_columns_and_batches(model_file, monkeypatch):
    seen = []
    plain = TrainedNetwork.probabilities

    def counted(network, pixels):
        seen.append(pixels.shape)
        return plain(network, pixels)

    monkeypatch.setattr(TrainedNetwork, "probabilities", counted)
    table = latency(
        Predictor.load(model_file, device="cpu"), (17, 30), (1, 3), repeats=4, warm_up=2
    )
    multiple = Predictor.load(model_file).networks[0].bundle.model.size_multiple
    height, width = (int(np.ceil(side / multiple) * multiple) for side in (17, 30))
    assert (
        seen
        == [(1, 1, height, width)] * 2
        + [(3, 1, height, width)] * 2
        + [
            (1, 1, height, width),
            (3, 1, height, width),
        ]
        * 4
    )
    assert table["batch"].tolist() == [1, 3]
    assert (table["height"] == height).all()
    assert (table["device"] == "cpu").all()
    assert (table["ms_per_image_min"] <= table["ms_per_image_low"]).all()
    assert (table["ms_per_image_low"] <= table["ms_per_image"]).all()
    assert (table["ms_per_image"] <= table["ms_per_image_high"]).all()
    np.testing.assert_allclose(table["images_per_s"] * table["ms_per_image"], 1000)


def test_times_are_those_of_the_clock(model_file, monkeypatch):
    from segmill.inference import speed

    # Runs of 0.3 s for a batch of 3 and, before each of these, 0.2 s for one image.
    ticks = iter(np.cumsum([0, 0.2, 0, 0.3] * 5).tolist())
    monkeypatch.setattr(speed.time, "perf_counter", lambda: next(ticks))
    table = latency(Predictor.load(model_file), (16, 16), (1, 3), repeats=5, warm_up=0)
    np.testing.assert_allclose(table["ms_per_image"], [200, 100])
    np.testing.assert_allclose(table["images_per_s"], [5, 10])


def test_every_network_and_view_is_part_of_the_time(model_file, other_model_file, monkeypatch):
    calls = []
    plain = TrainedNetwork.probabilities
    monkeypatch.setattr(
        TrainedNetwork,
        "probabilities",
        lambda network, pixels: calls.append(1) or plain(network, pixels),
    )
    predictor = Predictor.load([model_file, other_model_file], tta="flips")
    latency(predictor, (16, 16), (2,), repeats=1, warm_up=0)
    assert len(calls) == 2 * 4


@pytest.mark.parametrize("wrong", [{"batch_sizes": (0,)}, {"repeats": 0}, {"shape": (0, 4)}])
def test_nothing_to_time_is_refused(model_file, wrong):
    options = {"shape": (8, 8), "batch_sizes": (1,), "repeats": 1} | wrong
    with pytest.raises(ValueError, match="at least 1"):
        latency(Predictor.load(model_file), **options)
