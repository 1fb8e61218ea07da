"""Names in the configuration: each one that nothing defines is named with those that are legal."""

from pathlib import Path

import pytest
import yaml

from segmill.config import load_config
from segmill.errors import ConfigError
from segmill.names import Named
from segmill.workflow import Lookup

ROOT = Path(__file__).parents[1]


def load(assignments="", **changes):
    """The shipped configuration with changes."""
    settings = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    return load_config(ROOT, {**settings, "set": assignments, **changes})


@pytest.mark.parametrize(
    ("assignment", "parts"),
    [
        (
            "figures.curves_vanilla.experiment=vanila",
            ["figures.curves_vanilla: unknown experiment 'vanila'", "did you mean 'vanilla'?"],
        ),
        (
            "figures.curves_all.experiments=[vanilla,tile]",
            ["figures.curves_all", "'tile'", "did you mean 'tiles'?"],
        ),
        ("figures.samples.dataset=synthetics", ["figures.samples: unknown dataset 'synthetics'"]),
    ],
)
def test_a_figure_names_only_what_is_defined(assignment, parts):
    with pytest.raises(ConfigError) as caught:
        load(f"studies.cells.{assignment}")
    assert "config/studies/cells.yaml" in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


def test_a_table_names_only_what_is_defined():
    rows = [
        "{row: a, label: a, experiment: vanila}",
        "{row: b, label: b, experiments: {cl: tiles_cl, no_cl: classical/otsu/synthetics}}",
    ]
    published = "[{row: c, column: iouu, value: 1}]"
    with pytest.raises(ConfigError) as caught:
        load(
            [
                f"studies.cells.tables.dropout.rows=[{', '.join(rows)}]",
                f"studies.cells.tables.dropout.published={published}",
            ]
        )
    lines = str(caught.value).splitlines()
    assert lines[0] == "5 problems in the configuration:"
    found = [line.split("tables.dropout: ")[1].split(",")[0] for line in lines[1:]]
    assert found == [
        "unknown experiment 'vanila'",
        "classical/otsu/synthetics: unknown method 'otsu'",
        "classical/otsu/synthetics: unknown dataset 'synthetics'",
        "published: unknown row 'c'",
        "published: unknown column 'iouu'",
    ]


@pytest.mark.parametrize("value", ["3", "[1]", "null", "text"])
@pytest.mark.parametrize(
    "key",
    [
        *("datasets.synthetic_smoke", "studies", "studies.cells", "studies.cells.base"),
        *("studies.cells.experiments", "studies.cells.experiments.vanilla", "studies.cells.tables"),
        *("studies.cells.tables.main", "studies.cells.tables.main.rows", "studies.cells.figures"),
    ],
)
def test_a_value_in_the_place_of_a_mapping_is_a_problem_not_a_crash(key, value):
    with pytest.raises(ConfigError, match=key.split(".")[-1]):
        load([f"{key}={value}"])


def test_an_unknown_name_in_a_path_is_answered_with_the_known_ones():
    look = Lookup(load())
    for ask, words in (
        (lambda: look.dataset_producer("synthetic"), "unknown dataset 'synthetic'"),
        (lambda: look.shards_inputs("synthetic_smoke", "cell", "train"), "unknown recipe 'cell'"),
        (lambda: look.classical_producer("synthetic_smoke", "otsu"), "method 'otsu'"),
        (lambda: look.training("cell", "vanilla", "1"), "unknown study 'cell'"),
        (lambda: look.training("cells", "vanila", "1"), "unknown experiment of cells 'vanila'"),
        (lambda: look.table_inputs("cells", "mains"), "unknown table of cells 'mains'"),
        (lambda: look.figure_inputs("cells", "wights"), "unknown figure of cells 'wights'"),
    ):
        with pytest.raises(ConfigError) as caught:
            ask()
        assert words in str(caught.value)
        assert ", allowed are" in str(caught.value)


def test_a_named_mapping_is_a_mapping():
    named = Named("thing", {"cells": 1})
    assert named == {"cells": 1}
    assert "cell" not in named
    assert named.get("cell") is None


def test_new_images_are_the_files_of_a_folder_without_what_was_written_there(tmp_path):
    for name in ("a.png", "deep/b.tif", "out/a_overlay.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    given = {"images": str(tmp_path), "output": f"{tmp_path}/out/"}
    look = Lookup(load(predict=given))
    assert look.new_images() == [f"{tmp_path}/a.png", f"{tmp_path}/deep/b.tif"]
    assert Lookup(load(predict={"images": "nowhere"})).new_images() == ["nowhere"]
    with pytest.raises(ConfigError, match=r"predict\.images: expected a folder"):
        Lookup(load(predict={})).new_images()


def test_new_images_are_predicted_as_the_test_images_were():
    given = {"images": "somewhere", "model": "cells/vanilla_cl/seed1"}
    look = Lookup(load(predict=given))
    assert look.new_images_options() == look.prediction("cells", "vanilla_cl")
    assert look.new_images_choice() == []
    look = Lookup(load(predict={"images": "somewhere", "model": "vanilla_cl"}))
    with pytest.raises(ConfigError, match=r"predict\.model: expected STUDY/EXPERIMENT/seedN"):
        look.new_images_options()
