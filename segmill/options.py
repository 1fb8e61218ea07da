"""Options of a method as a validated dataclass: every offence named at once."""

import difflib
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, field, fields
from typing import Any, TypeVar

from segmill.errors import ConfigError

T = TypeVar("T")


def option(
    default: Any,
    low: float | None = None,
    high: float | None = None,
    choices: tuple | None = None,
) -> Any:
    """A dataclass field whose value lies in [low, high] or among `choices`.

    Use it in a frozen dataclass that :func:`build_options` makes from a configuration.
    """
    return field(default=default, metadata={"low": low, "high": high, "choices": choices})


def build_options(cls: type[T], values: Mapping[str, Any], where: str) -> T:
    """Make the dataclass `cls` from a mapping, or say everything that is wrong with it.

    A class may define ``conflicts(self) -> list[str]`` for rules between several of its options.

    Parameters
    ----------
    cls : dataclass whose fields are made by :func:`option`
    values : option name -> value, as read from YAML
    where : named in the error, for example ``"options of synthetic cells"``

    Raises
    ------
    ConfigError
        Lists every unknown option (with the nearest legal name), missing option, wrong type and
        value out of range.
    """
    known = {f.name: f for f in fields(cls)}
    offences = [_unknown(name, list(known)) for name in values if name not in known]
    offences += [
        f"{f.name}: missing, and it has no default"
        for f in known.values()
        if f.default is MISSING and f.default_factory is MISSING and f.name not in values
    ]
    hints = typing.get_type_hints(cls)
    accepted = {}
    for name, value in values.items():
        if name not in known:
            continue
        accepted[name], offence = _checked(value, hints[name], known[name])
        if offence:
            offences.append(f"{name}: {offence}")
    if not offences:
        options = cls(**accepted)
        offences = options.conflicts() if hasattr(options, "conflicts") else []
        if not offences:
            return options
    raise ConfigError(f"{where}:\n" + "\n".join(f"  {offence}" for offence in offences))


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{name}: unknown option; {hint}known: {', '.join(known)}"


def _checked(value: Any, hint: Any, spec: Field) -> tuple[Any, str | None]:
    """The value as its type, and what is wrong with it (None where nothing is)."""
    optional = isinstance(hint, types.UnionType) and type(None) in typing.get_args(hint)
    if value is None and optional:
        return None, None
    kind = next(t for t in typing.get_args(hint) if t is not type(None)) if optional else hint
    if typing.get_origin(kind) is tuple:
        return _checked_list(value, typing.get_args(kind)[0], spec, optional)
    value, offence = _typed(value, kind)
    if offence:
        return value, offence + (" or null" if optional else "")
    low, high, choices = (spec.metadata.get(key) for key in ("low", "high", "choices"))
    if choices is not None and value not in choices:
        return value, f"expected one of {', '.join(map(str, choices))}, found {value!r}"
    if (low is not None and value < low) or (high is not None and value > high):
        return value, f"expected {_interval(low, high)}, found {value!r}"
    return value, None


def _checked_list(
    value: Any, kind: type, spec: Field, optional: bool
) -> tuple[tuple | None, str | None]:
    """A list as a tuple of values that each obey the type and the limits of the field."""
    if not isinstance(value, list | tuple):
        return None, f"expected a list{' or null' if optional else ''}, found {value!r}"
    checked = [_checked(element, kind, spec) for element in value]
    offence = next((o for _, o in checked if o), None)
    return tuple(element for element, _ in checked), offence and f"in its list, {offence}"


def _typed(value: Any, kind: type) -> tuple[Any, str | None]:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is float and is_number and math.isfinite(value):
        return float(value), None
    if kind is int and is_number and math.isfinite(value) and int(value) == value:
        return int(value), None
    if kind in (str, bool) and isinstance(value, kind):
        return value, None
    names = {float: "a finite number", int: "an integer", str: "a text", bool: "true or false"}
    return value, f"expected {names.get(kind, kind)}, found {value!r}"


def _interval(low: float | None, high: float | None) -> str:
    if high is None:
        return f"at least {low}"
    return f"at most {high}" if low is None else f"a value from {low} to {high}"
