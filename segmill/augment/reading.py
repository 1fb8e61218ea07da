"""Reading a nested configuration key by key, collecting everything that is wrong with it."""

import numbers
from collections.abc import Mapping
from typing import Any

Range = tuple[float, float]
INFINITY = float("inf")


class KeyReader:
    """Takes keys out of a mapping; what is wrong with them gathers in `offences`.

    A method returns the value, or a legal stand-in after noting an offence, so that reading goes on
    and one error can name all of them.

    Parameters
    ----------
    config : mapping to read
    where : prefix of its keys in messages, as ``"levels[0]."``
    offences : list to add to, shared with readers of nested mappings
    """

    def __init__(self, config: Mapping, where: str = "", offences: list[str] | None = None):
        self.left = dict(config)
        self.where = where
        self.offences = [] if offences is None else offences

    def wrong(self, key: str, expected: str, found: Any) -> None:
        """Note an offence."""
        self.offences.append(f"{self.where}{key}: expected {expected}, found {found!r}")

    def take(self, key: str, default: Any) -> Any:
        """Any value, unchecked."""
        return self.left.pop(key, default)

    def mapping(self, key: str) -> "KeyReader":
        """A reader of a nested mapping, empty where it is absent."""
        value = self.take(key, {})
        if not isinstance(value, Mapping):
            self.wrong(key, "a mapping", value)
            value = {}
        return KeyReader(value, f"{self.where}{key}.", self.offences)

    def choice(self, key: str, choices: tuple[str, ...], default: str, more: str = "") -> str:
        """One of `choices`; `more` names what else would have been legal."""
        value = self.take(key, default)
        if isinstance(value, str) and value in choices:
            return value
        self.wrong(key, f"one of {', '.join(choices)}{more}", value)
        return default

    def text(self, key: str, default: str) -> str:
        """A text that is not empty."""
        value = self.take(key, default)
        if isinstance(value, str) and value:
            return value
        self.wrong(key, "a text", value)
        return default

    def integer(self, key: str, default: int, low: int = 1) -> int:
        """An integer of at least `low`."""
        value = self.take(key, default)
        if is_integer(value) and value >= low:
            return value
        self.wrong(key, f"an integer of at least {low}", value)
        return default

    def probability(self, key: str, default: float = 0.0) -> float:
        """A number from 0 to 1, by default 0."""
        value = self.take(key, default)
        if is_number(value) and 0 <= value <= 1:
            return float(value)
        self.wrong(key, "a probability from 0 to 1", value)
        return default

    def number(self, key: str, default: float, above: float) -> float:
        """A number above a bound."""
        value = self.take(key, default)
        if is_number(value) and value > above:
            return float(value)
        self.wrong(key, f"a number above {above:g}", value)
        return default

    def at_least(self, key: str, default: float, low: float) -> float:
        """A number of at least `low`."""
        value = self.take(key, default)
        if is_number(value) and value >= low:
            return float(value)
        self.wrong(key, f"a number of at least {low:g}", value)
        return default

    def range(
        self,
        key: str,
        neutral: float | Range,
        low: float = -INFINITY,
        high: float = INFINITY,
        above: float = -INFINITY,
    ) -> Range:
        """[low, high] within bounds; where it is absent, `neutral`: a range, or a value twice."""
        default = neutral if isinstance(neutral, tuple) else (neutral, neutral)
        value = self.take(key, default)
        if (
            isinstance(value, list | tuple)
            and len(value) == 2
            and all(is_number(v) and low <= v <= high and v > above for v in value)
            and value[0] <= value[1]
        ):
            return float(value[0]), float(value[1])
        bounds = [f"at least {low:g}"] * (low > -INFINITY)
        bounds += [f"at most {high:g}"] * (high < INFINITY)
        bounds += [f"above {above:g}"] * (above > -INFINITY)
        self.wrong(key, ", ".join(["[low, high] in this order", *bounds]), value)
        return default

    def finish(self, known: str) -> None:
        """Note every key that nobody took."""
        for key in self.left:
            self.offences.append(f"{self.where}{key}: unknown key, known are {known}")


def is_number(value: Any) -> bool:
    """Whether a value is a finite number, booleans excluded."""
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return real and abs(value) < INFINITY


def is_integer(value: Any) -> bool:
    """Whether a value is an integer, booleans excluded."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)
