"""File names: patterns that find files, keys that pair an image with its labels."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from segmill.errors import ConfigError
from segmill.options import option

# Named groups of a regular expression with a meaning of their own; others become columns.
KEY, GROUP, SPLIT, FRAME = "key", "group", "split", "frame"


@dataclass(frozen=True)
class NameRules:
    """Which files belong to one role, and what their names say.

    Attributes
    ----------
    pattern : glob relative to the root of the dataset, ``**`` for any depth
    prefix, suffix : cut off the name (without its extension) to give the key
    regex : instead, a regular expression for the whole path below the fixed part of the pattern,
        without extension; its named group `key` is the key, `group`, `split` and `frame` set
        these, and any other named group becomes a column of the table
    """

    pattern: str = option("*")
    prefix: str = option("")
    suffix: str = option("")
    regex: str | None = option(None)

    def conflicts(self) -> list[str]:
        """What is wrong with the rules."""
        if PurePosixPath(self.pattern).is_absolute() or ".." in PurePosixPath(self.pattern).parts:
            return [f"pattern: expected a path below the dataset's root, found {self.pattern!r}"]
        if self.regex is None:
            return []
        if self.prefix or self.suffix:
            return ["regex: expected no prefix and suffix beside it"]
        try:
            groups = re.compile(self.regex).groupindex
        except re.error as error:
            return [f"regex: {self.regex!r} is no regular expression: {error}"]
        missing = f"regex: expected a named group (?P<{KEY}>...), found groups {sorted(groups)}"
        return [] if KEY in groups else [missing]

    @property
    def base(self) -> PurePosixPath:
        """The part of the pattern before its first wildcard."""
        fixed = []
        for part in PurePosixPath(self.pattern).parts[:-1]:
            if any(sign in part for sign in "*?["):
                break
            fixed.append(part)
        return PurePosixPath(*fixed)

    def find(self, root: Path) -> list[Path]:
        """Files that match, in natural order; hidden files are no data."""
        found = (p for p in root.glob(self.pattern) if p.is_file() and not _hidden(p, root))
        return sorted(found, key=lambda p: natural(p.relative_to(root).as_posix()))

    def parse(self, path: Path, root: Path) -> dict[str, str] | None:
        """Key and other facts in the name of a file; None where the name breaks the rules."""
        inner = path.relative_to(root / self.base).with_suffix("").as_posix()
        if self.regex is not None:
            match = re.fullmatch(self.regex, inner)
            return match and {k: v for k, v in match.groupdict().items() if v is not None}
        parent, slash, stem = inner.rpartition("/")
        fits = stem.startswith(self.prefix) and stem.endswith(self.suffix)
        if not fits or len(stem) <= len(self.prefix) + len(self.suffix):
            return None
        stem = stem[len(self.prefix) : len(stem) - len(self.suffix)]
        return {KEY: f"{parent}{slash}{stem}"}

    def wanted(self) -> str:
        """The rule in words, for errors."""
        if self.regex is not None:
            return f"a name that matches {self.regex!r}"
        return f"a name with prefix {self.prefix!r} and suffix {self.suffix!r}"


def _hidden(path: Path, root: Path) -> bool:
    """Whether the file, or a folder around it below `root`, is hidden or a Mac's resource fork."""
    return any(p.startswith(".") or p == "__MACOSX" for p in path.relative_to(root).parts)


def natural(text: str) -> list:
    """Sort key that puts ``img2`` before ``img10``; equal texts alone have equal keys."""
    parts = re.split(r"(\d+)", text)
    return [*((int(p), "") if p.isdecimal() else (-1, p) for p in parts), (-1, text)]


def whole_number(text: str, where: str) -> int:
    """A non-negative integer written in a name or a table; ConfigError naming `where` otherwise."""
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise ConfigError(f"{where}: expected a frame number, found {text!r}")
    return number
