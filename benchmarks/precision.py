"""Training steps of the compressed U-Net in every precision, against plain float32.

A step is forward pass, weighted cross entropy, backward pass and Adam, for a batch of 4 grey images
of 256 x 256 pixels held in memory. All ways are measured in the same rounds, one after another;
printed are medians, the median over the rounds of the ratio to plain float32 (below 1 is faster),
and the largest relative error of a parameter's gradient against plain float32 beside the error that
a training allows. Compilation is left out of the times and told apart.

Usage: python benchmarks/precision.py [--rounds 7] [--steps 2] [--threads N]
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from segmill import losses, models
from segmill.errors import TrainingError
from segmill.training.gradient_check import TOLERANCES, check_gradients
from segmill.training.precision import Precision, require_compiler

BATCH, SIZE, CLASSES = 4, 256, 3
WAYS = {
    "float32": Precision(),
    "channels_last": Precision(channels_last=True),
    "bf16": Precision("bf16"),
    "bf16 channels_last": Precision("bf16", channels_last=True),
    "fp16 channels_last": Precision("fp16", channels_last=True),
    "compile": Precision(compile=True),
    "bf16 compile": Precision("bf16", compile=True),
}


def make_input(batch: int = BATCH) -> tuple[Tensor, dict[str, Tensor]]:
    """Noise (batch, 1, 256, 256) float32 with random classes and weights."""
    drawn = torch.Generator().manual_seed(0)
    pixels = (batch, SIZE, SIZE)
    image = torch.randn(batch, 1, SIZE, SIZE, generator=drawn)
    classes = torch.randint(0, CLASSES, pixels, generator=drawn)
    return image, {"semantic": classes, "weight": torch.rand(pixels, generator=drawn)}


def stepper(precision: Precision) -> Callable[[], None]:
    """A function that trains the network by one step."""
    torch.manual_seed(0)
    model = precision.prepare(models.build("unet_compressed", 1, CLASSES))
    loss = losses.build("weighted_cross_entropy")
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    scaler = precision.scaler("cpu")
    image, truth = make_input()
    image = precision.lay_out(image)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with precision.autocast("cpu"):
            prediction = model(image)
        scaler.scale(loss(prediction, truth)).backward()
        scaler.step(optimizer)
        scaler.update()

    return step


def gradient_error(precision: Precision) -> float:
    """Largest relative error of a parameter's gradient; never refuses."""
    torch.manual_seed(0)
    model = models.build("unet_compressed", 1, CLASSES)
    loss = losses.build("weighted_cross_entropy")
    any_error = float("inf")
    return check_gradients(model, lambda: make_input(2), loss, precision, any_error).worst


def available() -> dict[str, Precision]:
    """The ways that can run here; says why where one cannot."""
    try:
        require_compiler("cpu")
    except TrainingError as error:
        print(f"without compilation: {error}")
        return {name: way for name, way in WAYS.items() if not way.compile}
    return WAYS


def main() -> None:
    """Measure all ways in turn and print medians, ratios and gradient errors."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=2, help="per round and way")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    ways = available()
    steps, first = {}, {}
    for name, precision in ways.items():
        start = time.perf_counter()
        steps[name] = stepper(precision)
        steps[name]()  # compiles, and fills caches
        first[name] = time.perf_counter() - start
    seconds = {name: [] for name in ways}
    for _ in range(arguments.rounds):
        for name, step in steps.items():
            start = time.perf_counter()
            for _ in range(arguments.steps):
                step()
            seconds[name].append((time.perf_counter() - start) / arguments.steps)
    print(f"{arguments.threads} threads, batch {BATCH}, {SIZE} x {SIZE}, {arguments.rounds} rounds")
    print(f"{'way':20s}{'ms a step':>10s}{'ratio':>8s}{'gradient error':>16s}{'allowed':>9s}")
    for name, taken in seconds.items():
        ratio = statistics.median(t / p for t, p in zip(taken, seconds["float32"], strict=True))
        error, allowed = gradient_error(ways[name]), TOLERANCES[ways[name].dtype]
        median = 1000 * statistics.median(taken)
        print(f"{name:20s}{median:10.0f}{ratio:8.2f}{error:16.4f}{allowed:9.2f}", flush=True)
    compiled = {name: first[name] for name, way in ways.items() if way.compile}
    for name, taken in compiled.items():
        print(f"{name}: first step with compilation {taken:.0f} s")


if __name__ == "__main__":
    main()
