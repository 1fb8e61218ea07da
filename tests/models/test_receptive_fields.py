import pytest
import torch
from torch import nn

from segmill import models
from segmill.models import measured_receptive_field, receptive_field


class Stack(nn.Sequential):
    """Convolutions one behind the other, with what the analysis asks of a network."""

    def __init__(self, *layers, size_multiple=1):
        super().__init__(*layers)
        self.size_multiple = size_multiple
        self.configuration = {"in_channels": 1}


def conv(kernel=3, dilation=1, stride=1, padding="same"):
    return nn.Conv2d(1, 1, kernel, stride, padding=padding, dilation=dilation)


@pytest.mark.parametrize(("name", "side"), [("unet_compressed", 48), ("unet", 204)])
def test_theory_and_measurement_agree_on_the_defaults(name, side):
    small = {} if name == "unet_compressed" else {"widths": [2, 2, 2, 2, 2]}
    model = models.build(name, 1, 3, **small)
    assert receptive_field(model) == side
    assert measured_receptive_field(model) == side


@pytest.mark.parametrize("upsampling", ["nearest", "transposed"])
@pytest.mark.parametrize("norm", ["batch", "group", "none"])
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_theory_and_measurement_agree_on_every_unet(depth, norm, upsampling):
    model = models.build("unet", 2, 1, widths=[3] * depth, norm=norm, upsampling=upsampling)
    assert receptive_field(model) == measured_receptive_field(model)


def test_stack_of_3x3_convolutions():
    """N convolutions and a last one: 1 + 2 (n + 1), as the fcn study states it."""
    for n in (1, 4):
        model = Stack(*(conv() for _ in range(n + 1)))
        assert receptive_field(model) == measured_receptive_field(model) == 1 + 2 * (n + 1)


def test_dilated_convolutions():
    """Context aggregation: dilations 1, 2, 4, ..., 64 and 1 see 1 + 2 * 128 pixels."""
    dilations = [1, 2, 4, 8, 16, 32, 64, 1]
    model = Stack(*(conv(dilation=d) for d in dilations), conv(1))
    assert receptive_field(model) == measured_receptive_field(model) == 257


@pytest.mark.parametrize(
    "layers",
    [
        [nn.MaxPool2d(2), conv(), nn.ConvTranspose2d(1, 1, 3, 2, padding=1, output_padding=1)],
        [conv(3, stride=2, padding=1), conv(5), nn.Upsample(scale_factor=2)],
        [nn.MaxPool2d(3, 2, padding=1), nn.ConvTranspose2d(1, 1, 4, 2, padding=1)],
        [nn.ZeroPad2d((0, 1, 2, 1)), conv((4, 2), padding="valid")],
    ],
)
def test_strides_paddings_and_transposed_convolutions(layers):
    model = Stack(*layers, size_multiple=4)
    assert receptive_field(model) == measured_receptive_field(model)


def test_the_side_that_is_longer_counts():
    assert receptive_field(Stack(conv((1, 7)))) == 7
    assert measured_receptive_field(Stack(conv((1, 7)))) == 7


def test_a_layer_without_a_rule_is_named():
    with pytest.raises(TypeError, match="bilinear"):
        receptive_field(Stack(nn.Upsample(scale_factor=2, mode="bilinear")))


def test_a_layer_that_sees_the_whole_image_has_no_field(monkeypatch):
    class Whole(Stack):
        def forward(self, x):
            return x + x.mean(dim=(2, 3), keepdim=True)

    monkeypatch.setattr("segmill.models.receptive_fields.LARGEST_MEASURED", 256)
    with pytest.raises(ValueError, match="exceeds 128 pixels"):
        measured_receptive_field(Whole())
    with pytest.raises(TypeError, match="no rule"):
        receptive_field(Whole())


def test_the_network_itself_is_left_alone():
    model = models.build("unet_compressed", 1, 3, widths=[2, 4])
    weights = {key: value.clone() for key, value in model.state_dict().items()}
    receptive_field(model)
    measured_receptive_field(model)
    assert model.training
    assert all(torch.equal(value, weights[key]) for key, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
