"""FC-DenseNet training steps and inference on a CPU in every precision, against plain float32.

A training step is forward pass, focal loss, backward pass and RMSProp; both phases take a batch of
RGB noise held in memory. All ways are measured in the same rounds, one after another; printed are
medians, the median over the rounds of the ratio to plain float32 (below 1 is faster), and the
largest relative error of a parameter's gradient beside the error that a training allows.
Compilation is left out of the times and told apart.

Usage: python benchmarks/fc_densenet.py [--network fc_densenet103] [--batch 2] [--size 128 160]
                                        [--rounds 5] [--threads N] [--ways NAME ...]
"""

import argparse
import statistics
import time

import torch
from _network_speed import Work, ratio_to, rounds_of, without_missing_tools

from segmill.training.gradient_check import TOLERANCES
from segmill.training.precision import Precision

PLAIN = "float32"
WAYS = {
    PLAIN: Precision(),
    "channels_last": Precision(channels_last=True),
    "bf16": Precision("bf16"),
    "bf16 channels_last": Precision("bf16", channels_last=True),
    "compile": Precision(compile=True),
    "bf16 compile": Precision("bf16", compile=True),
}


def measure(work: Work, phase: str, ways: dict[str, Precision], rounds: int) -> None:
    """Print a table of one phase."""
    calls, first = {}, {}
    for name, precision in ways.items():
        start = time.perf_counter()
        calls[name] = getattr(work, phase)(precision)
        calls[name]()  # compiles, and fills caches
        first[name] = time.perf_counter() - start
    seconds = rounds_of(calls, rounds)
    print(f"{phase:20s}{'ms an image':>12s}{'ratio':>8s}{'first call, s':>15s}")
    for name, taken in seconds.items():
        milliseconds = 1000 * statistics.median(taken) / work.batch
        ratio = ratio_to(seconds, name, PLAIN)
        print(f"{name:20s}{milliseconds:12.1f}{ratio:8.2f}{first[name]:15.1f}", flush=True)


def main(arguments: list[str] | None = None) -> None:
    """Measure both phases in all ways, then the errors of the gradients."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", default="fc_densenet103")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--size", type=int, nargs=2, default=(128, 160), metavar=("H", "W"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    device = torch.device("cpu")
    work = Work(given.network, {}, given.batch, *given.size, device)
    chosen = {name: WAYS[name] for name in WAYS if name in {PLAIN, *given.ways}}
    ways = without_missing_tools(chosen, device)
    print(
        f"{work.network}, {given.threads} threads, batch {work.batch}, "
        f"{work.height} x {work.width}, {given.rounds} rounds"
    )
    for phase in ("training", "inference"):
        measure(work, phase, ways, given.rounds)
    print(f"{'':20s}{'gradient error':>16s}{'allowed':>9s}")
    for name, precision in ways.items():
        error, allowed = work.gradient_error(precision), TOLERANCES[precision.dtype]
        print(f"{name:20s}{error:16.4f}{allowed:9.2f}", flush=True)


if __name__ == "__main__":
    main()
