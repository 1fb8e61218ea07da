"""Errors a user can act on: each names the file or key, what was expected and what was found."""

from collections.abc import Iterable
from dataclasses import dataclass


class SegmillError(Exception):
    """Base class of every error that Segmill raises on purpose."""


class ConfigError(SegmillError):
    """A configuration is wrong: an unknown key, value, path or dataset."""


class StoreError(SegmillError):
    """A sample store is missing, incomplete, damaged or used against its contract."""


class TrainingError(SegmillError):
    """A training cannot go on: a non-finite loss, or a checkpoint of another configuration."""


@dataclass(frozen=True)
class Problem:
    """One offence against what a stage expects of its input."""

    file: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.file}: expected {self.expected}, found {self.found}"


class IntegrityError(SegmillError):
    """Input files break the expectations of a reader; `problems` lists all offenders."""

    def __init__(self, problems: Iterable[Problem], what: str = "the input"):
        self.problems = list(problems)
        self.what = what
        count = len(self.problems)
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"{count} problem{'s' * (count != 1)} in {what}:\n{lines}")

    def __reduce__(self):
        # Exception's own pickling would pass the message as `problems`.
        return type(self), (self.problems, self.what)


def raise_problems(problems: Iterable[Problem], what: str = "the input") -> None:
    """Raise one IntegrityError that names every problem; return when there is none."""
    problems = list(problems)
    if problems:
        raise IntegrityError(problems, what)
