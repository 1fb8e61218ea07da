"""Readers of image files with label files: what the layouts `folder`, `csv` and `ctc` share."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from segmill.datasets.base import BaseReader, Record
from segmill.datasets.images import ImageRules, read_image
from segmill.datasets.masks import Labels, read_labels
from segmill.datasets.raster import count_pages
from segmill.errors import IntegrityError, Problem
from segmill.options import build_options
from segmill.samples import Sample


class FileReader(BaseReader):
    """Images and labels in image files; a layout only says which file belongs to which.

    Attributes
    ----------
    images : ImageRules of the configuration
    """

    image_keys: tuple[str, ...] = ("pages", "channels", "alpha")

    def __init__(self, config: Mapping, root: str | Path):
        super().__init__(config, root)
        section = config.get("images") or {}
        own = {key: section[key] for key in self.image_keys if key in section}
        self.images = build_options(ImageRules, own, "images")

    def load(self, record: Record) -> Sample:
        """Image and labels of a record; an image without labels is ignored everywhere.

        Raises IntegrityError naming the image, the masks, or both.
        """
        problems: list[Problem] = []
        image = _attempt(lambda: read_image(record.image, self.images, record.page), problems)
        labels = Labels()
        if record.masks:
            found = _attempt(lambda: read_labels(record.masks, self.labels, record.page), problems)
            labels = found or labels
        if image is not None:
            problems += _size_problems(record, image, labels)
        if problems:
            raise IntegrityError(problems)
        ignore = labels.ignore
        if not record.masks and self.may_ignore:
            ignore = np.ones(image.shape[:2], bool)
        return Sample(image, labels.semantic, labels.instances, ignore=ignore)

    def in_root(self, path: Path) -> str:
        """A path relative to the root of the dataset, with ``/``."""
        return path.relative_to(self.root).as_posix()

    def split_pages(self, records: Iterable[Record]) -> tuple[list[Record], list[Problem]]:
        """Records of stacks turned into a record per page, if the configuration wants pages.

        The pages of a stack are its group; page k of a stack of masks labels page k of the images.
        """
        if not self.images.pages:
            return list(records), []
        paged: list[Record] = []
        problems: list[Problem] = []
        for record in records:
            counts = _attempt(lambda r=record: _page_counts(r), problems)
            if counts is not None:
                paged += [
                    replace(record, sample_id=f"{record.sample_id}/p{k:04d}", frame=k, page=k)
                    for k in range(counts)
                ]
        return paged, problems


def _attempt(action: Callable, problems: list[Problem]):
    """The result of `action`, or None with its complaints added to `problems`."""
    try:
        return action()
    except IntegrityError as error:
        problems += error.problems
        return None


def _size_problems(record: Record, image: np.ndarray, labels: Labels) -> list[Problem]:
    present = [a for a in (labels.semantic, labels.instances) if a is not None]
    if not present or present[0].shape == image.shape[:2]:
        return []
    (h, w), (mh, mw) = image.shape[:2], present[0].shape
    expected = f"{h} x {w} pixels (rows x columns) as its image {record.image.name}"
    return [Problem(str(record.masks[0]), expected, f"{mh} x {mw}")]


def _page_counts(record: Record) -> int:
    count = count_pages(record.image)
    for mask in record.masks:
        pages = count_pages(mask)
        if pages != count:
            expected = f"{count} pages as its image {record.image.name}"
            raise IntegrityError([Problem(str(mask), expected, f"{pages} pages")])
    return count


def duplicates(records: Iterable[Record]) -> list[Problem]:
    """Images that claim the same sample id."""
    claims: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        claims[record.sample_id].append(record)
    return [
        Problem(
            str(record.image),
            f"a name of its own: {sample_id!r} is taken by {same[0].source}",
            "a duplicate name",
        )
        for sample_id, same in claims.items()
        for record in same[1:]
    ]
