import logging
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from segmill import models
from segmill.errors import ConfigError, TrainingError
from segmill.options import build_options
from segmill.training import precision as module
from segmill.training.precision import Precision, require_compiler, resolve

FAST = Precision("bf16", channels_last=True)

# Weight gradient of one convolution in bf16 and channels_last, relative error against float32.
PROBE = """
import sys, torch
torch.set_num_threads(1)
channels, groups, dilation = map(int, sys.argv[1:])
torch.manual_seed(0)
image, noise = torch.randn(2, channels, 24, 24), torch.randn(2, groups * 8, 24, 24)
plain = torch.nn.Conv2d(channels, groups * 8, 3, padding="same", dilation=dilation, groups=groups)
fast = torch.nn.Conv2d(channels, groups * 8, 3, padding="same", dilation=dilation, groups=groups)
fast.load_state_dict(plain.state_dict())
fast.to(memory_format=torch.channels_last)
(plain(image) * noise).sum().backward()
with torch.autocast("cpu", torch.bfloat16):
    output = fast(image.contiguous(memory_format=torch.channels_last))
(output.float() * noise).sum().backward()
print(float((fast.weight.grad - plain.weight.grad).norm() / plain.weight.grad.norm()))
"""


def dilated(channels, groups=1, dilation=2, kernel=3):
    return nn.Sequential(
        nn.Conv2d(1, channels, 3),
        nn.Conv2d(channels, 8 * groups, kernel, dilation=dilation, groups=groups),
    )


def test_it_is_an_options_class_whose_wrong_values_are_named():
    built = build_options(Precision, {"dtype": "fp16", "compile": True}, "precision")
    assert built == Precision("fp16", False, True)
    with pytest.raises(ConfigError, match="expected one of float32, bf16, fp16, found 'half'"):
        build_options(Precision, {"dtype": "half"}, "precision")


def test_only_float32_eager_contiguous_is_plain():
    assert Precision().plain
    for other in (Precision("bf16"), Precision("fp16"), Precision(channels_last=True)):
        assert not other.plain
    assert not Precision(compile=True).plain


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("float32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)],
)
def test_autocast_computes_convolutions_in_the_dtype(name, dtype):
    layer = nn.Conv2d(1, 2, 3)
    with Precision(name).autocast("cpu"):
        assert layer(torch.zeros(1, 1, 5, 5)).dtype == dtype
    assert layer.weight.dtype == torch.float32


def test_the_loss_is_scaled_for_fp16_only():
    assert Precision("fp16").scaler("cpu").is_enabled()
    assert not Precision("bf16").scaler("cpu").is_enabled()
    assert not Precision().scaler("cpu").is_enabled()


@pytest.mark.parametrize("channels_last", [False, True])
def test_network_and_batch_are_laid_out_alike(channels_last):
    precision = Precision(channels_last=channels_last)
    model = precision.prepare(nn.Conv2d(4, 4, 3))
    image = precision.lay_out(torch.zeros(2, 4, 5, 5))
    expected = torch.channels_last if channels_last else torch.contiguous_format
    for tensor in (model.weight, image, model(image)):
        assert tensor.is_contiguous(memory_format=expected)
    assert precision.lay_out(image) is image


def test_compiling_keeps_the_names_of_the_weights(monkeypatch):
    model = models.build("unet_compressed", 1, 3, widths=[2, 4])
    names = list(model.state_dict())
    monkeypatch.setattr(module, "require_compiler", lambda device: None)
    assert list(Precision(compile=True).prepare(model).state_dict()) == names


def test_no_compiler_is_said_before_anything_is_compiled(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(TrainingError, match=r"C\+\+ compiler \(no-such-compiler.*set precision"):
        Precision(compile=True).prepare(nn.Conv2d(1, 1, 1))


def test_no_python_headers_are_said_too(monkeypatch, tmp_path):
    monkeypatch.setattr(module.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(module.sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(TrainingError, match=r"headers of Python \(.*Python\.h"):
        require_compiler("cpu")
    Path(tmp_path, "Python.h").touch()
    require_compiler("cpu")


@pytest.mark.parametrize("precision", [FAST, Precision("bf16", compile=True)])
def test_the_known_fault_is_switched_off_and_said(precision, caplog, monkeypatch):
    monkeypatch.setattr(module.log, "propagate", True)
    with caplog.at_level(logging.WARNING, "segmill"):
        assert resolve(precision, dilated(24), "cpu") == Precision("bf16")
    assert "wrong weight gradients" in caplog.text
    assert "here 1." in caplog.text


@pytest.mark.parametrize(
    ("precision", "model", "device"),
    [
        (FAST, dilated(24), "cuda"),
        (Precision("fp16", True), dilated(24), "cpu"),
        (Precision(channels_last=True, compile=True), dilated(24), "cpu"),
        (Precision("bf16"), dilated(24), "cpu"),
        (FAST, dilated(24, dilation=1), "cpu"),
        (FAST, dilated(24, kernel=1), "cpu"),
        (FAST, dilated(32), "cpu"),
        (FAST, dilated(12), "cpu"),
        (FAST, models.build("unet_compressed", 1, 3), "cpu"),
        (FAST, models.build("unet", 1, 3, widths=[4, 8], upsampling="nearest"), "cpu"),
    ],
)
def test_what_is_right_is_left_as_asked_for(precision, model, device, caplog):
    assert resolve(precision, model, device) is precision
    assert not caplog.records


@pytest.mark.parametrize(
    ("channels", "groups", "dilation"),
    [(16, 1, 2), (48, 1, 4), (32, 2, 2), (3, 1, 2), (24, 1, 1), (24, 24, 1)],
)
def test_convolutions_that_are_let_pass_have_right_gradients(channels, groups, dilation):
    """In a process of its own, for a wrong rule here could end the test run."""
    layer = nn.Sequential(nn.Conv2d(channels, groups * 8, 3, dilation=dilation, groups=groups))
    assert resolve(FAST, layer, "cpu") == FAST
    arguments = map(str, (channels, groups, dilation))
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 0.01
