import pytest
import torch
from torch import nn

from segmill import models
from segmill.models.dropout import GaussianDropout, dropout


@pytest.mark.parametrize("kind", ["none", "standard", "gaussian", "additive"])
def test_noise_acts_in_training_only_and_is_drawn_from_the_global_generator(kind):
    layer, x = dropout(kind, 0.3), torch.randn(2, 3, 8, 8)
    assert layer.eval()(x) is x or torch.equal(layer(x), x)
    layer.train()
    torch.manual_seed(1)
    one = layer(x)
    torch.manual_seed(1)
    assert torch.equal(layer(x), one)
    assert torch.equal(one, x) == (kind == "none")


def test_standard_dropout_drops_its_share_and_keeps_the_mean():
    torch.manual_seed(0)
    out = dropout("standard", 0.25)(torch.ones(400_000))
    assert out.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert (out == 0).float().mean() == pytest.approx(0.25, abs=0.005)


def test_gaussian_dropout_has_the_mean_and_variance_of_bernoulli_dropout():
    torch.manual_seed(0)
    rate, ones = 0.2, torch.ones(400_000)
    gaussian, bernoulli = dropout("gaussian", rate)(ones), dropout("standard", rate)(ones)
    assert gaussian.mean() == pytest.approx(1, abs=0.005)
    assert gaussian.var() == pytest.approx(0.25, rel=0.02)
    assert bernoulli.var() == pytest.approx(0.25, rel=0.02)


def test_gaussian_dropout_scales_with_the_value_and_additive_noise_does_not():
    torch.manual_seed(0)
    tens = torch.full((400_000,), 10.0)
    assert dropout("gaussian", 0.2)(tens).std() == pytest.approx(5, rel=0.02)
    additive = dropout("additive", 0.2)(tens)
    assert additive.std() == pytest.approx(0.2, rel=0.02)
    assert additive.mean() == pytest.approx(10, abs=0.01)


@pytest.mark.parametrize("kind", ["gaussian", "additive"])
def test_rate_zero_draws_nothing(kind):
    x, state = torch.randn(5), torch.get_rng_state()
    assert dropout(kind, 0.0)(x) is x
    assert torch.equal(torch.get_rng_state(), state)


def test_networks_place_the_noise_behind_each_pair_but_the_last():
    model = models.build("unet_compressed", 1, 3, dropout="gaussian", rate=0.1)
    noises = [m for m in model.modules() if isinstance(m, GaussianDropout)]
    assert len(noises) == 4
    assert {noise.rate for noise in noises} == {0.1}
    assert not any(isinstance(m, GaussianDropout | nn.Dropout) for m in model.merge[-1])
