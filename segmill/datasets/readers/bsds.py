"""Berkeley segmentation data set (BSDS500): photographs that four to nine people segmented.

Each pair of an image and an annotator is a sample, since people differ and no segmentation is the
right one. The samples of an image share a group, in which every metric takes the mean. Landscape
and portrait images are stored as they are, padded.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from segmill.datasets.bsds_files import Annotation, read_annotations
from segmill.datasets.bulk import BulkReader, Layout
from segmill.datasets.headers import Header, read_headers
from segmill.datasets.images import read_image, single_image_rules
from segmill.datasets.names import natural
from segmill.errors import ConfigError, IntegrityError, Problem, raise_problems
from segmill.options import build_options, option
from segmill.random import generator
from segmill.samples import Sample

# Images and ground truths that are kept, for the next annotator of the same image.
KEPT = 16


@dataclass(frozen=True)
class BsdsRules:
    """Where images and ground truth are, and which annotators become samples.

    Attributes
    ----------
    images : glob of the images, relative to the root; their folder is the split
    truth : ground truth of an image, relative to the root; ``{folder}`` and ``{name}`` are those
        of the image
    annotators : a sample for each annotator (``all``), or one sample for each image, by the
        ``first`` annotator or one drawn at ``random``
    seed : of the draw
    borders : also make `semantic`: classes region and border, the annotator's own boundaries
    check : before the store is planned, decode every image (``full``), or read its size from its
        header (``headers``)
    """

    images: str = option("images/*/*.jpg")
    truth: str = option("groundTruth/{folder}/{name}.mat")
    annotators: str = option("all", choices=("all", "first", "random"))
    seed: int = option(0, low=0)
    borders: bool = option(False)
    check: str = option("full", choices=("full", "headers"))

    def conflicts(self) -> list[str]:
        """What is wrong with the rules."""
        try:
            self.truth.format(folder="train", name="1")
        except (KeyError, IndexError, ValueError) as error:
            return [f"truth: expected {{folder}} and {{name}} only, found {self.truth!r}: {error}"]
        return []


class Reader(BulkReader):
    """One sample per image and annotator. Configuration: `bsds` (BsdsRules) and `images`."""

    def __init__(self, config: Mapping, root: str | Path):
        super().__init__(config, root)
        for key in ("labels", "classes"):
            if key in config:
                raise ConfigError(f"{key}: expected none, regions become instances: see bsds")
        self.rules = build_options(BsdsRules, dict(config.get("bsds") or {}), "bsds")
        self.images = single_image_rules(config.get("images"))
        self.fields = ("image", "instances", *(["semantic"] if self.rules.borders else []))
        self.classes = ("region", "border") if self.rules.borders else ()
        self._layout: Layout | None = None
        self._image = lru_cache(KEPT)(self._read_image)
        self._truth = lru_cache(KEPT)(self._read_truth)

    def tables(self) -> Iterator[pd.DataFrame]:
        """One table. Columns beside the contract's: `annotator` (from 1), `annotators` (of the
        image), `regions` (of this annotator).

        Raises IntegrityError naming every image and ground truth that is wrong.
        """
        paths = [path for path in self.root.glob(self.rules.images) if path.is_file()]
        paths.sort(key=lambda path: natural(path.relative_to(self.root).as_posix()))
        problems = self._strays(paths)
        if not paths:
            problems.append(Problem(f"{self.root}/{self.rules.images}", "images", "none"))
        headers, damaged = read_headers(paths, self.images, self.rules.check == "full")
        problems += damaged.values()
        problems += _mixed(headers)
        rows: list[dict] = []
        for path in paths:
            try:
                rows += self._rows(path, headers.get(path))
            except IntegrityError as error:
                problems += error.problems
        if rows and headers:
            first = read_image(next(iter(headers)), self.images)
            height, width = np.max([header.shape for header in headers.values()], axis=0)
            self._layout = Layout(int(height), int(width), first.shape[2], first.dtype.name)
            yield pd.DataFrame(rows)
        raise_problems(problems, f"dataset {self.root}")

    def _truth_path(self, image: Path) -> Path:
        return self.root / self.rules.truth.format(folder=image.parent.name, name=image.stem)

    def _strays(self, images: list[Path]) -> list[Problem]:
        """Ground truth without image."""
        wanted = {self._truth_path(path) for path in images}
        found = self.root.glob(self.rules.truth.format(folder="*", name="*"))
        return [
            Problem(str(path), f"its image among {self.rules.images}", "none")
            for path in sorted(set(found) - wanted)
        ]

    def _rows(self, path: Path, header: Header | None) -> list[dict]:
        """Rows of one image; a damaged image's ground truth is looked at all the same."""
        truth = self._truth_path(path)
        shape = header.shape if header else None
        annotations = read_annotations(truth, shape, self.rules.borders)
        n = len(annotations)
        name = path.relative_to(self.root).with_suffix("").as_posix()
        chosen = range(n)
        if self.rules.annotators == "first":
            chosen = [0]
        elif self.rules.annotators == "random":
            chosen = [int(generator(self.rules.seed, "annotator", name).integers(n))]
        return [
            {
                "sample_id": f"{path.parent.name}/{path.stem}/a{k + 1}",
                "group": f"{path.parent.name}/{path.stem}",
                "source": path.relative_to(self.root).as_posix(),
                "frame": 0,
                "split": path.parent.name,
                "annotator": k + 1,
                "annotators": n,
                "regions": int(np.unique(annotations[k].segmentation).size),
            }
            for k in chosen
        ]

    def layout(self) -> Layout:
        """Largest size over both orientations; channels and depth of the first image."""
        if self._layout is None:
            for _ in self.tables():
                pass
        return self._layout

    def read_row(self, row: Mapping) -> Sample:
        """The image, and the regions that one annotator drew; IntegrityError naming bad files."""
        path = self.root / row["source"]
        image = self._image(path)
        annotation = self._truth(path)[int(row["annotator"]) - 1]
        sample = Sample(image, instances=annotation.segmentation)
        if self.rules.borders:
            sample.semantic = annotation.boundaries.astype(np.uint8)
        return sample

    def _read_image(self, path: Path) -> np.ndarray:
        image = read_image(path, self.images)
        image.flags.writeable = False  # shared by the annotators
        return image

    def _read_truth(self, path: Path) -> list[Annotation]:
        shape = self._image(path).shape[:2]
        return read_annotations(self._truth_path(path), shape, self.rules.borders)


def _mixed(headers: Mapping[Path, Header]) -> list[Problem]:
    """Images with other channels than the first."""
    if not headers:
        return []
    first, seen = next(iter(headers.items()))
    fix = "images.channels: rgb or grey brings all to one"
    expected = f"{seen.channels} channels as {first.name} ({fix})"
    return [
        Problem(str(path), expected, f"{header.channels}")
        for path, header in headers.items()
        if header.channels != seen.channels
    ]
