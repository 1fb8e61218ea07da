"""Names of the methods of a table."""

import pytest

from segmill.methods import EXPERIMENT, KINDS, Method, parse_method


def test_an_experiment_is_measured_on_its_own_dataset_or_on_another():
    assert parse_method("vanilla") == Method(EXPERIMENT, experiment="vanilla")
    expected = Method(EXPERIMENT, experiment="vanilla", dataset="nuclei")
    assert parse_method("vanilla@nuclei") == expected


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_names_its_parts(kind):
    parts = {part: f"my_{part}" for part in KINDS[kind]}
    assert parse_method("/".join([kind, *parts.values()])) == Method(kind, **parts)


@pytest.mark.parametrize(
    "text", ["classical/otsu", "classical/otsu/", "clasical/otsu/nuclei", "data/a/b", "latency/"]
)
def test_anything_else_is_refused_with_the_legal_forms(text):
    with pytest.raises(ValueError, match=r"EXPERIMENT@DATASET.*classical/METHOD/DATASET") as caught:
        parse_method(text)
    assert repr(text) in str(caught.value)
