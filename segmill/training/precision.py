"""Number format, memory layout and compilation of a training, and which of them to trust.

Some combinations give wrong gradients without a word. Those known are switched off by
:func:`resolve`; whatever else is not plain float32 is compared with it before a training starts, by
:func:`segmill.training.gradient_check.check_gradients`.
"""

import os
import shutil
import sys
import sysconfig
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from segmill.errors import TrainingError
from segmill.options import option
from segmill.progress import log

DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

FIRST_LOSS_SCALE = 2.0**16


@dataclass(frozen=True)
class Precision:
    """How a network computes in training.

    dtype : ``"float32"``; ``"bf16"`` or ``"fp16"`` by autocast, the weights staying float32
    channels_last : whether tensors lie in memory as (B, H, W, C)
    compile : whether torch.compile makes the network's code; on the CPU it needs a C++ compiler
    """

    dtype: str = option("float32", choices=tuple(DTYPES))
    channels_last: bool = option(False)
    compile: bool = option(False)

    @property
    def plain(self) -> bool:
        """Whether this is float32, eager and contiguous: the reference of all checks."""
        return self == Precision()

    def __str__(self) -> str:
        return ", ".join(f"{key}: {value}" for key, value in asdict(self).items())

    def autocast(self, device: torch.device | str) -> AbstractContextManager:
        """The context of a forward pass on a device."""
        kind = torch.device(device).type
        return torch.autocast(kind, DTYPES[self.dtype], enabled=self.dtype != "float32")

    def scaler(self, device: torch.device | str) -> torch.amp.GradScaler:
        """The scaler of the loss, for fp16, whose gradients underflow; else it does nothing."""
        kind = torch.device(device).type
        return torch.amp.GradScaler(kind, init_scale=FIRST_LOSS_SCALE, enabled=self.dtype == "fp16")

    def prepare(self, model: nn.Module) -> nn.Module:
        """Lay out and compile a network, in place; the names of its weights do not change.

        Raises
        ------
        TrainingError
            When compilation is asked for and the tools for it are absent.
        """
        model.to(memory_format=self._memory_format)
        if self.compile:
            require_compiler(next(model.parameters()).device)
            model.compile()
        return model

    def lay_out(self, image: Tensor) -> Tensor:
        """A batch (B, C, H, W) in this memory layout; no copy where it lies so already."""
        return image.contiguous(memory_format=self._memory_format)

    @property
    def _memory_format(self) -> torch.memory_format:
        return torch.channels_last if self.channels_last else torch.contiguous_format


def require_compiler(device: torch.device | str) -> None:
    """Raise TrainingError, saying what to install, where torch.compile cannot work on a device."""
    missing = []
    name = os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++")
    if shutil.which(name) is None:
        missing.append(f"a C++ compiler ({name}, or the one that the variable CXX names)")
    header = Path(sysconfig.get_path("include"), "Python.h")
    if not header.is_file():
        missing.append(f"the headers of Python ({header}; package python3-dev or the like)")
    if torch.device(device).type == "cuda" and not torch.utils._triton.has_triton():
        missing.append("triton")
    if missing:
        raise TrainingError(
            f"precision.compile: expected {' and '.join(missing)}, found none; "
            "install what is missing or set precision.compile to false"
        )


def resolve(precision: Precision, model: nn.Module, device: torch.device | str) -> Precision:
    """The nearest combination that is not known to give wrong gradients for this network.

    Nothing is run, for the known fault can also end the process: on the CPU, with bf16 and
    channels_last, the gradient of the weights of a dilated convolution is wrong by 70 % and more,
    is NaN, or its computation is a segmentation fault, unless the number of input channels of a
    group is a multiple of 16 (or at most 16, with one group). Found with torch 2.13 on AVX-512 by
    comparison with float32 over 1 to 256 channels, kernels 2, 3 and 5, dilations 2 to 64; float32,
    fp16 and contiguous bf16 are right. The compiler chooses that layout by itself, so that
    compilation shares the fault.

    Parameters
    ----------
    precision : what the configuration asks for
    model : the network to train
    device : where it trains

    Returns
    -------
    Precision
        The same, or with `channels_last` and `compile` switched off; the log then tells why.
    """
    if torch.device(device).type != "cpu" or precision.dtype != "bf16":
        return precision
    if not (precision.channels_last or precision.compile):
        return precision
    faulty = [name for name, layer in model.named_modules() if _loses_gradients(layer)]
    if not faulty:
        return precision
    resolved = replace(precision, channels_last=False, compile=False)
    log.warning(
        "precision %s becomes %s: on the CPU, torch computes wrong weight gradients for dilated "
        "convolutions in bf16 and channels_last, the layout of compiled code too; here %s. "
        "They are right where the input channels of a group are a multiple of 16",
        precision,
        resolved,
        ", ".join(faulty),
    )
    return resolved


def _loses_gradients(layer: nn.Module) -> bool:
    """Whether a layer is one of the convolutions whose gradient :func:`resolve` describes."""
    if not isinstance(layer, nn.Conv2d):
        return False
    pairs = zip(layer.dilation, layer.kernel_size, strict=True)
    if not any(dilation > 1 and kernel > 1 for dilation, kernel in pairs):
        return False
    channels = layer.in_channels // layer.groups
    few = layer.groups == 1 and channels <= 16
    return channels % 16 != 0 and not few
