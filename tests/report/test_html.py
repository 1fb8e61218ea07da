import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from urllib.parse import urlsplit

import pytest

from segmill.errors import ConfigError, IntegrityError
from segmill.report.captions import caption_html
from segmill.report.html import FigureItem, StudyReport, TableItem, build_report
from segmill.report.layout import TableLayout
from segmill.report.resources import collect, find
from segmill.report.tables import collect_summaries, write_table

from .conftest import LAYOUT
from .test_resources import benchmark


class References(HTMLParser):
    """What a page loads or links to, its images without alt text, and its ids."""

    def __init__(self, page):
        super().__init__()
        self.links, self.loads, self.ids, self.without_alt, self.headings = [], [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.ids += [named["id"]] if "id" in named else []
        self.links += [named["href"]] if tag == "a" else []
        self.loads += [named[k] for k in ("src", "data", "poster") if k in named]
        self.loads += [named["href"]] if tag == "link" else []
        self.headings += [int(tag[1])] if re.fullmatch("h[1-6]", tag) else []
        if tag == "img" and "alt" not in named:
            self.without_alt.append(named)


@pytest.fixture
def study(tmp_path, summaries, simple_figure):
    """A study of one table and three figures."""
    layout = TableLayout.from_config("main", LAYOUT)
    table = write_table(
        layout, collect_summaries(summaries), tmp_path / "tables" / "main.csv", "demo"
    )
    benchmark(tmp_path / "benchmarks" / "train" / "a.tsv", 200, 512, 390)
    benchmark(tmp_path / "benchmarks" / "figures.tsv", 0.5)
    figures = [
        FigureItem(
            svg=simple_figure(name)["svg"],
            title=f"Title of {name}",
            caption=caption_html(f"Caption of *{name}*."),
            alt=f"A line called {name}",
            section=section,
        )
        for name, section in (("one", "Data"), ("two", "Training"), ("three", "Training"))
    ]
    return StudyReport(
        name="cells",
        title="Cells & more",
        summary=caption_html("What is asked."),
        preset="demo",
        tables=[TableItem(table["csv"], "Curriculum")],
        figures=figures,
        config="study: cells\nnote: <script>alert(1)</script>\n",
        resources=collect(find(tmp_path / "benchmarks"), tmp_path / "benchmarks"),
        versions={"torch": "2.13.0"},
        commit="abc123",
    )


def test_every_reference_leads_to_a_file_or_an_anchor(study, tmp_path):
    index = build_report(tmp_path / "out", [study])
    assert index == tmp_path / "out" / "index.html"
    for page in (tmp_path / "out").glob("*.html"):
        found = References(page.read_text("utf-8"))
        assert len(found.ids) == len(set(found.ids))
        for reference in found.links + found.loads:
            target = urlsplit(reference)
            if target.scheme == "data":
                continue
            assert (target.scheme, target.netloc) == ("", ""), reference
            if target.path:
                assert (page.parent / target.path).is_file(), reference
            elif target.fragment:
                assert target.fragment in found.ids, reference


def test_pages_name_no_network_resource(study, tmp_path):
    build_report(tmp_path / "out", [study])
    for page in (tmp_path / "out").glob("*.html"):
        assert re.findall(r"(?:https?:)?//[a-z0-9]", page.read_text("utf-8"), re.IGNORECASE) == []


def test_the_page_shows_everything(study, tmp_path):
    build_report(tmp_path / "out", [study])
    page = (tmp_path / "out" / "cells.html").read_text("utf-8")
    for part in (
        "Cells &amp; more",
        "Made with the demo preset.",
        "0.740",
        "Figure 1. Title of one",
        "Figure 3. Title of three",
        "Caption of <em>two</em>.",
        "3 min 20 s",
        "512 MB",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "2.13.0",
        "abc123",
    ):
        assert part in page
    assert "<script>alert" not in page
    for name in ("main.csv", "one.svg", "one.png", "one.csv", "three.csv"):
        assert (tmp_path / "out" / "cells" / name).is_file()


def test_the_index_leads_to_every_study(study, tmp_path):
    other = replace(study, name="particles", title="Particles", figures=[], preset="full")
    found = References(build_report(tmp_path / "out", [study, other]).read_text("utf-8"))
    assert {"cells.html", "particles.html"} == {link for link in found.links if link[0] != "#"}
    assert found.loads.count("cells/one.png") == 1
    assert "2 studies" in (tmp_path / "out" / "index.html").read_text("utf-8")


def test_accessible_structure(study, tmp_path):
    build_report(tmp_path / "out", [study])
    for page in (tmp_path / "out").glob("*.html"):
        found = References(page.read_text("utf-8"))
        assert found.without_alt == []
        assert found.headings.count(1) == 1
        steps = pairwise(found.headings)
        assert all(after <= before + 1 for before, after in steps)


def test_full_preset_has_no_banner(study, tmp_path):
    build_report(tmp_path / "out", [replace(study, preset="full")])
    assert 'class="banner"' not in (tmp_path / "out" / "cells.html").read_text("utf-8")


def test_equal_input_gives_equal_bytes(study, tmp_path):
    trees = []
    for name in ("1", "2"):
        build_report(tmp_path / name, [study])
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        trees.append({path.relative_to(tmp_path / name): path.read_bytes() for path in files})
    assert trees[0] == trees[1]


def test_missing_files_are_all_named_and_nothing_is_written(study, tmp_path):
    gone = [
        study.figures[0].files["csv"],
        study.figures[2].files["png"],
        study.tables[0].files["html"],
    ]
    for path in gone:
        path.unlink()
    study.figures[1].files["svg"].write_text("")
    with pytest.raises(IntegrityError) as caught:
        build_report(tmp_path / "out", [study])
    named = {problem.file: problem.found for problem in caught.value.problems}
    expected = {str(path): "no file" for path in gone}
    assert named == expected | {str(study.figures[1].files["svg"]): "an empty file"}
    assert not (tmp_path / "out").exists()


def test_a_later_report_removes_what_it_no_longer_has(study, tmp_path):
    build_report(tmp_path / "out", [study])
    foreign = tmp_path / "out" / "notes.txt"
    foreign.write_text("mine")
    build_report(tmp_path / "out", [replace(study, figures=study.figures[:1])])
    assert foreign.read_text() == "mine"
    assert sorted(path.name for path in (tmp_path / "out" / "cells").iterdir()) == [
        "main.csv",
        "main.html",
        "one.csv",
        "one.png",
        "one.svg",
    ]


def test_names_that_would_overwrite_each_other(study, tmp_path):
    double = replace(study, figures=[*study.figures, study.figures[0]])
    with pytest.raises(ConfigError) as caught:
        build_report(tmp_path / "out", [double, study, replace(study, name="index")])
    text = str(caught.value)
    assert "study 'cells' is given more than once" in text
    assert "study 'index' is given more than once" in text
    assert "file one.svg is given twice" in text
