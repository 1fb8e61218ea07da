import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from segmill import models
from segmill.errors import ConfigError
from segmill.losses import build as build_loss
from segmill.models import adaptive_norms, initialise, measured_receptive_field, receptive_field
from segmill.training.gradient_check import check_gradients
from segmill.training.precision import Precision, resolve

PRESETS = {
    "can7": (24, (1, 2, 4, 8, 16, 32, 64)),
    "blobnet": (24, (1, 2, 4, 8, 16, 32)),
    "can24": (24, (1, 2, 4, 8, 16, 32, 64, 1)),
    "can32": (32, (1, 2, 4, 8, 16, 32, 64, 128, 1)),
}


def parameters_by_hand(channels, layers, before, after):
    """Weights and biases of 3x3 convolutions, lambda, mu, scale and shift of norms, 1x1 at last."""
    first = 9 * before * channels + channels
    others = (layers - 1) * (9 * channels**2 + channels)
    return first + others + layers * (2 + 2 * channels) + channels * after + after


def by_hand(model, image, slope=0.2):
    """The network of its weights, operation by operation, with batch statistics."""
    weights, x = model.state_dict(), image
    layers = sum(name.endswith("0.weight") for name in weights)
    dilations = PRESETS["can24"][1]
    for s in range(layers):
        w, b = weights[f"layers.{s}.0.weight"], weights[f"layers.{s}.0.bias"]
        x = F.conv2d(x, w, b, padding=dilations[s], dilation=dilations[s])
        mean = x.mean((0, 2, 3), keepdim=True)
        deviation = (x.var((0, 2, 3), keepdim=True, unbiased=False) + 1e-5).sqrt()
        scale, shift = (weights[f"layers.{s}.1.batch.{n}"] for n in ("weight", "bias"))
        normal = (x - mean) / deviation * scale[:, None, None] + shift[:, None, None]
        x = weights[f"layers.{s}.1.lambda_"] * x + weights[f"layers.{s}.1.mu"] * normal
        x = torch.maximum(slope * x, x)
    return F.conv2d(x, weights["head.weight"], weights["head.bias"])


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_presets_have_their_layers_parameters_and_field(preset):
    channels, dilations = PRESETS[preset]
    model = models.build("can", 3, 2, preset=preset)
    found = [m for m in model.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
    assert [layer.dilation[0] for layer in found] == list(dilations)
    described = models.describe(model)
    assert described["parameters"] == parameters_by_hand(channels, len(dilations), 3, 2)
    assert described["running_statistics"] == 2 * channels * len(dilations)
    convolutions = 27 * channels + 9 * channels**2 * (len(dilations) - 1) + 2 * channels
    assert described["multiply_adds_per_pixel"] == convolutions
    assert described["receptive_field"] == 1 + 2 * sum(dilations)
    assert measured_receptive_field(model) == 1 + 2 * sum(dilations)


def test_options_replace_those_of_the_preset():
    model = models.build("can", 1, 1, preset="can32", channels=5, dilations=[1, 3])
    assert models.describe(model)["parameters"] == parameters_by_hand(5, 2, 1, 1)
    assert models.build("can", 3, 2).configuration["options"]["preset"] == "can7"
    with pytest.raises(ConfigError, match="dilations: expected at least one layer"):
        models.build("can", 1, 1, dilations=[])
    with pytest.raises(ConfigError, match=r"preset: .*can24.*found 'can99'"):
        models.build("can", 1, 1, preset="can99")


@pytest.mark.parametrize("training", [True, False])
def test_it_computes_what_the_formula_says(training):
    torch.manual_seed(0)
    model = models.build("can", 2, 3, channels=4, dilations=PRESETS["can24"][1][:3]).double()
    for name, weight in model.named_parameters():
        if "layers" in name and name.split(".")[2] == "1":
            nn.init.normal_(weight)
    image = torch.randn(2, 2, 9, 11).double()
    if not training:
        # Statistics of this very batch, which evaluation then uses.
        for norm in (m for m in model.modules() if isinstance(m, nn.BatchNorm2d)):
            norm.momentum = 1.0
        model.train()(image)
        for norm in (m for m in model.modules() if isinstance(m, nn.BatchNorm2d)):
            norm.running_var *= 1 - 1 / (image.numel() / 2)  # kept unbiased, used biased
    expected = by_hand(model, image)
    assert torch.allclose(model.train(training)(image), expected, atol=1e-10)


def test_adaptive_norm_starts_as_the_identity_and_lists_its_weights():
    model = models.build("can", 3, 2, channels=4, dilations=[1, 2, 4])
    table = adaptive_norms(model)
    assert list(table.columns) == ["layer", "name", "lambda", "mu"]
    assert table["layer"].tolist() == [1, 2, 3]
    assert (table["lambda"] == 1).all()
    assert (table["mu"] == 0).all()
    norms = [m for m in model.modules() if isinstance(m, models.adaptive_norm.AdaptiveNorm)]
    image = torch.randn(2, 4, 5, 5)
    assert torch.equal(norms[0](image), image)
    with torch.no_grad():
        norms[1].mu.fill_(0.5)
        norms[1].batch.weight.fill_(3.0)
    assert adaptive_norms(model)["mu"].tolist() == [0, 0.5, 0]
    initialise(model, seed=0)
    assert adaptive_norms(model)["mu"].tolist() == [0, 0, 0]
    assert (norms[1].batch.weight == 1).all()
    assert len(adaptive_norms(models.build("can", 3, 2, norm="batch"))) == 0


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_adaptive_norm_has_the_gradients_and_statistics_of_the_plain_sum(layout):
    torch.manual_seed(0)
    norm = models.adaptive_norm.AdaptiveNorm(3).double()
    for weight in norm.parameters():
        nn.init.normal_(weight)
    image = torch.randn(2, 3, 4, 5).double().contiguous(memory_format=layout).requires_grad_()
    noise = torch.randn(2, 3, 4, 5).double()
    other = nn.BatchNorm2d(3).double()
    other.load_state_dict(norm.batch.state_dict())
    (norm(image) * noise).sum().backward()
    found = {name: p.grad.clone() for name, p in norm.named_parameters()} | {"x": image.grad}
    image.grad = None
    norm.zero_grad()
    ((norm.lambda_ * image + norm.mu * other(image)) * noise).sum().backward()
    expected = {"lambda_": norm.lambda_.grad, "mu": norm.mu.grad, "x": image.grad}
    expected |= {f"batch.{name}": p.grad for name, p in other.named_parameters()}
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient)
    for name, statistic in other.named_buffers():
        torch.testing.assert_close(norm.batch.get_buffer(name), statistic)


def test_adaptive_norm_follows_what_processes_share():
    """A batch normalisation that is replaced, as for several processes, is called as it stands."""

    class Doubled(nn.BatchNorm2d):
        def forward(self, x):
            return 2 * x

    norm = models.adaptive_norm.AdaptiveNorm(2)
    norm.batch = Doubled(2)
    nn.init.constant_(norm.mu, 3.0)
    image = torch.randn(2, 2, 4, 4)
    assert torch.allclose(norm(image), 7 * image)


def test_both_weights_of_adaptive_norm_learn():
    model = models.build("can", 1, 1, channels=4, dilations=[1, 2])
    model(torch.randn(2, 1, 8, 8)).square().sum().backward()
    for norm in (m for m in model.modules() if isinstance(m, models.adaptive_norm.AdaptiveNorm)):
        assert norm.lambda_.grad.abs() > 0
        assert norm.mu.grad.abs() > 0


def test_identity_initialisation_passes_the_image_on():
    model = models.build("can", 3, 2, initialisation="identity").eval()
    image = torch.rand(1, 3, 20, 20)
    features = model.layers(image)
    # Each norm divides and multiplies by sqrt(1 + eps).
    assert torch.allclose(features[:, :3], image, atol=1e-6)
    assert (features[:, 3:] == 0).all()
    initialise(model, seed=1)
    assert torch.allclose(model.layers(image)[:, :3], image, atol=1e-6)


def test_default_initialisation_keeps_the_variance():
    """He's rule for a leaky ReLU: as much goes out as came in, on average over weights."""
    torch.manual_seed(0)
    layer = models.build("can", 256, 1, channels=256, dilations=[1]).layers[0]
    image = F.leaky_relu(torch.randn(1, 256, 24, 24) * math.sqrt(2 / (1 + 0.2**2)), 0.2)
    found = layer[0](image)[..., 1:-1, 1:-1]
    assert found.var().item() == pytest.approx(2 / (1 + 0.2**2), rel=0.15)


@pytest.mark.parametrize(("norm", "biased"), [("adaptive", True), ("none", True), ("batch", False)])
def test_norms(norm, biased):
    model = models.build("can", 1, 1, norm=norm, channels=2, dilations=[1, 2])
    assert all((layer[0].bias is not None) == biased for layer in model.layers)
    assert model(torch.rand(2, 1, 5, 7)).shape == (2, 1, 5, 7)


def test_coordinates_span_the_image():
    layer = models.coordinates.AddCoordinates()
    found = layer(torch.zeros(2, 1, 3, 5))
    assert found[1, 1, :, 2].tolist() == [-1, 0, 1]
    assert found[0, 2, 1].tolist() == [-1, -0.5, 0, 0.5, 1]
    assert layer(torch.zeros(1, 1, 1, 2))[0, 1].tolist() == [[0, 0]]


@pytest.mark.parametrize("coordinates", [True, False])
def test_coordinates_alone_make_a_network_tell_places_apart(coordinates):
    torch.manual_seed(0)
    model = models.build("can", 1, 1, coordinates=coordinates, dilations=[1, 2], channels=4).eval()
    image = torch.ones(1, 1, 15, 15)
    inner = model(image)[0, 0, 4:-4, 4:-4]
    assert (inner.std().item() > 1e-3) == coordinates
    assert receptive_field(model) == measured_receptive_field(model) == 7


def test_reflecting_padding_continues_the_image_by_its_mirror():
    torch.manual_seed(0)
    options = {"channels": 3, "dilations": [2]}
    model = models.build("can", 1, 1, padding="reflect", **options).eval()
    other = models.build("can", 1, 1, **options).eval()
    other.load_state_dict(model.state_dict())
    image = torch.rand(1, 1, 6, 8)
    expected = other(F.pad(image, (2, 2, 2, 2), mode="reflect"))[..., 2:-2, 2:-2]
    assert torch.allclose(model(image), expected, atol=1e-6)
    assert receptive_field(model) == measured_receptive_field(model) == 5
    assert models.describe(model)["multiply_adds_per_pixel"] == 9 * 3 + 3
    with pytest.raises(ValueError, match="at least 3, found 2x9"):
        model(torch.rand(1, 1, 2, 9))


@pytest.mark.parametrize("initialisation", ["default", "identity"])
@pytest.mark.parametrize("preset", ["can7", "can24"])
def test_the_fault_of_bf16_with_24_dilated_channels_is_avoided(preset, initialisation):
    model = models.build("can", 3, 2, preset=preset, initialisation=initialisation)
    asked = Precision("bf16", channels_last=True)
    assert resolve(asked, model, "cpu") == Precision("bf16")
    assert resolve(Precision("bf16", compile=True), model, "cpu") == Precision("bf16")


def test_32_channels_do_without_the_fault_and_keep_the_fast_layout():
    model = models.build("can", 3, 2, preset="can32")
    asked = Precision("bf16", channels_last=True)
    assert resolve(asked, model, "cpu") == asked


@pytest.mark.parametrize(
    "precision",
    [Precision("bf16"), Precision("bf16", channels_last=True), Precision("float32", True)],
)
def test_gradients_of_what_is_resolved_agree_with_float32(precision):
    torch.manual_seed(0)
    model = models.build("can", 3, 2, preset="can24")
    loss = build_loss("mse")

    def sample():
        return torch.randn(2, 3, 40, 40), {"target": torch.rand(2, 2, 40, 40)}

    check_gradients(model, sample, loss, resolve(precision, model, "cpu"))


def test_can_unet_feeds_one_with_the_other():
    torch.manual_seed(0)
    small = {"channels": 4, "dilations": [1, 2], "widths": [3, 5]}
    model = models.build("can_unet", 3, 2, **small).eval()
    assert model.size_multiple == 2
    image = torch.rand(1, 3, 6, 8)
    assert torch.equal(model(image), model.unet(model.can(image)))
    can, unet = (
        models.build("can", 3, 2, channels=4, dilations=[1, 2]),
        models.build("unet", 2, 2, widths=[3, 5]),
    )
    total = sum(models.describe(m)["parameters"] for m in (can, unet))
    assert models.describe(model)["parameters"] == total
    assert receptive_field(model) == measured_receptive_field(model)
    assert receptive_field(model) == receptive_field(unet) + 2 * (1 + 2)
    with pytest.raises(ConfigError) as caught:
        models.build("can_unet", 3, 2, dilations=[], widths=[])
    assert "dilations" in str(caught.value)
    assert "widths" in str(caught.value)


@pytest.mark.parametrize("name", ["can", "can_unet"])
def test_a_configuration_builds_the_same_network_again(name):
    model = models.build(name, 3, 2, dilations=[1, 2], channels=2, coordinates=True)
    again = models.rebuild(model.configuration)
    again.load_state_dict(model.state_dict())
    image = torch.rand(1, 3, 32, 32)
    assert torch.equal(model.eval()(image), again.eval()(image))
