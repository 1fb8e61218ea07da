import pytest
import torch

from segmill import losses
from segmill.errors import ConfigError
from tests.losses.test_losses import make


def test_the_losses_of_the_studies_are_there_and_say_what_they_need():
    needs = {name: losses.build(name).needs for name in losses.names()}
    assert needs == {
        "cross_entropy": ("semantic",),
        "dice": ("semantic",),
        "focal": ("notions",),
        "jaccard": ("semantic",),
        "mse": ("target",),
        "mse_tv": ("target",),
        "weighted_cross_entropy": ("semantic", "weight"),
    }
    assert losses.build("dice", activation="sigmoid").needs == ("notions",)
    assert losses.build("focal", click=True).needs == ("notions", "target")
    assert losses.build("mse", truth="semantic").needs == ("semantic",)


def test_unknown_names_and_options_name_the_legal_ones():
    with pytest.raises(ConfigError, match=r"'dise'.*cross_entropy, dice"):
        losses.build("dise")
    with pytest.raises(ConfigError, match=r"smoth: unknown option; did you mean smooth"):
        losses.build("dice", smoth=1)
    with pytest.raises(ConfigError, match=r"activation: expected one of softmax, sigmoid"):
        losses.build("dice", activation="relu")


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"gamma": 0.5}, "gamma: expected 0 or at least 1"),
        ({"gamma": -1}, "gamma"),
        ({"weights": [0, 0]}, "at least one weight above 0"),
        ({"weights": [1, -1]}, "weights"),
        ({"click_weight": -1}, "click_weight: expected at least 0.0"),
    ],
)
def test_options_of_the_focal_loss_that_have_no_sense(options, match):
    with pytest.raises(ConfigError, match=match):
        losses.build("focal", **options)


def test_focal_weights_must_fit_the_notions():
    prediction, truth = make()
    with pytest.raises(ValueError, match="each of 3 notions, found 2"):
        losses.build("focal", weights=[1, 1])(prediction, truth)


def test_a_click_is_one_heat_map_behind_the_notions():
    prediction, truth = make()
    with pytest.raises(ValueError, match=r"expected target of shape \(2, 1, 5, 4\), found \(2, 3"):
        losses.build("focal", click=True)(prediction, truth)
    truth["target"] = truth["target"][:, :1]
    with pytest.raises(ValueError, match="outputs of notions and of a click, found one"):
        losses.build("focal", click=True)(prediction[:, :1], truth)
    with pytest.raises(ValueError, match="each of 2 notions, found 3"):
        losses.build("focal", click=True, weights=[1, 1, 1])(prediction, truth)


def test_a_missing_entry_is_named():
    prediction, truth = make()
    del truth["weight"]
    with pytest.raises(ValueError, match="needs weight in the truth, found ignore, notions"):
        losses.build("weighted_cross_entropy")(prediction, truth)


@pytest.mark.parametrize(
    ("name", "key", "shape"),
    [
        ("cross_entropy", "semantic", (2, 5, 5)),
        ("weighted_cross_entropy", "weight", (2, 1, 5, 4)),
        ("mse", "target", (2, 5, 4, 3)),
        ("dice", "ignore", (2, 4, 5)),
    ],
)
def test_a_wrong_shape_is_named(name, key, shape):
    prediction, truth = make()
    truth[key] = torch.zeros(shape, dtype=truth[key].dtype)
    with pytest.raises(ValueError, match=rf"expected {key} of shape .*found \(2"):
        losses.build(name)(prediction, truth)


def test_a_prediction_that_is_no_float_image_is_refused():
    _, truth = make()
    for wrong in (torch.zeros(2, 5, 4), torch.zeros(2, 3, 5, 4, dtype=torch.int64)):
        with pytest.raises(ValueError, match="expected a prediction"):
            losses.build("dice")(wrong, truth)


def test_an_ignore_mask_that_is_not_bool_is_refused():
    prediction, truth = make()
    truth["ignore"] = truth["ignore"].to(torch.uint8)
    with pytest.raises(ValueError, match="ignore as bool, found"):
        losses.build("dice")(prediction, truth)


def test_an_id_beyond_the_classes_is_refused():
    prediction, truth = make(ignored=0.0)
    truth["semantic"][0, 0, 0] = 3
    with pytest.raises(ValueError, match="class ids below 3, found 3"):
        losses.build("cross_entropy")(prediction, truth)


def test_more_notions_than_a_store_has_bits_are_refused():
    prediction, truth = torch.zeros(1, 17, 2, 2), {"notions": torch.zeros(1, 2, 2).short()}
    with pytest.raises(ValueError, match="at most 16 notions, found 17"):
        losses.build("focal")(prediction, truth)


def test_the_sixteenth_notion_is_read():
    truth = {"notions": torch.full((1, 2, 2), 2**15, dtype=torch.uint16)}
    prediction = torch.full((1, 16, 2, 2), -50.0)
    prediction[:, 15] = 50.0
    assert losses.build("focal")(prediction, truth).item() == pytest.approx(0, abs=1e-6)


def test_overlap_without_background_needs_another_class():
    truth = {"semantic": torch.zeros(1, 2, 2, dtype=torch.uint8)}
    with pytest.raises(ValueError, match="two classes"):
        losses.build("dice", background=False)(torch.zeros(1, 1, 2, 2), truth)
