"""Large JSON files element by element: memory holds one element, whatever the size of the file."""

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from segmill.datasets.raster import offence

# Bytes that are read at once, and the most that one element may take.
CHUNK = 1 << 20
LARGEST = 256 << 20
# A number that the end of the text cuts off is taken for a shorter one: 1.5e-7 as 1.5, e- after it.
_CUT_NUMBER = 3
_decode = json.JSONDecoder().raw_decode
_blank = re.compile(r"[ \t\r\n]*").match


@dataclass(frozen=True)
class Element:
    """One element of an array: the array's key, the value, and which bytes of the file hold it."""

    key: str
    value: Any
    offset: int
    length: int


def stream_elements(path: Path, keys: Collection[str]) -> Iterator[Element]:
    """Elements of those arrays of a JSON object that lie under `keys`, in the order of the file.

    What lies under other keys is skipped. ``json.loads`` of the bytes ``[offset, offset + length)``
    of the file gives the value again.

    Raises
    ------
    IntegrityError
        naming a file that is no JSON object, the byte where it stops being one, or a key of `keys`
        whose value is no array.
    """
    try:
        with path.open("rb") as file:
            yield from _Buffer(path, file).elements(keys)
    except OSError as error:
        raise offence(path, "a JSON file", f"{type(error).__name__}: {error}") from error


class _Buffer:
    """The part of a file that is being parsed.

    Bytes are taken for Latin-1 characters, so that positions in the text are positions in the
    file: all that structures JSON is ASCII. Values with other characters are decoded again.
    """

    def __init__(self, path: Path, file: BinaryIO):
        self._path, self._file = path, file
        self._text, self._at = "", 0
        self._start = 0  # place in the file of the text's first character
        self._ended = False

    def elements(self, keys: Collection[str]) -> Iterator[Element]:
        self._expect("{")
        more = self._sign() != "}"
        while more:
            key = self._value()[0]
            if not isinstance(key, str):
                raise self._offence(f"a key, found {key!r:.40}")
            self._expect(":")
            if key in keys:
                yield from self._array(key)
            else:
                self._value()
            more = self._goes_on("}")

    def _array(self, key: str) -> Iterator[Element]:
        if self._sign() != "[":
            raise offence(self._path, f"an array {key}", f"{self._value()[0]!r:.40}")
        self._at += 1
        if self._sign() == "]":
            self._at += 1
            return
        more = True
        while more:
            yield Element(key, *self._value())
            more = self._goes_on("]")

    def _value(self) -> tuple[Any, int, int]:
        """The next value, its place in the file and its number of bytes."""
        self._sign()
        while True:
            try:
                value, end = _decode(self._text, self._at)
            except (json.JSONDecodeError, RecursionError) as error:
                if self._ended or len(self._text) - self._at > LARGEST:
                    raise self._offence(f"a value: {error}") from error
                self._refill()
                continue
            if self._ended or len(self._text) - end >= _CUT_NUMBER:
                break
            self._refill()
        raw, place = self._text[self._at : end], self._start + self._at
        if not raw.isascii():
            try:
                value = json.loads(raw.encode("latin-1"))
            except UnicodeDecodeError as error:
                raise self._offence(f"UTF-8: {error}") from error
        self._at = end
        return value, place, len(raw)

    def _goes_on(self, closing: str) -> bool:
        """Whether a comma follows, rather than the end of the array or object."""
        sign = self._sign()
        if sign not in (",", closing):
            raise self._offence(f"',' or {closing!r}, found {sign!r}")
        self._at += 1
        return sign == ","

    def _expect(self, wanted: str) -> None:
        sign = self._sign()
        if sign != wanted:
            raise self._offence(f"{wanted!r}, found {sign!r}")
        self._at += 1

    def _sign(self) -> str:
        """The next character that is no blank, which is not consumed; none at the end."""
        while True:
            self._at = _blank(self._text, self._at).end()
            if self._at < len(self._text) or self._ended:
                return self._text[self._at : self._at + 1]
            self._refill()

    def _refill(self) -> None:
        """Read on, as many bytes as are waiting, so that a long element takes few attempts."""
        waiting = self._text[self._at :]
        fresh = self._file.read(max(CHUNK, len(waiting)))
        self._start += self._at
        self._text, self._at = waiting + fresh.decode("latin-1"), 0
        self._ended = not fresh

    def _offence(self, expected: str):
        what = f"not so at byte {self._start + self._at}: expected {expected}"
        return offence(self._path, "a JSON object", what)
