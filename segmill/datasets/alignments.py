"""Where the alignments of a beamline are: movies or folders of frames, each with its logs."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from segmill.datasets.raster import SUFFIXES
from segmill.errors import Problem
from segmill.options import option

ROLES = ("goniometer", "camera", "log", "table")
# Columns that the reader makes; columns of an index that are not passed on to the store.
OWN_COLUMNS = (
    *("sample_id", "source", "frame", "omega", "rotating", "zoom", "mm_per_px"),
    *("beam_row", "beam_column"),
)
INDEX_COLUMNS = ("movie", "stills", "name", "group", "split", *ROLES)


@dataclass(frozen=True)
class VideoRules:
    """Which movies there are, where their angles stand, and which frames become samples.

    In the names of files below, ``{stem}`` stands for the path of the movie without extension and
    `suffix` (or for the folder of frames), ``{folder}`` for the folder that holds it.

    Attributes
    ----------
    movies : glob of movies below the root
    stills : glob of single frames; those of one folder are an alignment
    index : CSV or parquet table with one alignment per row and the column ``movie`` or ``stills``
        (a folder); optionally ``name``, ``group``, ``split``, ``goniometer``, ``camera``, ``log``,
        ``table`` (paths below the root); further columns go to the table of the store
    suffix : end of each movie's name without extension that its logs do not share
    group : regular expression with a group ``group`` that is searched in the alignment's name
        (``{stem}`` below the root); by default each alignment is a group of its own
    omega : where angles stand: ``log`` (HDF5), ``table`` (CSV per alignment) or ``names`` of frames
    goniometer, camera, log : the instrument's files; an empty ``log`` does without settings
    value_column : column of the goniometer's ``values`` with the angle; found by default
    clock : ``host``: the goniometer's values count from when they arrived; ``device``: from when
        they were taken
    table : CSV with an angle per frame
    frame_column, file_column, omega_column : its columns; frames are matched by file where it has
        the column of files, whose paths are relative to the table
    regex : of a frame's name, with the group ``omega`` (degrees) and optionally ``frame``
    frames : ``rotating`` or ``all``
    every : keep each n-th of these
    per_alignment : keep at most that many of these, spread evenly over the rotation
    speed : degrees per second from which a frame of a log counts as rotating
    step : degrees from frame to frame from which one of a table or of names does
    check : ``full`` decodes everything when planning, ``headers`` opens each movie, ``names`` opens
        the first one
    channels : ``rgb`` or ``grey``
    rescale : size of the stored images relative to the frames
    mm_per_px : of the frames before `rescale`; by default from the log of settings
    """

    movies: str | None = option(None)
    stills: str | None = option(None)
    index: str | None = option(None)
    suffix: str = option("")
    group: str | None = option(None)
    omega: str = option("log", choices=("log", "table", "names"))
    goniometer: str = option("{stem}_goniometer.h5")
    camera: str = option("{stem}_sample_view_lean.h5")
    log: str = option("{stem}.log")
    value_column: int | None = option(None, low=0)
    clock: str = option("host", choices=("host", "device"))
    table: str = option("{stem}.csv")
    frame_column: str = option("frame")
    file_column: str = option("file")
    omega_column: str = option("omega")
    regex: str = option(r"omega_(?P<omega>-?\d+(\.\d+)?)")
    frames: str = option("rotating", choices=("rotating", "all"))
    every: int = option(1, low=1)
    per_alignment: int | None = option(None, low=1)
    speed: float = option(1.0, low=0.0)
    step: float = option(0.1, low=0.0)
    check: str = option("headers", choices=("full", "headers", "names"))
    channels: str = option("rgb", choices=("rgb", "grey"))
    rescale: float = option(1.0, low=0.01, high=1.0)
    mm_per_px: float | None = option(None, low=1e-9)

    def conflicts(self) -> list[str]:
        """Rules between options."""
        offences = []
        given = [name for name in ("movies", "stills", "index") if getattr(self, name)]
        if len(given) != 1:
            offences.append(f"movies, stills, index: expected one of the three, found {given}")
        if self.omega == "names" and self.movies:
            offences.append("omega: names: expected stills, a movie has no names of frames")
        for name, wanted in (("regex", "omega"), ("group", "group")):
            offences += _regex_offences(name, getattr(self, name), wanted)
        return offences


def _regex_offences(name: str, expression: str | None, group: str) -> list[str]:
    if expression is None:
        return []
    try:
        groups = re.compile(expression).groupindex
    except re.error as error:
        return [f"{name}: expected a regular expression, found {expression!r}: {error}"]
    return [] if group in groups else [f"{name}: expected a group (?P<{group}>...)"]


@dataclass(frozen=True)
class Alignment:
    """One movie, or one folder of frames, of a sample that turns.

    Attributes
    ----------
    name : unique, from the path
    group : samples of one group share a split
    movie : path of the movie, None for single frames
    stills : paths of the frames in the order of their numbers, empty for a movie
    files : role (goniometer, camera, log, table) -> path; roles without file are left out
    split : where an index says so
    extra : further columns of the index
    """

    name: str
    group: str
    movie: Path | None = None
    stills: tuple[Path, ...] = ()
    files: Mapping[str, Path] = field(default_factory=dict)
    split: str | None = None
    extra: Mapping = field(default_factory=dict)

    @property
    def where(self) -> Path:
        """The movie, or the folder of frames."""
        return self.movie or self.stills[0].parent


def list_alignments(
    root: Path, rules: VideoRules, problems: list[Problem]
) -> tuple[int, Iterator[Alignment]]:
    """Number of alignments, and these in a stable order, made one by one; no log is read.

    What is wrong with the names is appended to `problems` on the way.
    """
    if rules.index:
        table = _read_index(root / rules.index, problems)
        return len(table), _indexed(root, rules, table, problems)
    if rules.movies:
        movies = sorted(path for path in root.glob(rules.movies) if path.is_file())
        found, alignments = len(movies), (_alignment(root, rules, movie) for movie in movies)
    else:
        folders: dict[Path, list[Path]] = defaultdict(list)
        for path in sorted(root.glob(rules.stills)):
            if path.suffix.lower() in SUFFIXES:
                folders[path.parent].append(path)
        found = len(folders)
        alignments = (_alignment(root, rules, f, tuple(s)) for f, s in sorted(folders.items()))
    if not found:
        pattern = rules.movies or rules.stills
        problems.append(Problem(str(root), f"alignments as {pattern}", "none"))
    return found, alignments


def _read_index(path: Path, problems: list[Problem]) -> pd.DataFrame:
    """The table of alignments, empty where something is wrong with it as a whole."""
    try:
        table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except (OSError, ValueError) as error:
        cause = "no such file" if not path.is_file() else f"{type(error).__name__}: {error}"
        problems.append(Problem(str(path), "a CSV or parquet table of alignments", cause))
        return pd.DataFrame()
    taken = sorted({str(name) for name in table} & set(OWN_COLUMNS))
    if not {"movie", "stills"} & set(table):
        found = f"columns {', '.join(map(str, table))}"
        problems.append(Problem(str(path), "the column movie or stills", found))
    elif taken:
        expected = f"columns besides {', '.join(OWN_COLUMNS)}, which the reader makes"
        problems.append(Problem(str(path), expected, ", ".join(taken)))
    elif table.empty:
        problems.append(Problem(str(path), "at least one alignment", "no row"))
    else:
        return table
    return pd.DataFrame()


def _indexed(
    root: Path, rules: VideoRules, table: pd.DataFrame, problems: list[Problem]
) -> Iterator[Alignment]:
    names = [str(name) for name in table]
    numbers = {name for name in names if pd.api.types.is_numeric_dtype(table[name])}
    # Line 1 of a CSV is its header.
    for line, values in enumerate(table.itertuples(index=False, name=None), start=2):
        row = dict(zip(names, values, strict=True))
        given = {key: value for key, value in row.items() if not pd.isna(value)}
        where = f"{root / rules.index}:{line}"
        if "movie" not in given and "stills" not in given:
            problems.append(Problem(where, "a path in column movie or stills", "an empty cell"))
            continue
        path = root / str(given.get("movie", given.get("stills")))
        if not path.is_relative_to(root):
            problems.append(Problem(where, f"a path below {root}", str(path)))
            continue
        stills: tuple[Path, ...] = ()
        if "movie" not in given:
            files = path.iterdir() if path.is_dir() else ()
            stills = tuple(sorted(f for f in files if f.suffix.lower() in SUFFIXES))
        if "movie" not in given and not stills:
            problems.append(Problem(where, f"frames in the folder {path}", "none"))
            continue
        # An empty text is None, an empty number NaN: a column stays of one kind.
        extra = {
            name: row[name] if name in numbers else str(row[name]) if name in given else None
            for name in names
            if name not in INDEX_COLUMNS
        }
        yield _alignment(root, rules, path, stills, given, extra)


def _alignment(
    root: Path,
    rules: VideoRules,
    path: Path,
    stills: tuple[Path, ...] = (),
    given: Mapping = {},
    extra: Mapping = {},
) -> Alignment:
    """The alignment of a movie or a folder of frames at `path`; `given` are cells of an index."""
    stem = path if stills else path.with_name(path.stem.removesuffix(rules.suffix))
    places = {"stem": stem, "folder": path.parent}
    places = {key: place.relative_to(root).as_posix() for key, place in places.items()}
    name = str(given.get("name", places["stem"]))
    files = {}
    for role in ROLES:
        template = str(given.get(role, getattr(rules, role)))
        if template:
            files[role] = root / template.format(**places)
    found = re.search(rules.group, name) if rules.group else None
    return Alignment(
        name=name,
        group=str(given.get("group", found["group"] if found else name)),
        movie=None if stills else path,
        stills=stills,
        files=files,
        split=str(given["split"]) if "split" in given else None,
        extra=extra,
    )
