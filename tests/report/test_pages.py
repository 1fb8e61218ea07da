"""The report of a run: from what the workflow made, with the settings that made it, to pages."""

import json

import pytest

from segmill.errors import ConfigError, IntegrityError
from segmill.report.layout import TableLayout
from segmill.report.pages import write_report
from segmill.report.tables import collect_summaries, write_table

from .conftest import LAYOUT
from .test_html import References
from .test_resources import benchmark


@pytest.fixture
def made(tmp_path, summaries, simple_figure):
    """Two studies as the workflow describes them; their figures of a kind with a caption each."""
    layout = TableLayout.from_config("main", LAYOUT)
    studies = {}
    for name, kind in (("cells", "curves"), ("nuclei", "samples")):
        folder = tmp_path / name
        table = write_table(layout, collect_summaries(summaries), folder / "main.csv", "smoke")
        figure = simple_figure("one", folder)
        # The same list twice, as two columns of a configuration may share one by reference.
        shared = ["seg", "iou"]
        studies[name] = {
            "study": {
                "title": f"Study of {name} & more",
                "summary": f"What about {name} < 3?",
                "tables": {"main": {**LAYOUT, "title": f"Table of {name}"}},
                "figures": {
                    "one": {"kind": kind, "title": f"Figure of {name}", "section": "Data"},
                },
                "lists": [shared, shared],
            },
            "tables": {"main": str(table["csv"])},
            "figures": {"one": str(figure["svg"])},
            "datasets": {name: {"reader": "folder"}},
            "recipes": {},
        }
    benchmark(tmp_path / "benchmarks/train/cells/seed1.tsv", 200, 512, 390)
    return studies


@pytest.fixture
def write(made, tmp_path):
    """Write the report of some studies; return the text of its pages by name."""

    def write_(studies=made):
        index = tmp_path / "report" / "index.html"
        write_report(index, studies, preset="smoke", benchmarks=tmp_path / "benchmarks")
        return {page.stem: page.read_text("utf-8") for page in index.parent.glob("*.html")}

    return write_


def test_two_studies_have_a_page_each_and_an_index(write, tmp_path):
    pages = write()
    assert set(pages) == {"index", "cells", "nuclei"}
    for name in ("cells", "nuclei"):
        assert f"Study of {name} &amp; more" in pages["index"]
        for words in (f"Table of {name}", f"Figure of {name}", f"What about {name} &lt; 3?"):
            assert words in pages[name]
    assert "Figure of nuclei" not in pages["cells"]
    for page in pages.values():
        found = References(page)
        for link in found.links + found.loads:
            path = link.partition("#")[0]
            assert path.startswith("data:") or (tmp_path / "report" / path).exists()


def test_a_study_reports_the_time_of_its_own_jobs_and_of_the_data_it_uses(write, made, tmp_path):
    made["nuclei"]["datasets"] = {"spots": {"reader": "folder"}}
    benchmark(tmp_path / "benchmarks/shards/spots/train.tsv", 60, 128, 50)
    benchmark(tmp_path / "benchmarks/train/gone/seed1.tsv", 5000, 128, 50)
    pages = write()
    assert "3 min 20 s of jobs" in pages["index"]
    assert "1 min 00 s of jobs" in pages["index"]
    stages = {name: '<th scope="row">' in pages[name] for name in ("cells", "nuclei")}
    assert stages == {"cells": True, "nuclei": True}
    assert ">shards<" in pages["nuclei"]
    assert ">shards<" not in pages["cells"]
    assert ">train<" not in pages["nuclei"]


def test_a_figure_has_the_caption_of_its_kind(write):
    pages = write()
    assert "Loss and foreground IoU against epoch" in pages["cells"]
    assert "each object of the truth outlined" in pages["nuclei"]


def test_the_page_tells_settings_times_versions_and_preset(write):
    page = write()["cells"]
    for words in ("smoke", "3 min 20 s", "train", "torch", "reader: folder"):
        assert words in page
    assert "&amp;id001" not in page, "shared lists are written out"


def test_a_study_that_is_no_longer_run_leaves_the_report(write, made, tmp_path):
    write()
    pages = write({"cells": made["cells"]})
    assert set(pages) == {"index", "cells"}
    assert not list((tmp_path / "report" / "nuclei").glob("*"))
    files = json.loads((tmp_path / "report" / "files.json").read_text())
    assert all(not name.startswith("nuclei") for name in files)


def test_everything_that_is_missing_is_named_and_nothing_is_written(write, made, tmp_path):
    (tmp_path / "cells/one.svg").unlink()
    (tmp_path / "nuclei/main.csv").unlink()
    with pytest.raises(IntegrityError) as caught:
        write()
    for name in ("cells/one.svg", "nuclei/main.csv"):
        assert str(tmp_path / name) in str(caught.value)
    assert not (tmp_path / "report" / "index.html").exists()


def test_captions_may_lie_elsewhere_and_must_be_valid(made, tmp_path):
    folder = tmp_path / "captions"
    folder.mkdir()
    arguments = (tmp_path / "r/index.html", made, "smoke", tmp_path / "benchmarks", folder)
    (folder / "figure.rst").write_text("Own words on {{ snakemake.params.figure.title }}.\n")
    write_report(*arguments)
    assert "Own words on Figure of cells." in (tmp_path / "r/cells.html").read_text()
    (folder / "figure.rst").write_text("{{ snakemake.params.figure.colour }}\n")
    with pytest.raises(ConfigError, match=r"figure\.rst"):
        write_report(*arguments)
