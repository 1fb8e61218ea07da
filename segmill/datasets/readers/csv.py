"""A CSV table that names an image and its mask in each row."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from segmill.datasets.base import Record
from segmill.datasets.files import FileReader, duplicates
from segmill.errors import ConfigError, Problem
from segmill.options import build_options, option


@dataclass(frozen=True)
class TableRules:
    """Where the table is and which columns mean what; all other columns go to the store's table.

    Attributes
    ----------
    file : path of the table relative to the dataset's root
    delimiter : between the columns
    image, mask : columns with paths relative to the dataset's root; an empty mask is missing
    sample_id, group, split, frame : optional columns, used where the table has them
    missing : ``error`` or ``ignore`` (keep as unannotated) for a row without mask
    """

    file: str = option("samples.csv")
    delimiter: str = option(",")
    image: str = option("image")
    mask: str = option("mask")
    sample_id: str = option("sample_id")
    group: str = option("group")
    split: str = option("split")
    frame: str = option("frame")
    missing: str = option("error", choices=("error", "ignore"))


class Reader(FileReader):
    """Pairs named in a table. Configuration: `table` (see TableRules) and `images`."""

    def __init__(self, config: Mapping, root: str | Path):
        super().__init__(config, root)
        unknown = set(config.get("images") or {}) - set(self.image_keys)
        if unknown:
            raise ConfigError(f"images: unknown {sorted(unknown)}; known are {self.image_keys}")
        self.rules = build_options(TableRules, config.get("table") or {}, "table")

    @property
    def may_ignore(self) -> bool:
        """Whether some pixel of some sample may be unannotated."""
        return super().may_ignore or self.rules.missing == "ignore"

    def listing(self) -> tuple[list[Record], list[Problem]]:
        """The rows in the order of the table, and the rows that name no file."""
        path = self.root / self.rules.file
        try:
            table = pd.read_csv(path, sep=self.rules.delimiter)
        except (OSError, ValueError) as error:
            cause = f"{type(error).__name__}: {error}"
            return [], [Problem(str(path), "a CSV table of images and masks", cause)]
        wanted = [self.rules.image]
        if self.rules.missing == "error":
            wanted.append(self.rules.mask)
        absent = [name for name in wanted if name not in table]
        if absent:
            expected = f"the columns {', '.join(wanted)} (table.image, table.mask rename them)"
            return [], [Problem(str(path), expected, f"columns {', '.join(map(str, table))}")]
        if table.empty:
            return [], [Problem(str(path), "at least one row", "no row")]
        return self._rows(table, path)

    def _rows(self, table: pd.DataFrame, path: Path) -> tuple[list[Record], list[Problem]]:
        records: list[Record] = []
        problems: list[Problem] = []
        # Line 1 of the file is the header.
        for line, row in enumerate(table.to_dict("records"), start=2):
            record, more = self._record(row, f"{path}:{line}")
            problems += more
            if record is not None:
                records.append(record)
        problems += duplicates(records)
        records, more = self.split_pages(records)
        return records, problems + more

    def _record(self, row: dict, where: str) -> tuple[Record | None, list[Problem]]:
        """The record of one row, None where the row names no files to read."""
        rules = self.rules
        known = {
            role: row.pop(getattr(rules, role), None)
            for role in ("image", "mask", "sample_id", "group", "split", "frame")
        }
        given = {role: value for role, value in known.items() if not pd.isna(value)}
        problems = self._file_problems(given, where)
        frame, more = _frame(given.get("frame", 0), where)
        if problems or more:
            return None, problems + more
        name = str(given["image"])
        sample_id = str(given.get("sample_id", PurePosixPath(name).with_suffix("")))
        image = self.root / name
        return Record(
            sample_id=sample_id,
            group=_text(given.get("group", sample_id)),
            source=PurePosixPath(name).as_posix(),
            image=image,
            masks=(self.root / str(given["mask"]),) if "mask" in given else (),
            frame=frame,
            split=None if "split" not in given else str(given["split"]),
            extra=row,
        ), []

    def _file_problems(self, given: Mapping, where: str) -> list[Problem]:
        problems = []
        for role in ("image", "mask"):
            if role not in given:
                if role == "image" or self.rules.missing == "error":
                    expected = f"a path in column {getattr(self.rules, role)}"
                    problems.append(Problem(where, expected, "an empty cell"))
            elif not (self.root / str(given[role])).is_file():
                problems.append(Problem(where, f"the {role} {given[role]}", "no such file"))
        return problems


def _frame(value, where: str) -> tuple[int, list[Problem]]:
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if number < 0 or number != int(number):
        return 0, [Problem(where, "a whole frame number from 0", repr(value))]
    return int(number), []


def _text(value) -> str:
    """A cell as text; pandas turns whole numbers beside empty cells into floats."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
