"""The scripts that time FC-DenseNets, tried out on a CPU with next to nothing to compute."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from segmill import models
from segmill.training.precision import Precision

TINY = {"blocks": [1], "bottleneck": 1, "growth": 4, "first_channels": 6}
CPU = torch.device("cpu")


@pytest.fixture
def scripts(monkeypatch):
    """The modules of the folder benchmarks, which is no package."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    names = ("_network_speed", "gpu", "fc_densenet")
    yield {name: __import__(name) for name in names}
    for name in names:
        del sys.modules[name]


@pytest.fixture
def speed(scripts):
    return scripts["_network_speed"]


@pytest.fixture(autouse=True)
def _one_thread():
    before, fastest = torch.get_num_threads(), torch.backends.cudnn.benchmark
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
    torch.backends.cudnn.benchmark = fastest


def test_operations_are_those_of_a_convolution_by_hand(speed):
    """Every convolution of a plain network: twice pixels * kernel * in * out."""
    options = {**TINY, "convolution": "plain"}
    work = speed.Work("fc_densenet56", options, 3, 8, 12, CPU)
    layers = [(9, 3, 6), (9, 6, 4), (1 / 1, 10, 10), (9 / 4, 10, 4), (9 / 4, 4, 4), (9, 14, 4)]
    products = sum(kernel * before * after for kernel, before, after in layers) + 18 * 8
    assert work.flops("inference") == 2 * products * 3 * 8 * 12
    assert work.flops("training") == 3 * work.flops("inference")


def test_a_training_step_changes_the_weights_and_a_prediction_none(speed, monkeypatch):
    work = speed.Work("fc_densenet56", TINY, 2, 8, 8, CPU)
    made = []
    build = models.build
    monkeypatch.setattr(models, "build", lambda *a, **k: made.append(build(*a, **k)) or made[-1])
    for phase, changes in (("training", True), ("inference", False)):
        call = getattr(work, phase)(Precision("bf16", channels_last=True))
        before = [p.detach().clone() for p in made[-1].parameters()]
        call()
        moved = [not torch.equal(p, q) for p, q in zip(made[-1].parameters(), before, strict=True)]
        assert any(moved) == changes


def test_rounds_take_turns_and_ratios_are_those_of_a_round(speed):
    order = []
    calls = {name: lambda name=name: order.append(name) for name in ("a", "b")}
    seconds = speed.rounds_of(calls, 3)
    assert order == ["a", "b"] * 3
    assert [len(taken) for taken in seconds.values()] == [3, 3]
    assert speed.ratio_to({"a": [2.0, 9.0, 1.0], "b": [1.0, 3.0, 10.0]}, "a", "b") == 2.0


def test_the_peak_counts_the_operations_of_a_product(speed, monkeypatch):
    clock = iter([0.0, 4.0, 10.0, 12.0, 20.0, 23.0])
    monkeypatch.setattr(speed.time, "perf_counter", lambda: next(clock))
    assert speed.matrix_peak(Precision("bf16"), CPU, 10, rounds=1) == 2 * 10**3 / 2.0


def test_without_a_gpu_one_line_says_so(scripts, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    scripts["gpu"].main([])
    assert capsys.readouterr().out == scripts["gpu"].NO_GPU + "\n"


def tiny_work(script, monkeypatch, failing=lambda work: False):
    """Let a script measure a tiny network; `failing`: which works run out of memory."""
    whole = script.Work

    @dataclass(frozen=True)
    class Tiny(whole):
        def __post_init__(self):
            object.__setattr__(self, "options", TINY)

        def inference(self, precision):
            if failing(self):
                raise torch.OutOfMemoryError("no room")
            return super().inference(precision)

    monkeypatch.setattr(script, "Work", Tiny)


def test_a_batch_that_does_not_fit_is_halved_and_a_single_image_reported(
    scripts, capsys, monkeypatch
):
    gpu = scripts["gpu"]
    tiny_work(gpu, monkeypatch, lambda work: work.batch > 2 or work.height > 16)
    options = {"device": "cpu", "batch": 8, "rounds": 2, "peak-side": 32, "ways": "float32"}
    arguments = [f"--{name}={value}" for name, value in options.items()]
    gpu.main([*arguments, "--size", "16", "16", "--size", "32", "16"])
    lines = capsys.readouterr().out.splitlines()
    found = [line.split() for line in lines if line.startswith(gpu.PHASES)]
    assert found[0][:4] == ["inference", "float32", "16x16", "2"]
    assert found[1][:4] == ["training", "float32", "16x16", "8"]
    assert found[2] == ["inference", "float32", "does", "not", "fit", "the", "card's", "memory"]
    assert found[3][:4] == ["training", "float32", "32x16", "8"]
    assert all(line.endswith("%") for line in lines if "x16 " in line)


def test_the_script_for_cpus_compares_with_plain_float32(scripts, capsys, monkeypatch):
    script = scripts["fc_densenet"]
    tiny_work(script, monkeypatch)
    script.main(["--size", "16", "16", "--rounds=2", "--threads=1", "--ways", "bf16"])
    rows = [re.split(r"\s{2,}", line) for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows[1:]] == [
        "training", "float32", "bf16", "inference", "float32", "bf16", "", "float32", "bf16",
    ]  # fmt: skip
    assert rows[2][2] == rows[5][2] == "1.00"
    assert float(rows[8][1]) == 0
    assert 0 < float(rows[9][1]) < float(rows[9][2])
