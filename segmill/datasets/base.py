"""What a reader of a raw format is, and how a configuration finds one."""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from segmill.datasets.check import check_records
from segmill.datasets.masks import label_rules
from segmill.datasets.readers import reader_names
from segmill.errors import ConfigError, Problem, raise_problems
from segmill.labels import cell_border
from segmill.samples import Sample


@dataclass(frozen=True)
class Record:
    """One sample as its source knows it, before its pixels are read.

    Attributes
    ----------
    sample_id : unique and stable: it depends on the names in the source alone
    group : samples of one group always share a split
    source : path of the image relative to the root of the dataset, with ``/``
    image : path of the image file
    masks : paths of the label files; none where nobody annotated the image
    frame : number of the frame or page, 0 for single images
    page : page inside a TIFF stack, None for files of one page
    split : train, val or test where the source says so
    extra : more columns of the store's table
    shape : (h, w, C) of the image, once the files have been checked
    dtype : of the image, once the files have been checked
    """

    sample_id: str
    group: str
    source: str
    image: Path
    masks: tuple[Path, ...] = ()
    frame: int = 0
    page: int | None = None
    split: str | None = None
    extra: Mapping = field(default_factory=dict)
    shape: tuple[int, int, int] | None = None
    dtype: str | None = None


class Reader(Protocol):
    """What :class:`segmill.datasets.IngestProducer` needs of a raw format."""

    classes: tuple[str, ...]
    notions: tuple[str, ...]
    targets: tuple[str, ...]
    derived: dict
    fields: tuple[str, ...]

    def records(self) -> list[Record]:
        """All samples in a stable order, without reading pixels."""
        ...

    def scan(self) -> list[Record]:
        """The same records with `shape` and `dtype`, after every file was read and checked."""
        ...

    def read(self, record: Record) -> Sample:
        """The sample of a record."""
        ...


class BaseReader(ABC):
    """A reader that only has to list its samples and load one; checks and derived labels are here.

    Parameters
    ----------
    config : a dataset's configuration
    root : folder that holds the raw files

    Attributes
    ----------
    labels : LabelRules of the configuration
    notions : names of overlapping notions, position = bit; a reader that gives none leaves it empty
    targets : names of the channels of `target`; likewise
    """

    notions: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()

    def __init__(self, config: Mapping, root: str | Path):
        self.config = config
        self.root = Path(root)
        self.labels = label_rules(config)

    @abstractmethod
    def listing(self) -> tuple[list[Record], list[Problem]]:
        """All samples that the names in the source promise, and what is wrong with the names."""

    @abstractmethod
    def load(self, record: Record) -> Sample:
        """Image and labels as the files give them.

        Raises IntegrityError naming each offending file.
        """

    @property
    def may_ignore(self) -> bool:
        """Whether some pixel of some sample may be unannotated."""
        return self.labels.ignore is not None

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, position = id in `semantic`; empty without class labels."""
        return self.labels.classes if self.labels.gives_semantic else ()

    @property
    def derived(self) -> dict:
        """How labels were made from other labels."""
        if self.labels.border_width is None:
            return {}
        return {"semantic": {"kind": "cell_border", "width": self.labels.border_width}}

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the arrays that each sample has."""
        present = {
            "image": True,
            "semantic": self.labels.gives_semantic,
            "instances": self.labels.gives_instances,
            "notions": bool(self.notions),
            "target": bool(self.targets),
            "ignore": self.may_ignore,
        }
        return tuple(name for name, there in present.items() if there)

    def records(self) -> list[Record]:
        """All samples in a stable order, without reading pixels.

        Raises IntegrityError listing everything that is wrong with the names.
        """
        records, problems = self.listing()
        raise_problems(problems, f"dataset {self.root}")
        return records

    def scan(self) -> list[Record]:
        """Records with image shapes and dtypes, after every file was read and checked.

        Raises IntegrityError listing all offending files.
        """
        records, problems = self.listing()
        records, more = check_records(self, records)
        raise_problems([*problems, *more], f"dataset {self.root}")
        return records

    def read(self, record: Record) -> Sample:
        """The sample of a record, with derived labels and exactly the arrays of `fields`."""
        sample = self.load(record)
        blank = sample.shape
        if self.labels.gives_instances and sample.instances is None:
            sample.instances = np.zeros(blank, np.int32)
        if self.labels.gives_instances and self.labels.border_width is not None:
            sample.semantic = cell_border(sample.instances, self.labels.border_width)
        elif self.labels.gives_semantic and sample.semantic is None:
            sample.semantic = np.zeros(blank, np.uint8)
        if self.may_ignore and sample.ignore is None:
            sample.ignore = np.zeros(blank, bool)
        return sample


def build_reader(config: Mapping, root: str | Path) -> Reader:
    """The reader that `config` asks for.

    Parameters
    ----------
    config : a dataset's configuration; `reader` names a module of ``segmill.datasets.readers``
    root : folder that holds the raw files, as :func:`segmill.datasets.locate` gives it

    Raises
    ------
    ConfigError
        naming the unknown reader and the known ones, or the options that are wrong.
    """
    name = config.get("reader")
    if name not in reader_names():
        known = ", ".join(reader_names())
        raise ConfigError(f"reader: expected one of {known} (synthetic is none), found {name!r}")
    return importlib.import_module(f"segmill.datasets.readers.{name}").Reader(config, root)
