import pytest
import torch
from torch import nn

from segmill import losses, models
from segmill.errors import TrainingError
from segmill.training.gradient_check import check_gradients, relative_errors
from segmill.training.precision import Precision, resolve

ENTROPY = losses.build("cross_entropy")


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def noise():
    """Two crops of noise with random classes."""
    drawn = torch.Generator().manual_seed(1)
    image = torch.randn(2, 1, 32, 32, generator=drawn)
    return image, {"semantic": torch.randint(0, 3, (2, 32, 32), generator=drawn)}


class WrongInHalf(torch.autograd.Function):
    """Identity whose gradient is off by `factor` for half-precision values."""

    factor = 1.85

    @staticmethod
    def forward(ctx, x):
        ctx.half = x.dtype != torch.float32
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * WrongInHalf.factor if ctx.half else gradient


class Faulty(nn.Module):
    """Two convolutions, the first of which gets a wrong gradient in half precision."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.last = nn.Conv2d(4, 3, 1)

    def forward(self, x):
        return self.last(WrongInHalf.apply(self.first(x)))


@pytest.mark.parametrize("norm", ["batch", "group", "none"])
@pytest.mark.parametrize("name", ["unet", "unet_compressed"])
def test_combinations_that_are_right_pass(name, norm):
    torch.manual_seed(0)
    model = models.build(name, 1, 3, widths=[8, 16, 32], norm=norm, dropout="standard")
    found = {
        precision: check_gradients(model, noise, ENTROPY, precision).worst
        for precision in (
            Precision(channels_last=True),
            Precision("bf16"),
            Precision("bf16", channels_last=True),
            Precision("fp16", channels_last=True),
        )
    }
    # Rounding shows, and by the digits of the format: the comparison compared something.
    assert found[Precision(channels_last=True)] < 1e-2
    assert found[Precision("fp16", True)] < found[Precision("bf16", True)]
    assert 1e-3 < found[Precision("bf16")] < 0.2


@pytest.mark.parametrize("growth", [5, 16])
@pytest.mark.parametrize(
    "options", [{}, {"convolution": "plain"}, {"norm": "group", "weight_standardisation": True}]
)
def test_depthwise_and_standardised_convolutions_are_right(options, growth):
    torch.manual_seed(0)
    small = {"blocks": [2, 2], "bottleneck": 2, "growth": growth, "first_channels": 24}
    model = models.build("fc_densenet56", 1, 3, **small, **options)
    for precision in (Precision(channels_last=True), Precision("bf16", channels_last=True)):
        assert resolve(precision, model, "cpu") is precision
        worst = check_gradients(model, noise, ENTROPY, precision).worst
        assert 0 < worst < (0.2 if precision.dtype == "bf16" else 1e-2)


def test_a_wrong_gradient_is_named_with_its_error_and_the_cure():
    torch.manual_seed(0)
    with pytest.raises(TrainingError) as caught:
        check_gradients(Faulty(), noise, ENTROPY, Precision("bf16", channels_last=True))
    message = str(caught.value)
    assert "expected a relative error of at most 0.4" in message
    assert "first.weight: 0.8" in message
    assert "first.bias: 0.8" in message
    assert "last.weight" not in message
    assert message.endswith("set precision.dtype to float32")


def test_a_gradient_that_is_not_finite_is_wrong(monkeypatch):
    monkeypatch.setattr(WrongInHalf, "factor", float("nan"))
    with pytest.raises(TrainingError, match=r"first\.weight: inf"):
        check_gradients(Faulty(), noise, ENTROPY, Precision("bf16"))


def test_a_loss_scale_that_is_too_large_is_lowered():
    """The sum over the pixels of an unscaled squared error overflows fp16 at a scale of 65536."""

    def total(prediction, truth):
        return (prediction.float() ** 2).sum()

    model = nn.Conv2d(1, 2, 3)
    assert check_gradients(model, noise, total, Precision("fp16")).worst < 0.05


def test_plain_float32_is_the_reference_and_costs_nothing():
    def never():
        raise AssertionError("no input is needed")

    assert check_gradients(Faulty(), never, ENTROPY, Precision()).errors == {}


def test_the_tolerance_can_be_set():
    found = check_gradients(Faulty(), noise, ENTROPY, Precision("bf16"), tolerance=1.0)
    assert found.worst == pytest.approx(0.85, abs=0.02)
    assert not found.wrong


def test_network_gradients_and_random_state_stay_untouched():
    model = models.build("unet_compressed", 1, 3, widths=[4, 8], dropout="gaussian").eval()
    weights = {key: value.clone() for key, value in model.state_dict().items()}
    state = torch.get_rng_state()

    def draw():
        return torch.randn(1, 1, 8, 8), {"semantic": torch.randint(0, 3, (1, 8, 8))}

    check_gradients(model, draw, ENTROPY, Precision("bf16", channels_last=True))
    assert torch.equal(torch.get_rng_state(), state)
    assert not model.training
    assert all(p.grad is None for p in model.parameters())
    assert all(torch.equal(value, weights[key]) for key, value in model.state_dict().items())
    assert all(p.is_contiguous() for p in model.parameters())


def test_errors_of_gradients_that_cancel_are_judged_by_the_network():
    expected = {"weight": torch.ones(100), "bias": torch.zeros(4), "unused": torch.zeros(2)}
    found = {
        "weight": torch.ones(100) * 1.1,
        "bias": torch.full((4,), 0.01),
        "unused": torch.zeros(2),
    }
    errors = relative_errors(found, expected)
    assert errors["weight"] == pytest.approx(0.1)
    # A tenth of the root mean square gradient (about 1) is what a vanishing gradient is held to.
    assert errors["bias"] == pytest.approx(0.1, rel=0.05)
    assert errors["unused"] == 0


def test_a_parameter_that_is_lost_is_an_error():
    class Forgetful(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.lost = nn.Conv2d(1, 3, 1), nn.Conv2d(1, 3, 1)

        def forward(self, x):
            halves = self.used(x)
            return halves + self.lost(x) if halves.dtype == torch.float32 else halves

    with pytest.raises(TrainingError, match=r"lost\.weight: 1\n"):
        check_gradients(Forgetful(), noise, ENTROPY, Precision("bf16"))


def test_single_numbers_are_judged_together():
    expected = {"a": torch.tensor(3.0), "b": torch.tensor([0.01]), "w": torch.full((4,), 2.0)}
    found = {"a": torch.tensor(3.3), "b": torch.tensor([0.03]), "w": torch.full((4,), 2.0)}
    assert relative_errors(found, expected) == pytest.approx({"w": 0, "a, b": 0.1}, rel=0.01)
    del found["a"]
    assert relative_errors(found, expected)["a, b"] == pytest.approx(1, rel=0.01)
