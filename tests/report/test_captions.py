from pathlib import Path

import pytest

from segmill.errors import ConfigError
from segmill.report.captions import caption_html, read_caption

CAPTIONS = Path(__file__).parents[2] / "workflow" / "report"
KINDS = (
    "curves",
    "curves_compared",
    "stages",
    "examples",
    "false_positives",
    "elastic",
    "weights",
    "samples",
)


def test_markup_and_values():
    text = "*Runs* of {{ snakemake.wildcards.study }} with {{ snakemake.config['preset'] }}."
    html = caption_html(text, {"study": "cells"}, config={"preset": "demo"})
    assert html == "<p><em>Runs</em> of cells with demo.</p>"


def test_an_absent_value_may_be_asked_for_but_not_printed():
    assert caption_html("a{% if snakemake.params.note %}b{% endif %}") == "<p>a</p>"
    with pytest.raises(ConfigError, match=r"mine: .*note"):
        caption_html("{{ snakemake.params.note }}", name="mine")


def test_broken_markup_is_an_error():
    with pytest.raises(ConfigError, match=r"mine: .*strong"):
        caption_html("**not closed", name="mine")


def test_captions_cannot_read_files_or_smuggle_html():
    for text in (".. include:: /etc/hostname", ".. raw:: html\n\n   <script>x</script>"):
        with pytest.raises(ConfigError):
            caption_html(text)
    assert "<script>" not in caption_html("<script>x</script>")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_figure_has_words_of_its_own(kind):
    figure = {"kind": kind, "title": "Some title"}
    html = read_caption(CAPTIONS / "figure.rst", params={"figure": figure})
    other = read_caption(CAPTIONS / "figure.rst", params={"figure": figure | {"kind": "other"}})
    assert other == "<p>Some title.</p>"
    assert html != other
    noted = read_caption(CAPTIONS / "figure.rst", params={"figure": figure | {"note": "A note."}})
    assert noted == html + "\n<p>A note.</p>"


@pytest.mark.parametrize("preset", ["smoke", "demo", "full"])
def test_captions_of_tables_and_workflow_call_out_a_reduced_preset(preset):
    params = {"table": {"title": "T", "published": [{"value": 1}]}, "preset": preset}
    table = read_caption(CAPTIONS / "table.rst", params=params)
    workflow = read_caption(CAPTIONS / "workflow.rst", config={"preset": preset})
    assert table.startswith("<p>T. Mean")
    assert "marked as published" in table
    assert ("not the study" in table) is (preset != "full")
    assert ("do not compare" in workflow) is (preset != "full")
