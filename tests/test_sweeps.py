"""Sweeps: grids of a study's file written out as experiments."""

import re

import pytest

from segmill.config import merge
from segmill.sweeps import expand_sweeps


def study(**changes):
    """A study with one experiment and a sweep around it."""
    return {
        "run": {"experiments": ["one", "alpha"]},
        "experiments": {"one": {"label": "One", "training": {"loss": {"name": "mse"}}}},
        "sweeps": {"alpha": {"base": "one", "grid": {"training.loss.options.alpha": [0, 1e-6]}}},
        "tables": {"main": {"rows": [{"sweep": "alpha", "experiment": "of/{experiment}@data"}]}},
        "figures": {"curves": {"kind": "curves_compared", "experiments": ["one", "alpha"]}},
        **changes,
    }


def test_each_value_is_an_experiment():
    settings = study()
    assert list(expand_sweeps(settings, merge)) == []
    names = ["one", "alpha_0", "alpha_1e_06"]
    assert list(settings["experiments"]) == names
    assert settings["run"]["experiments"] == names
    assert settings["figures"]["curves"]["experiments"] == names
    found = settings["experiments"]["alpha_1e_06"]
    assert found["training"]["loss"] == {"name": "mse", "options": {"alpha": 1e-6}}
    assert found["label"] == "One, alpha 1e-06"
    assert settings["tables"]["main"]["rows"] == [
        {"row": name, "label": f"One, {words}", "experiment": f"of/{name}@data"}
        for name, words in (("alpha_0", "alpha 0"), ("alpha_1e_06", "alpha 1e-06"))
    ]


def test_two_keys_give_every_combination_and_mappings_have_names():
    rates = {"slow": {"kind": "constant", "rate": 1}, "halved": {"kind": "halve_every"}}
    grid = {"training.schedule": rates, "training.batch_size": [4, 8]}
    settings = study(sweeps={"both": {"base": "one", "grid": grid}}, tables={}, figures={})
    assert list(expand_sweeps(settings, merge)) == []
    names = [f"both_{rate}_{size}" for rate in ("slow", "halved") for size in (4, 8)]
    assert list(settings["experiments"]) == ["one", *names]
    found = settings["experiments"]["both_slow_8"]["training"]
    assert (found["schedule"], found["batch_size"]) == (rates["slow"], 8)


def test_what_the_file_says_of_a_point_goes_first():
    settings = study()
    settings["experiments"]["alpha_0"] = {"label": "None", "training": {"epochs": 3}}
    assert list(expand_sweeps(settings, merge)) == []
    found = settings["experiments"]["alpha_0"]
    assert found["label"] == "None"
    assert found["training"] == {"epochs": 3, "loss": {"name": "mse", "options": {"alpha": 0}}}


@pytest.mark.parametrize(
    ("sweeps", "words"),
    [
        (
            {"alpha": {"base": "two", "grid": {"a": [1]}}},
            "unknown experiment 'two', allowed are o",
        ),
        ({"one": {"base": "one", "grid": {"a": [1]}}}, "expected another name"),
        ({"alpha": {"base": "one", "grid": {"a": ["x", "X"]}}}, "two of its points.*alpha_x"),
        ({"beta": {"base": "one", "grid": {"a": [1]}}}, "unknown sweep 'alpha', allowed are beta"),
    ],
)
def test_mistakes_are_named(sweeps, words):
    problems = "\n".join(expand_sweeps(study(sweeps=sweeps), merge))
    assert re.search(words, problems)


def test_what_breaks_the_schema_is_left_to_it():
    for wrong in ({"alpha": 3}, {"alpha": {"base": "one"}}, {"alpha": {"base": "one", "grid": 3}}):
        settings = study(sweeps=wrong)
        assert list(expand_sweeps(settings, merge)) == []
        assert list(settings["experiments"]) == ["one"]


def test_a_study_without_sweeps_stays_as_it_is():
    settings = {"experiments": {"one": {}}, "figures": {"a": {"experiments": ["one"]}}}
    before = {key: dict(value) for key, value in settings.items()}
    assert list(expand_sweeps(settings, merge)) == []
    assert settings == before
