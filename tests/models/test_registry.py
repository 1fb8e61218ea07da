import json
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from segmill import models
from segmill.errors import ConfigError
from segmill.models import registry
from segmill.models.initialisation import initialise
from segmill.options import option

SMALL = {"unet": {"widths": [4, 6, 8]}, "unet_compressed": {"widths": [4, 8]}}


def equal_weights(one: nn.Module, other: nn.Module) -> bool:
    a, b = one.state_dict(), other.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_unknown_network_names_the_legal_ones():
    with pytest.raises(ConfigError, match=r"'unett'.*unet, unet_compressed"):
        models.build("unett", 1, 3)


def test_all_wrong_options_are_named_with_the_legal_ones():
    with pytest.raises(ConfigError) as caught:
        models.build("unet", 1, 3, norms="batch", upsampling="bilinear", widths=[8, 0])
    message = str(caught.value)
    assert "norms: unknown option; did you mean norm?" in message
    assert "upsampling: expected one of nearest, transposed, found 'bilinear'" in message
    assert "widths: in its list, expected at least 1, found 0" in message


@pytest.mark.parametrize("widths", [[], 8, [8, "x"]])
@pytest.mark.parametrize("name", ["unet", "unet_compressed"])
def test_illegal_widths(name, widths):
    with pytest.raises(ConfigError, match="widths"):
        models.build(name, 1, 3, widths=widths)


@pytest.mark.parametrize(("channels", "key"), [((0, 3), "in_channels"), ((1, 2.0), "out_channels")])
def test_illegal_channels(channels, key):
    with pytest.raises(ConfigError, match=key):
        models.build("unet_compressed", *channels)


@pytest.mark.parametrize("name", sorted(SMALL))
def test_one_seed_gives_one_set_of_weights(name):
    built = []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        built.append(models.build(name, 2, 3, **SMALL[name]))
    assert equal_weights(built[0], built[1])
    assert not equal_weights(built[0], built[2])


@pytest.mark.parametrize("name", sorted(SMALL))
def test_a_configuration_survives_json_and_builds_the_same_network(name):
    model = models.build(name, 2, 3, **SMALL[name], dropout="standard")
    again = models.rebuild(json.loads(json.dumps(model.configuration)))
    assert again.configuration == model.configuration
    assert again.configuration["options"]["rate"] == 0.2
    again.load_state_dict(model.state_dict())
    image = torch.randn(1, 2, 8, 8)
    assert torch.equal(model.eval()(image), again.eval()(image))


def test_a_new_network_is_one_decorated_class(monkeypatch):
    monkeypatch.setattr(registry, "_NETWORKS", dict(registry._NETWORKS))

    @dataclass(frozen=True)
    class Options:
        kernel: int = option(3, low=1)

    @models.register("line", Options)
    class Line(nn.Conv2d):
        size_multiple = 1

        def __init__(self, in_channels, out_channels, kernel):
            super().__init__(in_channels, out_channels, kernel, padding="same")

    model = models.build("line", 1, 2, kernel=5)
    assert model.kernel_size == (5, 5)
    assert "line" in models.names()
    with pytest.raises(ValueError, match="registered already"):
        models.register("line", Options)(Line)


def test_initialise_is_he_normal_and_leaves_the_global_generator_alone():
    model = models.build("unet", 3, 2, widths=[64, 128], upsampling="transposed", norm="group")
    state = torch.get_rng_state()
    initialise(model, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    convolution, transposed = model.down[1][1][0], model.up[0][0]
    assert convolution.weight.detach().std() == pytest.approx((2 / (128 * 9)) ** 0.5, rel=0.02)
    # Each output pixel of a 2x2 transposed convolution of stride 2 sums one tap of 128 channels.
    assert transposed.weight.detach().std() == pytest.approx((2 / 128) ** 0.5, rel=0.02)
    assert not convolution.bias.any()
    kept = convolution.weight.clone()
    assert torch.equal(initialise(model, seed=1).down[1][1][0].weight, kept)
    assert not torch.equal(initialise(model, seed=2).down[1][1][0].weight, kept)


def test_initialise_empties_the_statistics():
    model = models.build("unet_compressed", 1, 3, **SMALL["unet_compressed"])
    model(torch.randn(2, 1, 8, 8) + 3)
    norm = model.down[0][0][1]
    assert norm.running_mean.any()
    initialise(model, seed=0)
    assert not norm.running_mean.any()
    assert int(norm.num_batches_tracked) == 0
