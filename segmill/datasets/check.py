"""The integrity check: every file is read once, and all offenders are named together."""

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from skimage.measure import label as label_regions

from segmill.datasets.masks import INSTANCES_EXPECTED
from segmill.errors import IntegrityError, Problem, SegmillError
from segmill.progress import track

if TYPE_CHECKING:
    from segmill.datasets.base import BaseReader, Record

MAX_THREADS = 8


@dataclass(frozen=True)
class Finding:
    """What the check learnt of one sample; `pieces` counts the regions of a lone object."""

    record: "Record"
    problems: tuple[Problem, ...] = ()
    objects: int = 0
    pieces: int = 0


def check_records(
    reader: "BaseReader", records: Sequence["Record"]
) -> tuple[list["Record"], list[Problem]]:
    """Load every sample in threads; memory holds a few samples at a time.

    Returns
    -------
    records : with `shape` and `dtype` of their images where these are readable
    problems : of every file, and of files that do not go together
    """
    pool = ThreadPoolExecutor(min(MAX_THREADS, len(os.sched_getaffinity(0))))
    try:
        found = pool.map(lambda record: _inspect(reader, record), records)
        findings = list(track(found, len(records), f"checking {reader.root}"))
    finally:
        pool.shutdown(cancel_futures=True)
    problems = [problem for finding in findings for problem in finding.problems]
    checked = [finding.record for finding in findings]
    problems += _mixed(checked, lambda r: r.shape[2], "channel", MIXED_CHANNELS)
    problems += _mixed(checked, lambda r: r.dtype, "bit depth", MIXED_DEPTHS)
    if reader.labels.kind == "instances" and not reader.labels.fragments:
        problems += _binary_masks(findings)
    return checked, list(dict.fromkeys(problems))


def _inspect(reader: "BaseReader", record: "Record") -> Finding:
    try:
        sample = reader.load(record)
    except IntegrityError as error:
        return Finding(record, tuple(error.problems))
    except Exception as error:
        cause = f"{type(error).__name__}: {error}"
        raise SegmillError(f"{record.image}: sample {record.sample_id}: {cause}") from error
    sample.check(record.sample_id)
    record = replace(record, shape=sample.image.shape, dtype=sample.image.dtype.name)
    problems = []
    if sample.semantic is not None and sample.semantic.max(initial=0) >= len(reader.classes):
        expected = f"class ids below {len(reader.classes)}"
        problems.append(Problem(str(record.image), expected, f"id {sample.semantic.max()}"))
    if sample.instances is None:
        return Finding(record, tuple(problems))
    return Finding(record, tuple(problems), *_count(sample.instances))


def _count(instances: np.ndarray) -> tuple[int, int]:
    """Number of objects (2 stands for more), and regions of the object if there is only one."""
    inside = instances > 0
    if not inside.any():
        return 0, 0
    values = instances[inside]
    if values.min() != values.max():
        return 2, 0
    return 1, int(label_regions(inside, connectivity=2).max())


def _binary_masks(findings: Sequence[Finding]) -> list[Problem]:
    """Masks whose lone id covers several regions, if no image of the dataset has two ids.

    A single image may well show one object in two pieces; a dataset without any image of two
    objects, but with many regions, is one of binary masks.
    """
    if any(finding.objects > 1 for finding in findings):
        return []
    hint = f"{INSTANCES_EXPECTED}, or labels.fragments: true where an object lies in pieces"
    return [
        Problem(
            str((*finding.record.masks, finding.record.image)[0]),
            hint,
            f"a binary mask of {finding.pieces} regions",
        )
        for finding in findings
        if finding.pieces > 1
    ]


MIXED_CHANNELS = "images.channels: rgb or grey brings all to one"
MIXED_DEPTHS = "convert the images, scaling them would change their meaning"


def _mixed(records: Sequence["Record"], key, what: str, fix: str) -> list[Problem]:
    """Images that differ from most others in a property which a store has only once."""
    known = [record for record in records if record.shape is not None]
    counts = Counter(key(record) for record in known)
    if len(counts) < 2:
        return []
    common = max(counts, key=lambda value: (counts[value], str(value)))
    expected = f"{what} {common} as in {counts[common]} other images ({fix})"
    return [
        Problem(str(record.image), expected, f"{what} {key(record)}")
        for record in known
        if key(record) != common
    ]
