from dataclasses import dataclass

import pytest

from segmill.errors import ConfigError
from segmill.options import build_options, option


@dataclass(frozen=True)
class Options:
    width: float = option(2.0, 0, 10)
    count: int = option(3, 1)
    mode: str = option("fast", choices=("fast", "exact"))
    strict: bool = option(False)
    limit: int | None = option(None, 1)

    def conflicts(self):
        return ["mode: exact needs strict"] if self.mode == "exact" and not self.strict else []


def test_defaults_and_conversion():
    assert build_options(Options, {}, "here") == Options()
    made = build_options(Options, {"width": 4, "count": 5.0, "limit": None}, "here")
    assert isinstance(made.width, float)
    assert isinstance(made.count, int)
    assert (made.width, made.count, made.limit) == (4.0, 5, None)


def test_every_offence_is_named_at_once():
    values = {"widht": 1, "width": -1, "count": 1.5, "mode": "slow", "strict": 1, "limit": 0}
    with pytest.raises(ConfigError) as error:
        build_options(Options, values, "options of a test")
    text = str(error.value)
    assert text.startswith("options of a test:")
    for part in (
        "widht: unknown option; did you mean width?",
        "width: expected a value from 0 to 10, found -1",
        "count: expected an integer, found 1.5",
        "mode: expected one of fast, exact, found 'slow'",
        "strict: expected true or false, found 1",
        "limit: expected at least 1, found 0",
    ):
        assert part in text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "2", None, [1]])
def test_no_number(value):
    with pytest.raises(ConfigError, match="width: expected a finite number"):
        build_options(Options, {"width": value}, "here")


def test_rules_between_options():
    with pytest.raises(ConfigError, match="exact needs strict"):
        build_options(Options, {"mode": "exact"}, "here")
    assert build_options(Options, {"mode": "exact", "strict": True}, "here").strict
