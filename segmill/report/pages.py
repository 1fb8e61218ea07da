"""The report of a run: what the workflow made, put on pages."""

from collections.abc import Mapping
from html import escape
from pathlib import Path

import pandas as pd
import yaml

from segmill.provenance import git_commit, versions
from segmill.report.captions import read_caption
from segmill.report.html import FigureItem, StudyReport, TableItem, build_report
from segmill.report.resources import collect, find

CAPTIONS = Path(__file__).parents[2] / "workflow" / "report"


class _Repeating(yaml.SafeDumper):
    """Writes what occurs twice twice, instead of leading the reader from one to the other."""

    def ignore_aliases(self, data) -> bool:
        return True


def write_report(
    index: str | Path,
    studies: Mapping[str, Mapping],
    preset: str,
    benchmarks: str | Path,
    captions: str | Path = CAPTIONS,
) -> None:
    """Write the pages of all studies and their index.

    Parameters
    ----------
    index : path of ``index.html``; everything else lies beside it
    studies : by name: `study` (its settings), `tables` and `figures` (paths by name), and settings
        of the `datasets` and `recipes` that it uses
    preset : name of the preset
    benchmarks : folder of Snakemake's benchmark files, one folder per stage
    captions : folder of ``table.rst`` and ``figure.rst``

    Raises
    ------
    IntegrityError : names every file that is missing
    """
    root = Path(benchmarks)
    files = find(root)
    pages = []
    for name, parts in studies.items():
        own = [path for path in files if _concerns(path.relative_to(root), name, studies)]
        pages.append(_page(name, parts, preset, collect(own, root), Path(captions)))
    build_report(Path(index).parent, pages)


def _concerns(path: Path, study: str, studies: Mapping[str, Mapping]) -> bool:
    """Whether a benchmark file, below the folder of all, is of a study or of data that it uses."""
    words = set(path.with_suffix("").parts)
    if words & set(studies):
        return study in words
    return bool(words & set(studies[study]["datasets"]))


def _page(
    name: str, parts: Mapping, preset: str, resources: pd.DataFrame, captions: Path
) -> StudyReport:
    study = parts["study"]
    tables = [
        TableItem(csv=Path(path), title=study["tables"][table]["title"])
        for table, path in parts["tables"].items()
    ]
    figures = [
        _figure(path, study["figures"][figure], captions)
        for figure, path in parts["figures"].items()
    ]
    return StudyReport(
        name=name,
        title=study["title"],
        summary=f"<p>{escape(study['summary'])}</p>",
        preset=preset,
        tables=tables,
        figures=figures,
        config=yaml.dump(dict(parts), Dumper=_Repeating, sort_keys=False, width=100),
        resources=resources,
        versions=versions(),
        commit=git_commit(),
    )


def _figure(path: str, settings: Mapping, captions: Path) -> FigureItem:
    caption = read_caption(captions / "figure.rst", params={"figure": settings})
    return FigureItem(
        svg=Path(path),
        title=settings["title"],
        caption=caption,
        alt=settings["title"],
        section=settings.get("section", "Figures"),
    )
