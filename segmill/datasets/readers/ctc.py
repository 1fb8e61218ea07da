"""The Cell Tracking Challenge's layout: image sequences with sparse segmentation truth.

``SS/tNNN.tif`` is frame NNN of sequence SS, ``SS_GT/SEG/man_segNNN.tif`` its segmentation where
there is one, ``SS_GT/TRA/man_trackNNN.tif`` the markers of all tracked cells. See "Naming and file
content conventions" at https://celltrackingchallenge.net, and Maška et al., "The Cell Tracking
Challenge: 10 years of objective benchmarking", Nature Methods 20 (2023).
"""

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt

from segmill.datasets.base import Record
from segmill.datasets.files import FileReader
from segmill.datasets.raster import offence, read_raster
from segmill.errors import ConfigError, Problem
from segmill.options import build_options, option
from segmill.samples import Sample

_IMAGE = re.compile(r"t(\d{3,4})\.tif")
_TRUTH = re.compile(r"man_seg_?(\d{3,4})\.tif")


@dataclass(frozen=True)
class SequenceRules:
    """Which frames become samples, and which of their pixels count as annotated.

    Attributes
    ----------
    truth : ``GT`` (gold, by hand) or ``ST`` (silver, by computer): the folders ``SS_GT``, ``SS_ST``
    frames : ``annotated`` takes the frames with segmentation truth, ``all`` takes every frame and
        ignores those without
    unsegmented_radius : pixels up to this distance from the tracking marker of a cell that nobody
        segmented are ignored, in px; 0 takes them as background
    field_of_interest : pixels nearer to the edge than this belong to no reference object by the
        rules of the challenge; without an object there they are ignored, in px
    """

    truth: str = option("GT", choices=("GT", "ST"))
    frames: str = option("annotated", choices=("annotated", "all"))
    unsegmented_radius: int = option(0, low=0, high=1000)
    field_of_interest: int = option(0, low=0, high=1000)


class Reader(FileReader):
    """Sequences of 2-D frames. Configuration: `ctc` with `sequences`, `blocks` and SequenceRules.

    `blocks` groups frames that follow each other, so that neighbours in time never lie on two
    sides of a split: a number of frames, or a list of first frames. Without it a sequence is one
    group.
    """

    def __init__(self, config: Mapping, root: str | Path):
        super().__init__(config, root)
        section = dict(config.get("ctc") or {})
        self.sequences = [str(name) for name in section.pop("sequences", None) or []]
        self.blocks = _checked_blocks(section.pop("blocks", None))
        self.rules = build_options(SequenceRules, section, "ctc")
        if not self.labels.gives_instances:
            raise ConfigError(f"labels.kind: expected instances, found {self.labels.kind}")

    @property
    def may_ignore(self) -> bool:
        """Whether some pixel of some sample may be unannotated."""
        rules = self.rules
        some = rules.frames == "all" or rules.unsegmented_radius or rules.field_of_interest
        return super().may_ignore or bool(some)

    def listing(self) -> tuple[list[Record], list[Problem]]:
        """Frames by sequence and time, and truth files that belong to no frame."""
        records: list[Record] = []
        problems: list[Problem] = []
        names = self.sequences or self._found_sequences()
        if not names:
            expected = "folders of sequences named 01, 02 ..."
            return [], [Problem(str(self.root), expected, "none")]
        for name in names:
            more_records, more_problems = self._sequence(name)
            records += more_records
            problems += more_problems
        return records, problems

    def _found_sequences(self) -> list[str]:
        if not self.root.is_dir():
            return []
        return sorted(p.name for p in self.root.iterdir() if re.fullmatch(r"\d{2}", p.name))

    def _sequence(self, name: str) -> tuple[list[Record], list[Problem]]:
        images = _by_frame(self.root / name, _IMAGE)
        truth_folder = self.root / f"{name}_{self.rules.truth}" / "SEG"
        truths = _by_frame(truth_folder, _TRUTH)
        problems = self._sequence_problems(name, images, truths, truth_folder)
        records = [
            Record(
                sample_id=f"{name}/{image.stem}",
                group=f"{name}/{self._block(frame)}" if self.blocks else name,
                source=self.in_root(image),
                image=image,
                masks=(truths[frame],) if frame in truths else (),
                frame=frame,
                extra={"sequence": name, "annotated": frame in truths},
            )
            for frame, image in sorted(images.items())
            if frame in truths or self.rules.frames == "all"
        ]
        return records, problems

    def _sequence_problems(
        self, name: str, images: Mapping, truths: Mapping, truth_folder: Path
    ) -> list[Problem]:
        if not images:
            found = "no such file" if (self.root / name).is_dir() else "no such folder"
            return [Problem(str(self.root / name / "tNNN.tif"), "frames of a sequence", found)]
        if not truths and self.rules.frames == "annotated":
            slices = sorted(truth_folder.glob("man_seg_*_*.tif")) if truth_folder.is_dir() else []
            found = f"truth of single slices of 3-D frames, {len(slices)}" if slices else "none"
            return [Problem(str(truth_folder), "man_segNNN.tif of 2-D frames", found)]
        return [
            Problem(str(path), f"a frame {name}/t{path.stem[7:]}.tif", "a mask without image")
            for frame, path in sorted(truths.items())
            if frame not in images
        ]

    def _block(self, frame: int) -> str:
        """Name of the block of frames that a frame lies in."""
        if isinstance(self.blocks, int):
            return f"b{frame // self.blocks}"
        return f"b{bisect_right(self.blocks, frame) - 1}"

    def load(self, record: Record) -> Sample:
        """A frame with its segmentation; `ignore` marks what the truth leaves open.

        Raises IntegrityError naming the offending files.
        """
        sample = super().load(record)
        if not record.masks or not self.may_ignore:
            return sample
        ignore = np.zeros(sample.shape, bool) if sample.ignore is None else sample.ignore
        ignore |= self._outside(sample.shape) | self._unsegmented(record, sample)
        # What is segmented is known, wherever it lies.
        sample.ignore = ignore & (sample.instances == 0)
        return sample

    def _outside(self, shape: tuple[int, int]) -> np.ndarray:
        """Pixels outside the field of interest."""
        outside = np.ones(shape, bool)
        margin = self.rules.field_of_interest
        outside[margin : shape[0] - margin, margin : shape[1] - margin] = False
        return outside

    def _unsegmented(self, record: Record, sample: Sample) -> np.ndarray:
        """Pixels around the tracking markers of cells that no segmented object covers."""
        blank = np.zeros(sample.shape, bool)
        if not self.rules.unsegmented_radius:
            return blank
        sequence = record.extra["sequence"]
        digits = record.image.stem[1:]
        path = self.root / f"{sequence}_GT" / "TRA" / f"man_track{digits}.tif"
        markers = read_raster(path).values
        if markers.shape != sample.shape:
            expected = f"{sample.shape[0]} x {sample.shape[1]} pixels as {record.image.name}"
            raise offence(path, expected, " x ".join(map(str, markers.shape)))
        segmented = np.unique(markers[sample.instances > 0])
        open_markers = (markers > 0) & ~np.isin(markers, segmented)
        if not open_markers.any():
            return blank
        return distance_transform_edt(~open_markers) <= self.rules.unsegmented_radius


def _by_frame(folder: Path, pattern: re.Pattern) -> dict[int, Path]:
    """Files of a folder by the frame number in their names."""
    if not folder.is_dir():
        return {}
    matches = ((pattern.fullmatch(path.name), path) for path in sorted(folder.iterdir()))
    return {int(match[1]): path for match, path in matches if match}


def _checked_blocks(blocks) -> int | list[int] | None:
    """Block length or first frames of the blocks; ConfigError if it is neither."""
    if blocks is None or (isinstance(blocks, int) and blocks > 0):
        return blocks
    if isinstance(blocks, list) and blocks and blocks[0] == 0 and blocks == sorted(set(blocks)):
        return blocks
    expected = "a positive number of frames or rising first frames that start with 0"
    raise ConfigError(f"ctc.blocks: expected {expected}, found {blocks!r}")
