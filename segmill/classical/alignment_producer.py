"""Stores of samples found by the classical alignment, frame by frame."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd

from segmill.classical.align import PARTS, Alignment, align_frames
from segmill.classical.align_options import AlignmentOptions
from segmill.classical.options import method_options
from segmill.errors import Problem, raise_problems
from segmill.notions import FOREGROUND, pack_named
from segmill.samples import Sample
from segmill.store import FieldSpec, Store, StorePlan
from segmill.store.derived import derived_plan, rows_of_split

NOTIONS = (*PARTS, FOREGROUND)
# Alignments kept: samples of a group mostly follow each other.
KEPT = 2


class AlignmentProducer:
    """Finds loop, stem and pin in the sweeps of a store; the result is a store again.

    Its samples are the source's, in the same order: the image and `notions` (loop, stem, pin,
    foreground) as found from all frames of the same `group`. The column ``empty_reason`` says why
    nothing was found, or why the sweep's fits are refused.

    Parameters
    ----------
    store : source of the frames, with the columns `group`, `omega` (degrees), and `mm_per_px` and
        `rotating` where they are known
    config : mapping with the keys ``method`` (``alignment``), ``options`` (see
        :class:`AlignmentOptions`) and ``title``
    split : only the sweeps of this split; None: all
    name : of the method, for messages and the store's card

    Raises
    ------
    ConfigError
        for whatever is wrong with the configuration, or a split without samples.
    IntegrityError
        for a store without omega or with images that are not uint8.
    """

    def __init__(
        self, store: Store, config: Mapping, split: str | None = None, name: str = "alignment"
    ):
        self.store, self.config, self.name = store, dict(config), name
        self.options = method_options(config, name)
        self.rows = rows_of_split(store, split)
        check_sweeps(store)
        self._aligned = lru_cache(maxsize=KEPT)(self._align)

    def plan(self) -> StorePlan:
        """Layout, table and attributes of the store of notions."""
        fields = {"notions": FieldSpec("uint16")}
        attributes = {
            "notions": list(NOTIONS),
            "config": {"name": self.name, **self.config},
        }
        return derived_plan(self.store, self.rows, fields, attributes)

    def sample(self, i: int) -> Sample:
        """Parts of the sample in the frame of row `i`."""
        row = int(self.rows[i])
        image = self.store.image(row)
        rows, found = self._aligned(self.store.table["group"].iloc[row])
        masks = found.part_masks(int(np.searchsorted(rows, row)))
        return Sample(
            image=image,
            notions=pack_named(masks, NOTIONS, image.shape[:2]),
            notes={"empty_reason": found.reason or ""},
        )

    def _align(self, group: str) -> tuple[np.ndarray, Alignment]:
        return align_group(self.store, group, self.options)


def check_sweeps(store: Store) -> None:
    """Raise IntegrityError unless the store has what an alignment needs; all offences at once."""
    problems = []
    if store.dtype("image") != np.uint8:
        found = f"{store.dtype('image')}"
        problems.append(Problem(str(store.path), "images of uint8", found))
    if "omega" not in store.table:
        problems.append(Problem(str(store.path), "a column omega (degrees)", "no such column"))
    else:
        missing = store.table["sample_id"][store.table["omega"].isna()].astype(str).tolist()
        problems += [Problem(name, "an omega", "none") for name in missing]
    raise_problems(problems, f"the sweeps of {store.path.name}")


def align_group(
    store: Store, group: str, options: AlignmentOptions
) -> tuple[np.ndarray, Alignment]:
    """Rows of one group in the store, ascending, and the alignment of their frames.

    A calibration in the options goes before the table's column `mm_per_px`.
    """
    rows = store.where(group=group)
    table = store.table.iloc[rows]
    omega = table["omega"].to_numpy(float)
    sizes = table[["mm_per_px"]].dropna() if "mm_per_px" in table else table.iloc[:0]
    if options.mm_per_px is None and len(sizes):
        options = replace(options, mm_per_px=float(sizes["mm_per_px"].iloc[0]))
    rotating = table["rotating"].to_numpy(bool) if "rotating" in table else None
    frames = [store.image(int(row)) for row in rows]
    shapes = {frame.shape for frame in frames}
    reason = None
    if len(shapes) > 1:
        reason = f"frames differ in size: {', '.join(map(str, sorted(shapes)))}"
    elif len(set(sizes.get("mm_per_px", []))) > 1:
        reason = f"mm_per_px differs between frames: {sorted(set(sizes['mm_per_px']))}"
    if reason:
        return rows, _refused(omega, reason, options)
    return rows, align_frames(np.stack(frames), omega, options, rotating)


def _refused(omega: np.ndarray, reason: str, options: AlignmentOptions) -> Alignment:
    tracks = pd.DataFrame(
        {"frame": np.arange(omega.size), "omega": omega, "used": False, "left_out": reason}
    )
    return Alignment(True, reason, omega, tracks, "px" if options.mm_per_px is None else "um")
