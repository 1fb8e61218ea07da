import numpy as np
import pytest
import torch

import segmill
from segmill.errors import ConfigError, IntegrityError, SegmillError
from segmill.inference import ImageError, Predictor, instances_from_scores
from segmill.inference.pixels import as_pixels
from tests.inference.conftest import write_model


def image(shape=(30, 41), dtype=np.uint8, seed=0):
    values = np.random.default_rng(seed).random(shape)
    return (values * np.iinfo(dtype).max).astype(dtype)


def by_hand(predictor, prepared):
    """Probabilities of an (h, w, C) uint8 image of legal sides, computed step by step."""
    bundle = predictor.networks[0].bundle
    x = torch.tensor(prepared / 255.0, dtype=torch.float32).permute(2, 0, 1)[None]
    mean, std = (torch.tensor(v).reshape(1, -1, 1, 1) for v in (bundle.mean, bundle.std))
    with torch.no_grad():
        logits = bundle.model((x - mean) / std)
    return torch.softmax(logits, 1)[0].permute(1, 2, 0).numpy()


def test_scores_are_the_networks_probabilities(model_file):
    predictor = segmill.Predictor.load(model_file)
    pixels = image((32, 40, 1))
    found = predictor.predict(pixels)
    np.testing.assert_allclose(found.scores, by_hand(predictor, pixels), atol=1e-6)
    np.testing.assert_allclose(found.scores.sum(axis=2), 1, atol=1e-5)
    assert found.scores.dtype == np.float32
    assert found.classes == predictor.classes == ("background", "cell", "border")
    np.testing.assert_array_equal(found.semantic, found.scores.argmax(axis=2))
    np.testing.assert_array_equal(found.instances, instances_from_scores(found.scores))
    assert found.semantic.dtype == np.uint8
    assert found.instances.dtype == np.int32


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (7, 3), (33, 40)])
def test_any_size_in_the_frame_of_the_image(model_file, shape):
    found = Predictor.load(model_file).predict(image(shape))
    assert found.scores.shape == (*shape, 3)
    assert found.semantic.shape == found.instances.shape == shape


def test_accepted_images(model_file):
    predictor = Predictor.load(model_file)
    pixels = image()
    plain = predictor.predict(pixels).scores
    np.testing.assert_array_equal(predictor.predict(pixels[:, :, None]).scores, plain)
    for same in (pixels.astype(np.uint16) * 257, pixels / 255, (pixels / 255).astype(np.float32)):
        np.testing.assert_allclose(predictor.predict(same).scores, plain, atol=1e-5)
    np.testing.assert_array_equal(predictor.predict(np.asfortranarray(pixels)).scores, plain)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((4, 4), np.int32), "found int32"),
        (np.zeros((4, 4), bool), "found bool"),
        (np.full((4, 4), 2.0), "floats from 0 to 1, found 2 to 2"),
        (np.full((4, 4), np.nan), "floats from 0 to 1, found nan"),
        (np.zeros((2, 4, 4, 1), np.uint8), r"found \(2, 4, 4, 1\)"),
        (np.zeros((0, 4), np.uint8), r"found \(0, 4, 1\)"),
        (np.zeros((4, 4, 3), np.uint8), "an image of 1 channels .* found 3"),
    ],
)
def test_wrong_images_are_refused(model_file, wrong, message):
    with pytest.raises(ImageError, match=message):
        Predictor.load(model_file).predict(wrong)
    assert issubclass(ImageError, SegmillError)
    assert issubclass(ImageError, ValueError)


def test_channels_that_cannot_be_converted_are_refused(tmp_path):
    path = write_model(tmp_path / "m.pt", in_channels=3, preprocessing={"channels": "rgb"})
    predictor = Predictor.load(path)
    assert predictor.predict(image((8, 8))).scores.shape == (8, 8, 3)
    with pytest.raises(ImageError, match="needs 1, 3 or 4 channels, found 2"):
        predictor.predict(image((8, 8, 2)))


def test_floats_become_16_bits():
    assert as_pixels(np.array([[0.0, 0.5, 1.0]])).ravel().tolist() == [0, 32768, 65535]


def test_preprocessing_of_the_training_is_applied_and_scores_come_back_to_size(tmp_path):
    preprocessing = {"normalise": {"mode": "minmax"}, "rescale": 0.5}
    predictor = Predictor.load(write_model(tmp_path / "m.pt", preprocessing=preprocessing))
    pixels = image((32, 48))
    found = predictor.predict(pixels)
    assert found.scores.shape == (32, 48, 3)
    prepared = predictor.networks[0].preprocessing.apply(pixels)
    assert prepared.shape == (16, 24, 1)
    small = by_hand(predictor, prepared)
    # Enlarging keeps the mean over the image, but for the clamped edges.
    np.testing.assert_allclose(found.scores.mean((0, 1)), small.mean((0, 1)), atol=0.01)
    darker = predictor.predict((pixels // 2).astype(np.uint8))
    np.testing.assert_allclose(darker.scores, found.scores, atol=0.05)


def test_exact_tiles_equal_the_whole_image(model_file):
    pixels = image((150, 170))
    whole = Predictor.load(model_file, tiling={"mode": "whole"}).predict(pixels).scores
    exact = Predictor.load(model_file, tiling={"mode": "exact", "size": 32}).predict(pixels).scores
    np.testing.assert_allclose(exact, whole, atol=1e-5)
    grid = Predictor.load(model_file, tiling={"mode": "grid", "grid": 2}).predict(pixels).scores
    assert np.abs(grid - whole).max() > 1e-3


def test_large_images_are_tiled_by_themselves_with_the_same_result(model_file):
    pixels = image((150, 170))
    whole = Predictor.load(model_file).predict(pixels).scores
    tiled = Predictor.load(model_file, tiling={"max_pixels": 1000, "size": 64}).predict(pixels)
    np.testing.assert_allclose(tiled.scores, whole, atol=1e-5)


def test_flips_make_the_result_follow_the_image(model_file):
    pixels = image((32, 32))
    predictor = Predictor.load(model_file, tta="flips")
    straight = predictor.predict(pixels).scores
    mirrored = predictor.predict(np.ascontiguousarray(pixels[:, ::-1])).scores
    np.testing.assert_allclose(mirrored[:, ::-1], straight, atol=1e-5)
    plain = Predictor.load(model_file).predict(pixels).scores
    assert np.abs(plain - straight).max() > 1e-3


def test_an_ensemble_is_the_mean_of_probabilities(model_file, other_model_file):
    pixels = image()
    alone = [Predictor.load(path).predict(pixels).scores for path in (model_file, other_model_file)]
    together = Predictor.load([model_file, other_model_file])
    np.testing.assert_allclose(together.predict(pixels).scores, np.mean(alone, axis=0), atol=1e-6)
    with pytest.raises(ConfigError, match="an ensemble has no logits"):
        together.predict_torch(torch.zeros(1, 1, 8, 8))


def test_networks_of_other_classes_make_no_ensemble(model_file, tmp_path):
    other = write_model(tmp_path / "m.pt", classes=("background", "border", "cell"))
    with pytest.raises(ConfigError, match="networks of an ensemble must agree"):
        Predictor.load([model_file, other])


def test_predict_torch_gives_logits(model_file):
    predictor = Predictor.load(model_file)
    batch = torch.randn(2, 1, 16, 24)
    logits = predictor.predict_torch(batch)
    with torch.no_grad():
        expected = predictor.networks[0].bundle.model(batch)
    torch.testing.assert_close(logits, expected)
    assert not logits.requires_grad


def test_notions_are_independent_and_have_no_classes(tmp_path):
    names = ("crystal", "loop")
    predictor = Predictor.load(write_model(tmp_path / "m.pt", classes=names, task="notions"))
    found = predictor.predict(image())
    assert np.abs(found.scores.sum(axis=2) - 1).max() > 0.01
    assert ((found.scores > 0) & (found.scores < 1)).all()
    with pytest.raises(ConfigError, match="instances: needs exclusive classes"):
        _ = found.instances


def test_targets_are_values(tmp_path):
    path = write_model(tmp_path / "m.pt", classes=("centre",), task="target")
    predictor = Predictor.load(path)
    pixels = image((16, 16))
    logits = predictor.predict_torch(predictor.networks[0].normalise(pixels[None, None]))
    np.testing.assert_allclose(
        predictor.predict(pixels).scores, logits[0, 0, :, :, None], atol=1e-6
    )


def test_reduced_precision_is_close(model_file):
    pixels = image((32, 32))
    precise = Predictor.load(model_file).predict(pixels).scores
    precision = {"dtype": "bf16", "channels_last": True}
    fast = Predictor.load(model_file, precision=precision).predict(pixels).scores
    assert fast.dtype == np.float32
    np.testing.assert_allclose(fast, precise, atol=0.05)
    assert np.abs(fast - precise).max() > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tta": "mirror"}, "tta: expected one of none, flips, dihedral, found 'mirror'"),
        ({"tiling": {"mode": "magic"}}, "tiling of a prediction"),
        ({"instances": {"min_sise": 3}}, "did you mean min_size"),
        ({"precision": {"dtype": "int8"}}, "precision of a prediction"),
        ({"device": "abacus"}, "device: expected auto, cpu or cuda, found 'abacus'"),
    ],
)
def test_wrong_options_are_refused(model_file, options, message):
    with pytest.raises(ConfigError, match=message):
        Predictor.load(model_file, **options)


def test_what_is_no_model_is_refused(tmp_path):
    (tmp_path / "text.pt").write_text("weights")
    for path in (tmp_path / "absent.pt", tmp_path / "text.pt"):
        with pytest.raises(IntegrityError, match=path.name):
            Predictor.load(path)
    with pytest.raises(ConfigError, match="at least one model"):
        Predictor.load([])


def test_the_number_of_threads_is_the_predictors_whatever_torch_has(model_file):
    image = np.random.default_rng(0).integers(0, 256, (61, 75), np.uint8)
    before = torch.get_num_threads()
    expected = Predictor.load(model_file, threads=1).predict(image).scores
    try:
        for threads in (2, 3, 4):
            torch.set_num_threads(threads)
            found = Predictor.load(model_file, threads=1).predict(image).scores
            np.testing.assert_array_equal(found, expected)
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    with pytest.raises(ConfigError, match="threads: expected at least 1, found 0"):
        Predictor.load(model_file, threads=0)
