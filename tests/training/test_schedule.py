import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segmill.training.schedule import Schedule, schedule_options

TABLE = [[1, 1e-3], [21, 5e-4], [101, 1e-4], [151, 5e-5], [201, 1e-5], [251, 5e-6]]


def schedule(epochs=100, **options) -> Schedule:
    return Schedule(schedule_options(options), epochs)


def test_table_holds_each_row_until_the_next():
    rates = schedule(kind="table", table=TABLE)
    for first, last, rate in [
        (1, 20, 1e-3),
        (21, 100, 5e-4),
        (101, 150, 1e-4),
        (151, 200, 5e-5),
        (201, 250, 1e-5),
        (251, 400, 5e-6),
    ]:
        assert {rates.rate(epoch) for epoch in range(first, last + 1)} == {rate}


def test_constant_ignores_the_keys_of_other_kinds():
    assert {schedule(rate=0.5, table=TABLE).rate(e) for e in (1, 50, 100)} == {0.5}


def test_halving_stops_at_the_floor():
    rates = schedule(kind="halve_every", rate=1e-3, every=2, floor=2e-4)
    assert [rates.rate(e) for e in range(1, 9)] == [
        1e-3, 1e-3, 5e-4, 5e-4, 2.5e-4, 2.5e-4, 2e-4, 2e-4,
    ]  # fmt: skip


def test_plateau_waits_its_patience_and_keeps_its_state():
    rates = schedule(kind="plateau", rate=1.0, factor=0.5, patience=3, floor=0.2)
    seen = []
    for loss in [5.0, 4.0, 4.0, 4.5, 4.1, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0]:
        seen.append(rates.rate(0))
        rates.observe(loss)
        rates = Schedule(rates.options, 100, dict(rates.state))
    assert seen == [1.0] * 5 + [0.5] * 4 + [0.25] * 3 + [0.2] * 3


def test_plateau_counts_nan_as_no_improvement():
    rates = schedule(kind="plateau", rate=1.0, patience=1)
    rates.observe(math.nan)
    assert rates.rate(2) == 0.5


class Keras:
    """ReduceLROnPlateau of Keras 3 with min_delta=0, from its description: wait >= patience."""

    def __init__(self, rate, factor, patience, floor):
        self.rate, self.factor, self.patience, self.floor = rate, factor, patience, floor
        self.best, self.wait = math.inf, 0

    def observe(self, loss):
        if loss < self.best:
            self.best, self.wait = loss, 0
            return
        self.wait += 1
        if self.wait >= self.patience and self.rate > self.floor:
            self.rate, self.wait = max(self.rate * self.factor, self.floor), 0


@given(
    losses=st.lists(st.sampled_from([1.0, 2.0, 3.0, 0.5, 0.25, math.nan]), max_size=40),
    patience=st.integers(1, 4),
    floor=st.sampled_from([0.0, 0.2]),
)
def test_plateau_is_that_of_torch_with_one_epoch_less_of_patience_and_that_of_keras(
    losses, patience, floor
):
    """Torch lowers the rate after more than `patience` bad epochs, Keras after as many."""
    ours = schedule(kind="plateau", rate=1.0, factor=0.5, patience=patience, floor=floor)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.5, patience=patience - 1, threshold=0, min_lr=floor, eps=0
    )
    keras = Keras(1.0, 0.5, patience, floor)
    for epoch, loss in enumerate(losses, 1):
        assert ours.rate(epoch) == optimizer.param_groups[0]["lr"] == keras.rate
        for watcher in (ours.observe, theirs.step, keras.observe):
            watcher(loss)


def test_cosine_goes_from_rate_to_floor_after_its_warmup():
    rates = schedule(epochs=12, kind="cosine", rate=1.0, floor=0.1, warmup=2)
    values = [rates.rate(e) for e in range(1, 13)]
    assert values[:3] == [0.5, 1.0, 1.0]
    assert values[-1] == pytest.approx(0.1)
    assert values[2:] == sorted(values[2:], reverse=True)
    assert rates.rate(3) + rates.rate(12) == pytest.approx(rates.rate(5) + rates.rate(10))
