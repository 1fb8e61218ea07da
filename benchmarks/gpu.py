"""FC-DenseNet on a GPU: ms per image in batch mode, images per second in training, share of peak.

For each size and number format: inference and training step (focal loss, RMSProp) on a batch of RGB
noise that lies on the card; medians over the rounds, all formats in turn in each round. The rate of
arithmetic counts two operations for each multiply-add of a convolution, and three forward passes
for a training step; its share is that of the card's peak, which is measured in the same run as the
product of two large matrices of noise in the same number format. Published: 12 ms an image in batch
mode on an RTX 6000, 800 ms a training batch.

Where a batch does not fit the card's memory, it is halved and the table says so.

Usage: python benchmarks/gpu.py [--network fc_densenet103] [--size 512 512 --size 256 320]
                                [--batch 16] [--rounds 10] [--ways NAME ...]
"""

import argparse
import statistics
from collections.abc import Callable
from dataclasses import replace

import torch
from _network_speed import Work, matrix_peak, rounds_of, without_missing_tools

from segmill.training.precision import Precision

WAYS = {
    "float32": Precision(),
    "float32 channels_last": Precision(channels_last=True),
    "fp16": Precision("fp16"),
    "fp16 channels_last": Precision("fp16", channels_last=True),
    "bf16 channels_last": Precision("bf16", channels_last=True),
    "bf16 channels_last compile": Precision("bf16", channels_last=True, compile=True),
}
PHASES = ("inference", "training")
PEAK_SIDE = 8192
NO_GPU = "no GPU that torch can use was found: nothing is measured"
HEAD = (
    f"{'phase':10s}{'way':28s}{'size':>10s}{'batch':>6s}{'ms an image':>12s}{'images/s':>10s}"
    f"{'TFLOP/s':>9s}{'of peak':>9s}"
)


def fitting(
    work: Work, phase: str, precision: Precision
) -> tuple[Work, Callable[[], None]] | tuple[None, None]:
    """The work with the largest batch that the memory holds, and its call, warmed up.

    Batches are halved until one fits; (None, None) where a single image does not.
    """
    while True:
        try:
            call = getattr(work, phase)(precision)
            for _ in range(2):  # compiles, fills caches, chooses kernels
                call()
            return work, call
        except torch.OutOfMemoryError:
            pass
        # Outside of the handler, which still holds the tensors of the failed attempt.
        torch.cuda.empty_cache()
        if work.batch == 1:
            return None, None
        work = replace(work, batch=work.batch // 2)


def row(work: Work, phase: str, name: str, seconds: list[float], peak: float) -> str:
    """One line of the table."""
    taken = statistics.median(seconds)
    rate = work.flops(phase) / taken
    size = f"{work.height}x{work.width}"
    return (
        f"{phase:10s}{name:28s}{size:>10s}{work.batch:6d}{1000 * taken / work.batch:12.2f}"
        f"{work.batch / taken:10.1f}{rate / 1e12:9.2f}{100 * rate / peak:8.1f}%"
    )


def measure(work: Work, ways: dict[str, Precision], peaks: dict[str, float], rounds: int) -> None:
    """Print the lines of one size."""
    for phase in PHASES:
        fitted = {name: fitting(work, phase, way) for name, way in ways.items()}
        calls = {name: call for name, (_, call) in fitted.items() if call is not None}
        seconds = rounds_of(calls, rounds)
        for name, (done, call) in fitted.items():
            if call is None:
                print(f"{phase:10s}{name:28s} does not fit the card's memory")
            else:
                print(row(done, phase, name, seconds[name], peaks[ways[name].dtype]), flush=True)


def main(arguments: list[str] | None = None) -> None:
    """Measure the peaks, then each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", default="fc_densenet103")
    parser.add_argument("--size", type=int, nargs=2, action="append", metavar=("H", "W"))
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--peak-side", type=int, default=PEAK_SIDE, help="of the matrices")
    parser.add_argument("--device", default="cuda", help="cpu tries the script out")
    given = parser.parse_args(arguments)
    device = torch.device(given.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print(NO_GPU)
        return
    # As a training does that is not deterministic: the fastest kernels for the one size.
    torch.backends.cudnn.benchmark = True
    ways = without_missing_tools({name: WAYS[name] for name in given.ways}, device)
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"{given.network} on {card}, torch {torch.__version__}, {given.rounds} rounds")
    formats = sorted({way.dtype for way in ways.values()})
    peaks = {key: matrix_peak(Precision(key), device, given.peak_side) for key in formats}
    for key, peak in peaks.items():
        print(f"peak {key}: {peak / 1e12:.2f} TFLOP/s ({given.peak_side} x {given.peak_side})")
    print(HEAD)
    for height, width in given.size or ((512, 512), (256, 320)):
        measure(
            Work(given.network, {}, given.batch, height, width, device), ways, peaks, given.rounds
        )


if __name__ == "__main__":
    main()
