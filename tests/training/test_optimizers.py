import pytest
import torch
from torch import nn

from segmill.errors import ConfigError
from segmill.training.optimizers import build_optimizer, optimizer_options


def test_rmsprop_is_the_one_of_its_lecture_with_weight_decay():
    """Step: rate g / (sqrt(v) + eps), v = alpha v + (1 - alpha) g^2, with g + decay w for g."""
    torch.manual_seed(0)
    w = nn.Parameter(torch.randn(5, dtype=torch.float64))
    options = {"alpha": 0.9, "eps": 1e-7, "weight_decay": 1e-4}
    optimizer = build_optimizer("rmsprop", [w], options)
    expected, v, rate = w.detach().clone(), torch.zeros(5, dtype=torch.float64), 1e-3
    for _ in range(5):
        target = torch.randn(5, dtype=torch.float64)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        (w - target).square().sum().backward()
        optimizer.step()
        gradient = 2 * (expected - target) + 1e-4 * expected
        v = 0.9 * v + 0.1 * gradient**2
        expected = expected - rate * gradient / (v.sqrt() + 1e-7)
    torch.testing.assert_close(w.detach(), expected)


def test_defaults_are_those_of_torch():
    assert optimizer_options("rmsprop", {}) == {
        "alpha": 0.99,
        "eps": 1e-8,
        "weight_decay": 0.0,
        "momentum": 0.0,
        "centered": False,
    }


def test_an_option_of_another_library_is_refused():
    with pytest.raises(ConfigError, match="rho: unknown option"):
        optimizer_options("rmsprop", {"rho": 0.9})
