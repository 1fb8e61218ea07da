"""The HTML report: one page per study and an index, readable from a folder without a network."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from segmill.errors import ConfigError
from segmill.report.files import require_files, write_text, write_together
from segmill.report.resources import duration
from segmill.report.tables import FULL_PRESET
from segmill.report.templates import render

MANIFEST = "files.json"


@dataclass(frozen=True)
class FigureItem:
    """A figure of a study.

    Attributes
    ----------
    svg : the figure; PNG and CSV lie beside it, where :func:`segmill.report.style.save_figure`
        leaves them
    title : one line, without a full stop
    caption : HTML, as made by :func:`segmill.report.captions.caption_html`
    alt : what the figure shows, for readers who do not see it
    section : figures of equal section stand together under this heading
    """

    svg: Path
    title: str
    caption: str
    alt: str
    section: str = "Figures"

    @property
    def name(self) -> str:
        """Anchor and file name without suffix."""
        return Path(self.svg).stem

    @property
    def files(self) -> dict[str, Path]:
        """The figure in each format, by suffix."""
        return {kind: Path(self.svg).with_suffix(f".{kind}") for kind in ("svg", "png", "csv")}


@dataclass(frozen=True)
class TableItem:
    """A table of a study: CSV file, its HTML fragment beside it, a title and a caption in HTML."""

    csv: Path
    title: str
    caption: str = ""

    @property
    def name(self) -> str:
        """Anchor and file name without suffix."""
        return Path(self.csv).stem

    @property
    def files(self) -> dict[str, Path]:
        """Table for programs and for readers, by suffix."""
        return {kind: Path(self.csv).with_suffix(f".{kind}") for kind in ("csv", "html")}


@dataclass(frozen=True)
class StudyReport:
    """What the page of one study holds.

    Attributes
    ----------
    name : file name of the page without suffix
    title, summary : heading, and HTML of the first paragraph
    preset : ``smoke``, ``demo`` or ``full``; any but ``full`` is called out at the top
    tables, figures : in the order shown
    config : YAML text of the configuration that made the study
    resources : time and memory per stage, from :func:`segmill.report.resources.collect`
    versions : ``{software: version}``
    commit : identifier of the source code's version, if known
    """

    name: str
    title: str
    summary: str
    preset: str
    tables: Sequence[TableItem] = ()
    figures: Sequence[FigureItem] = ()
    config: str = ""
    resources: pd.DataFrame | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    commit: str = ""

    def inputs(self) -> list[Path]:
        """Every file that the page shows or offers."""
        return [path for item in (*self.tables, *self.figures) for path in item.files.values()]


def build_report(
    out_dir: str | Path, studies: Sequence[StudyReport], title: str = "Segmill report"
) -> Path:
    """Write ``index.html``, a page per study, and beside them every file the pages refer to.

    Pages load nothing from a network. All pages are made before the first file is written, and the
    index is written last. Files of an earlier report in `out_dir` that this one no longer has are
    removed; files that no report wrote are left alone. Equal input gives equal bytes.

    Returns
    -------
    path of ``index.html``

    Raises
    ------
    IntegrityError : names every figure and table file of any study that is missing or empty
    ConfigError : two studies, or two items of a study, would overwrite each other
    """
    out_dir = Path(out_dir)
    _check_names(studies)
    require_files([path for study in studies for path in study.inputs()], "the report")
    pages = {f"{study.name}.html": _study_page(study, title) for study in studies}
    index = _index_page(studies, title)
    written = ["index.html", *pages]
    for study in studies:
        for source in study.inputs():
            relative = f"{study.name}/{source.name}"
            write_together({out_dir / relative: partial(shutil.copyfile, source)})
            written.append(relative)
    for name, page in pages.items():
        write_text(out_dir / name, page)
    _replace_manifest(out_dir, written)
    write_text(out_dir / "index.html", index)
    return out_dir / "index.html"


def _check_names(studies: Sequence[StudyReport]) -> None:
    problems = []
    names = [study.name for study in studies]
    problems += [f"study {n!r} is given more than once" for n in _repeated([*names, "index"])]
    for study in studies:
        files = [path.name for path in study.inputs()]
        problems += [f"study {study.name!r}: file {f} is given twice" for f in _repeated(files)]
    if problems:
        raise ConfigError("report: " + "; ".join(problems))


def _repeated(names: Sequence[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def _study_page(study: StudyReport, title: str) -> str:
    tables = [
        {"item": item, "html": Markup(item.files["html"].read_text("ascii"))}
        for item in study.tables
    ]
    numbers = {figure.name: i for i, figure in enumerate(study.figures, start=1)}
    sections: dict[str, list[FigureItem]] = {}
    for figure in study.figures:
        sections.setdefault(figure.section, []).append(figure)
    return render(
        "study.html",
        report_title=title,
        study=study,
        reduced=study.preset != FULL_PRESET,
        tables=tables,
        sections=sections,
        numbers=numbers,
        stages=_stages(study.resources),
        html=Markup,
    )


def _index_page(studies: Sequence[StudyReport], title: str) -> str:
    totals = {s.name: sum(stage["seconds"] for stage in _stages(s.resources)) for s in studies}
    return render(
        "index.html",
        report_title=title,
        studies=studies,
        totals={name: duration(total) if total else "" for name, total in totals.items()},
        full=FULL_PRESET,
        html=Markup,
    )


def _stages(resources: pd.DataFrame | None) -> list[dict]:
    """Rows of the table of time and memory, numbers beside their words for reading."""
    if resources is None or resources.empty:
        return []
    total = resources["seconds"].sum()
    return [
        {
            "stage": row["stage"],
            "jobs": row["jobs"],
            "seconds": row["seconds"],
            "share": 0.0 if total == 0 else row["seconds"] / total,
            "time": duration(row["seconds"]),
            "longest_s": row["longest_s"],
            "longest": duration(row["longest_s"]),
            "cpu_s": "" if pd.isna(row["cpu_s"]) else row["cpu_s"],
            "cpu": "–" if pd.isna(row["cpu_s"]) else duration(row["cpu_s"]),
            "rss": "" if pd.isna(row["max_rss_mb"]) else row["max_rss_mb"],
            "memory": "–" if pd.isna(row["max_rss_mb"]) else f"{row['max_rss_mb']:,.0f} MB",
        }
        for row in resources.to_dict("records")
    ]


def _replace_manifest(out_dir: Path, written: list[str]) -> None:
    """Remove what an earlier report wrote and this one did not, then list this one's files."""
    manifest = out_dir / MANIFEST
    if manifest.is_file():
        for name in set(json.loads(manifest.read_text("utf-8"))) - set(written):
            (out_dir / name).unlink(missing_ok=True)
    write_text(manifest, json.dumps(sorted(written), indent=1) + "\n")
