import math

import pytest

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


def test_cosine_goes_from_rate_to_floor_after_its_warmup():
    rates = schedule(epochs=12, kind="cosine", rate=1.0, floor=0.1, warmup=2)
    values = [rates.rate(e) for e in range(1, 13)]
    assert values[:3] == [0.5, 1.0, 1.0]
    assert values[-1] == pytest.approx(0.1)
    assert values[2:] == sorted(values[2:], reverse=True)
    assert rates.rate(3) + rates.rate(12) == pytest.approx(rates.rate(5) + rates.rate(10))
