"""Timing of one network's training steps and inference in several precisions; no script itself.

`fc_densenet.py` and `gpu.py` measure with this.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from segmill import losses, models
from segmill.errors import TrainingError
from segmill.models.description import multiply_adds_per_pixel
from segmill.training.gradient_check import check_gradients
from segmill.training.optimizers import build_optimizer
from segmill.training.precision import Precision, require_compiler, resolve

CHANNELS, NOTIONS = 3, 8


@dataclass(frozen=True)
class Work:
    """What is measured: a network on noise of one size, with the loss and optimizer of the study.

    network, options : as :func:`segmill.models.build` takes them
    batch, height, width : of the images
    device : where
    """

    network: str
    options: dict
    batch: int
    height: int
    width: int
    device: torch.device

    def input(self, batch: int | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Noise (batch, 3, height, width) float32 with 8 random notions, always the same."""
        drawn = torch.Generator().manual_seed(0)
        pixels = (batch or self.batch, self.height, self.width)
        image = torch.randn(pixels[0], CHANNELS, *pixels[1:], generator=drawn)
        notions = torch.randint(0, 2**NOTIONS, pixels, generator=drawn, dtype=torch.int32)
        return image.to(self.device), {"notions": notions.to(self.device)}

    def model(self, precision: Precision) -> torch.nn.Module:
        """The network with the same weights each time."""
        torch.manual_seed(0)
        model = models.build(self.network, CHANNELS, NOTIONS, **self.options).to(self.device)
        resolved = resolve(precision, model, self.device)
        if resolved != precision:
            raise TrainingError(f"{precision}: becomes {resolved}, its gradients being wrong")
        return precision.prepare(model)

    def training(self, precision: Precision) -> Callable[[], None]:
        """A function that trains by one step: forward, focal loss, backward, RMSProp."""
        model = self.model(precision).train()
        loss = losses.build("focal")
        optimizer = build_optimizer("rmsprop", model.parameters(), {"weight_decay": 1e-4})
        for group in optimizer.param_groups:
            group["lr"] = 1e-3
        scaler = precision.scaler(self.device)
        image, truth = self.input()
        image = precision.lay_out(image)

        def step() -> None:
            optimizer.zero_grad(set_to_none=True)
            with precision.autocast(self.device):
                prediction = model(image)
            scaler.scale(loss(prediction, truth)).backward()
            scaler.step(optimizer)
            scaler.update()
            self.wait()

        return step

    def inference(self, precision: Precision) -> Callable[[], None]:
        """A function that turns one batch into probabilities."""
        model = self.model(precision).eval()
        image = precision.lay_out(self.input()[0])

        @torch.inference_mode()
        def predict() -> None:
            with precision.autocast(self.device):
                model(image).float().sigmoid()
            self.wait()

        return predict

    def gradient_error(self, precision: Precision) -> float:
        """Largest relative error of a parameter's gradient against plain float32."""
        torch.manual_seed(0)
        model = models.build(self.network, CHANNELS, NOTIONS, **self.options).to(self.device)
        loss = losses.build("focal")
        return check_gradients(model, lambda: self.input(2), loss, precision, float("inf")).worst

    def flops(self, phase: str) -> float:
        """Floating-point operations of one call: two for each multiply-add of a convolution.

        Backward takes twice the products of the forward pass: one set each for the gradients of
        weights and of inputs.
        """
        model = models.build(self.network, CHANNELS, NOTIONS, **self.options)
        pixels = self.batch * self.height * self.width
        return 2 * multiply_adds_per_pixel(model) * pixels * {"training": 3, "inference": 1}[phase]

    def wait(self) -> None:
        """Wait until the device has done its work."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def without_missing_tools(ways: dict[str, Precision], device: torch.device) -> dict[str, Precision]:
    """The ways that can run here; says why where compilation cannot."""
    try:
        require_compiler(device)
    except TrainingError as error:
        print(f"without compilation: {error}")
        return {name: way for name, way in ways.items() if not way.compile}
    return ways


def rounds_of(calls: dict[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each call in each round; all are called once in every round, one after another."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def ratio_to(seconds: dict[str, list[float]], name: str, reference: str) -> float:
    """Median over the rounds of the ratio to a reference: below 1 is faster."""
    pairs = zip(seconds[name], seconds[reference], strict=True)
    return statistics.median(taken / known for taken, known in pairs)


def matrix_peak(precision: Precision, device: torch.device, side: int, rounds: int = 10) -> float:
    """FLOP/s of the product of two (side, side) matrices of noise in this number format, the best.

    Noise, for products of zeros take less power and run faster. TF32 is let in for float32, as
    torch lets it into convolutions.
    """
    dtype = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    a, b = torch.randn(2, side, side, device=device).to(dtype[precision.dtype])
    allowed = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        best = float("inf")
        for _ in range(rounds + 2):
            start = time.perf_counter()
            torch.mm(a, b)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            best = min(best, time.perf_counter() - start)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = allowed
    return 2 * side**3 / best
