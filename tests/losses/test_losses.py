"""Each loss against its definition, against torch where that has it, and at the edges of sense."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from segmill import losses
from segmill.errors import ConfigError
from tests.losses.reference import loss_by_definition

EVERY = [
    ("mse", {}),
    ("mse", {"truth": "semantic"}),
    ("mse", {"weights": [1.0, 0.0, 7.5]}),
    ("mse_tv", {"alpha": 0.01}),
    ("cross_entropy", {}),
    ("weighted_cross_entropy", {}),
    ("focal", {}),
    ("focal", {"gamma": 0.0, "weights": [1.0, 0.0, 3.0]}),
    ("focal", {"click": True, "click_weight": 2.5, "weights": [1.0, 4.0]}),
    ("focal", {"click": True, "gamma": 0.0}),
    ("dice", {}),
    ("dice", {"activation": "sigmoid", "per_image": True}),
    ("jaccard", {"background": False}),
    ("jaccard", {"activation": "sigmoid", "smooth": 0.5}),
]


def make(seed=0, shape=(2, 3, 5, 4), ignored=0.3, scale=2.0, options=None):
    """A prediction in float64 and a truth with every entry, the target of these options' loss."""
    rng = np.random.default_rng(seed)
    batch, classes, height, width = shape
    pixels = (batch, height, width)
    truth = {
        "semantic": torch.from_numpy(rng.integers(0, classes, pixels, dtype=np.uint8)),
        "weight": torch.from_numpy(rng.random(pixels, dtype=np.float32) * 5),
        "notions": torch.from_numpy(rng.integers(0, 2**classes, pixels).astype(np.uint16)),
        "target": torch.from_numpy(rng.normal(size=shape).astype(np.float32)),
        "ignore": torch.from_numpy(rng.random(pixels) < ignored),
    }
    prediction = torch.from_numpy(rng.normal(size=shape) * scale)
    if (options or {}).get("click"):
        truth["target"] = torch.from_numpy(rng.random((batch, 1, height, width), np.float32))
        truth["target"][0, 0, :2] = float("nan")
    return prediction, truth


@pytest.mark.parametrize(("name", "options"), EVERY)
@pytest.mark.parametrize("ignored", [0.0, 0.4])
def test_value_is_that_of_the_definition(name, options, ignored):
    prediction, truth = make(seed=3, ignored=ignored, options=options)
    loss = losses.build(name, **options)
    expected = loss_by_definition(name, options, prediction, truth)
    assert loss(prediction, truth).item() == pytest.approx(expected, rel=1e-6)
    single = loss(prediction.float(), truth)
    assert single.dtype == torch.float32
    assert single.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("name", "options"), EVERY)
def test_gradient_is_that_of_finite_differences(name, options):
    prediction, truth = make(seed=1, shape=(2, 3, 3, 3), options=options)
    loss = losses.build(name, **options)
    assert torch.autograd.gradcheck(lambda p: loss(p, truth), prediction.requires_grad_())


@pytest.mark.parametrize(("name", "options"), EVERY)
@pytest.mark.parametrize("content", ["none", "all"])
def test_empty_and_full_masks_follow_the_definition_and_its_gradient(name, options, content):
    """No pixel of any class but the first and no notion at all; or nothing but them."""
    prediction, truth = make(seed=4, shape=(2, 3, 3, 3), options=options)
    truth["semantic"][:] = 0 if content == "none" else 2
    truth["notions"] = torch.full_like(truth["notions"].int(), 0 if content == "none" else 7)
    loss = losses.build(name, **options)
    expected = loss_by_definition(name, options, prediction, truth)
    assert loss(prediction, truth).item() == pytest.approx(expected, rel=1e-6)
    assert torch.autograd.gradcheck(lambda p: loss(p, truth), prediction.requires_grad_())


@pytest.mark.parametrize(("name", "options"), EVERY)
def test_nothing_under_the_ignore_mask_matters(name, options):
    prediction, truth = make(seed=2, options=options)
    loss = losses.build(name, **options)
    gradients, values = [], []
    for poison in (False, True):
        dirty = {key: value.clone() for key, value in truth.items()}
        if poison:
            where = truth["ignore"]
            dirty["semantic"][where] = 255
            dirty["weight"][where] = float("nan")
            dirty["notions"] = torch.where(where, 7, truth["notions"].int())
            dirty["target"].movedim(1, -1)[where] = float("inf")
        logits = prediction.clone().requires_grad_()
        value = loss(logits, dirty)
        value.backward()
        values.append(value.item())
        gradients.append(logits.grad)
    assert values[0] == values[1]
    assert torch.equal(*gradients)
    under = gradients[0].movedim(1, -1)[truth["ignore"]]
    assert not under.any()


@pytest.mark.parametrize(("name", "options"), EVERY)
def test_all_ignored_is_zero_with_a_gradient_of_zero(name, options):
    prediction, truth = make(ignored=2.0, options=options)
    logits = prediction.requires_grad_()
    value = losses.build(name, **options)(logits, truth)
    value.backward()
    assert value.item() == 0
    assert not logits.grad.any()


@pytest.mark.parametrize(("name", "options"), EVERY)
def test_without_an_ignore_mask_every_pixel_counts(name, options):
    prediction, truth = make(ignored=0.0, options=options)
    loss = losses.build(name, **options)
    with_mask = loss(prediction, truth)
    del truth["ignore"]
    assert torch.equal(loss(prediction, truth), with_mask)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("name", "options"), EVERY)
def test_half_precision_is_computed_in_float32_even_under_autocast(name, options, dtype):
    prediction, truth = make(shape=(2, 3, 16, 16), options=options)
    half = prediction.to(dtype)
    loss = losses.build(name, **options)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(half, truth)
    assert value.dtype == torch.float32
    assert value.item() == loss(half.float(), truth).item()


@settings(max_examples=30, deadline=None)
@given(
    which=st.sampled_from(EVERY),
    scale=st.sampled_from([0.0, 1.0, 100.0, 6e4]),
    constant=st.sampled_from([None, 0, 2]),
    ignored=st.sampled_from([0.0, 0.5]),
    seed=st.integers(0, 100),
)
def test_extreme_logits_and_empty_masks_stay_finite(which, scale, constant, ignored, seed):
    prediction, truth = make(seed, (1, 3, 4, 3), ignored, scale, which[1])
    if constant is not None:
        truth["semantic"][:] = constant
        truth["notions"] = torch.full_like(truth["notions"].int(), constant)
    logits = prediction.float().clamp(-6e4, 6e4).half().requires_grad_()
    value = losses.build(which[0], **which[1])(logits, truth)
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(logits.grad).all()
    assert value >= 0


def test_a_perfect_prediction_costs_nothing_and_a_wrong_one_much():
    _, truth = make(ignored=0.0)
    onehot = F.one_hot(truth["semantic"].long(), 3).movedim(-1, 1).double()
    for name in ("cross_entropy", "dice", "jaccard"):
        loss = losses.build(name)
        assert loss(100 * onehot, truth).item() == pytest.approx(0, abs=1e-6)
        assert loss(-100 * onehot, truth).item() > 0.4


def test_weighted_cross_entropy_with_ones_is_torchs_cross_entropy():
    prediction, truth = make(ignored=0.0)
    truth["weight"] = torch.ones_like(truth["weight"])
    expected = F.cross_entropy(prediction, truth["semantic"].long())
    for name in ("cross_entropy", "weighted_cross_entropy"):
        assert torch.allclose(losses.build(name)(prediction, truth), expected)


def test_weighted_cross_entropy_grows_with_the_weights():
    """It is no weighted mean: twice the weights are twice the loss."""
    prediction, truth = make()
    loss = losses.build("weighted_cross_entropy")
    once = loss(prediction, truth)
    truth["weight"] *= 2
    assert torch.allclose(loss(prediction, truth), 2 * once)


def test_focal_without_focus_is_torchs_binary_cross_entropy():
    prediction, truth = make(ignored=0.0)
    bits = truth["notions"].int()[:, None] >> torch.arange(3)[:, None, None] & 1
    expected = F.binary_cross_entropy_with_logits(prediction, bits.double())
    assert torch.allclose(losses.build("focal", gamma=0)(prediction, truth), expected)


def test_binary_dice_is_f1_and_jaccard_is_iou_for_certain_predictions():
    rng = np.random.default_rng(0)
    mask, guess = rng.random((2, 1, 20, 20)) < 0.4
    truth = {"notions": torch.from_numpy(mask.astype(np.uint16))}
    logits = torch.from_numpy(np.where(guess, 100.0, -100.0))[:, None]
    options = {"activation": "sigmoid", "smooth": 1e-6}
    both, either = (mask & guess).sum(), (mask | guess).sum()
    dice = losses.build("dice", **options)(logits, truth).item()
    assert dice == pytest.approx(1 - 2 * both / (mask.sum() + guess.sum()), abs=1e-6)
    jaccard = losses.build("jaccard", **options)(logits, truth).item()
    assert jaccard == pytest.approx(1 - both / either, abs=1e-6)


CLICK = {"click": True, "click_weight": 2.0}


def test_the_click_of_certain_targets_is_the_focal_loss_itself():
    """Where the heat map is 0 or 1, a click costs what a notion of that mask does."""
    prediction, truth = make(ignored=0.3)
    mask = truth["notions"].int() >> 2 & 1
    truth["target"] = mask[:, None].float()
    both = losses.build("focal", click=True)(prediction, truth)
    assert both.item() == pytest.approx(losses.build("focal")(prediction, truth).item(), rel=1e-6)


@pytest.mark.parametrize("heat", [0.0, 0.2, 0.7, 1.0])
def test_the_click_costs_least_at_the_height_of_the_heat_map(heat):
    scores = torch.linspace(0.01, 0.99, 99, dtype=torch.float64)
    logits = torch.zeros(99, 2, 1, 1, dtype=torch.float64)
    logits[:, 1, 0, 0] = scores.logit()
    truth = {"notions": torch.zeros(1, 1, 1).int(), "target": torch.full((1, 1, 1, 1), heat)}
    costs = [losses.build("focal", click=True)(one[None], truth).item() for one in logits]
    assert scores[int(np.argmin(costs))].item() == pytest.approx(heat, abs=0.011)


def test_an_image_without_a_recorded_click_teaches_no_click():
    prediction, truth = make(options=CLICK)
    truth["target"][1] = float("nan")
    logits = prediction.clone().requires_grad_()
    losses.build("focal", **CLICK)(logits, truth).backward()
    assert not logits.grad[1, -1].any()
    assert logits.grad[1, :-1].any()
    assert not logits.grad[0, -1, :2].any()
    assert logits.grad[0, -1, 2:].any()
    truth["target"][:] = float("nan")
    logits.grad = None
    value = losses.build("focal", **CLICK)(logits, truth)
    value.backward()
    assert not logits.grad[:, -1].any()
    assert value.item() == pytest.approx(losses.build("focal")(logits[:, :-1], truth).item() * 0.5)


def test_targets_of_nan_are_left_out_of_a_squared_error():
    prediction, truth = make(ignored=0.0)
    truth["target"][0, 1] = float("nan")
    logits = prediction.clone().requires_grad_()
    value = losses.build("mse")(logits, truth)
    value.backward()
    kept = ~truth["target"].isnan()
    expected = (prediction - truth["target"])[kept].square().mean()
    assert value.item() == pytest.approx(expected.item(), rel=1e-6)
    assert torch.equal(logits.grad != 0, kept)


def test_weights_of_a_squared_error_hold_for_what_is_left_of_an_output():
    prediction, truth = make(ignored=0.0)
    truth["target"][0, 1] = float("nan")
    kept = ~truth["target"].isnan()
    weight = torch.tensor([1.0, 4.0, 2.0])[:, None, None].expand_as(prediction)[kept]
    errors = (prediction - truth["target"])[kept].square()
    value = losses.build("mse", weights=[1.0, 4.0, 2.0])(prediction, truth)
    assert value.item() == pytest.approx(((weight * errors).sum() / weight.sum()).item(), rel=1e-6)
    with pytest.raises(
        ConfigError, match=r"expected one for each of 3 outputs, found \[1\.0, 2\.0\]"
    ):
        losses.build("mse", weights=[1.0, 2.0])(prediction, truth)
    with pytest.raises(ConfigError, match=r"weights: expected some above 0"):
        losses.build("mse", weights=[0.0, 0.0])
