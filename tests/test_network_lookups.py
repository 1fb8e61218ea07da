"""Lookups of what is measured on networks themselves."""

import pytest

from segmill.errors import ConfigError
from segmill.workflow.reports import CURVES_OF_SETTINGS
from tests.test_workflow_lookups import lookup  # noqa: F401  (a fixture)


def test_networks_of_a_table_are_those_of_the_experiments_it_names(lookup):  # noqa: F811
    look = lookup(studies=["fcn"])
    networks = look.networks("fcn")
    assert networks
    for text, network in networks.items():
        _, study, experiment = text.split("/")
        model = look.config.experiment(study, experiment)["training"]["model"]
        assert network == {"name": model["name"], "options": model.get("options") or {}}
    assert set(look.network_labels("fcn")) == set(networks)
    assert look.metrics("fcn", next(iter(networks))) == {0: "results/networks/fcn.parquet"}


def test_an_unknown_network_is_named(lookup):  # noqa: F811
    rows = "[{row: a, label: a, experiment: network/cells/vanila}]"
    with pytest.raises(ConfigError, match=r"'vanila'.*did you mean 'vanilla'"):
        lookup(studies=["fcn"], set=[f"studies.fcn.tables.main.rows={rows}"])


def test_invariance_is_measured_on_the_experiments_that_are_run(lookup):  # noqa: F811
    look = lookup("smoke", studies=["fcn"])
    asked = look.invariance("fcn", "tiling")
    assert set(asked["experiments"]) <= set(look.config.experiments("fcn"))
    assert set(asked["options"]) == {"window", "tile", "margins"}
    inputs = look.invariance_inputs("fcn", "tiling")
    assert len(inputs["models"]) == len(asked["experiments"])
    assert inputs["store"] == "results/stores/synthetic_membranes.parquet"


def test_points_of_curves_are_the_sizes_of_errors_and_of_the_training_set(lookup):  # noqa: F811
    look = lookup("full", studies=["fcn"])
    settings = look.figure_settings("fcn", "label_errors")
    points = dict(zip(settings["experiments"], settings["points"], strict=True))
    assert points["unet_ce"] == {"series": "", "amount": 0, "unit": ""}
    assert points["errors_shift4"] == {"series": "shift", "amount": 4, "unit": "pixels"}
    assert points["errors_drop"]["amount"] == pytest.approx(20)
    shares = look.figure_settings("fcn", "training_size")["points"]
    assert [point["amount"] for point in shares] == [25, 50, 100]
    for name in ("label_errors", "training_size"):
        settings = look.figure_settings("fcn", name)
        assert settings["kind"] in CURVES_OF_SETTINGS
        files = look.figure_inputs("fcn", name)["measured"]
        assert len(files) == len(settings["points"]) * len(settings["seeds"])


def test_post_processing_changes_no_prediction(lookup):  # noqa: F811
    look = lookup(studies=["fcn"])
    assert "choose_classes" not in look.prediction("fcn", "unet_ce")
    assert look.class_choice("fcn", "unet_ce")["grid"]
    files = look.metrics("fcn", "postprocessed/unet_ce")
    folder = "results/metrics/fcn/postprocessed/unet_ce"
    assert files == {
        seed: f"{folder}/seed{seed}/synthetic_membranes.parquet"
        for seed in look.config.seeds("fcn")
    }


@pytest.mark.parametrize("preset", ["smoke", "demo", "full"])
def test_every_figure_and_table_knows_its_inputs(lookup, preset):  # noqa: F811
    look = lookup(preset, studies=["fcn"])
    for path in look.figures("fcn"):
        name = path.split("/")[-1].removesuffix(".svg")
        inputs = look.figure_inputs("fcn", name)
        assert all(value for value in inputs.values())
        assert inputs or look.config.studies["fcn"]["figures"][name]["kind"] == "sources"
    for path in look.tables("fcn"):
        assert look.table_inputs("fcn", path.split("/")[-1].removesuffix(".csv"))
