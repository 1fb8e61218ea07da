import json
from pathlib import Path

import pytest

from segmill.errors import ConfigError
from segmill.training import TrainingConfig
from tests.training.shards import block

SCHEMA = Path(__file__).parents[2] / "workflow" / "schemas" / "training.schema.json"
LEAST = {"model": {"name": "unet_compressed"}, "loss": {"name": "weighted_cross_entropy"}}


def test_settings_read_back_from_their_own_dict_are_the_same():
    config = TrainingConfig.from_dict(
        block(early_stop={"patience": 3}, curriculum={}, precision={"channels_last": True})
    )
    plain = json.loads(json.dumps(config.to_dict()))
    assert TrainingConfig.from_dict(plain) == config
    options = {"w0": 2.0, "sigma": 2.0, "class_weights": "balanced"}
    assert plain["loss"] == {"name": "weighted_cross_entropy", "options": options}
    assert plain["early_stop"] == {"monitor": "iou", "patience": 3}
    assert config.needs == ("semantic", "weight")


def test_weights_of_notions_from_the_data_are_read_back_and_built():
    loss = {"name": "focal", "options": {"weights": "auto", "weights_limit": 4, "click": True}}
    config = TrainingConfig.from_dict({**LEAST, "loss": loss, "fraction": 0.5})
    plain = json.loads(json.dumps(config.to_dict()))
    assert TrainingConfig.from_dict(plain) == config
    assert plain["loss"]["options"] == {"weights": "auto", "weights_limit": 4.0, "click": True}
    assert plain["fraction"] == 0.5
    assert config.needs == ("notions", "target")
    assert config.build_loss((1.0, 3.0)).weights == (1.0, 3.0)
    fixed = TrainingConfig.from_dict(
        {**LEAST, "loss": {"name": "focal", "options": {"weights": [2, 1]}}}
    )
    assert not fixed.balances_notions
    assert fixed.build_loss().weights == (2.0, 1.0)
    assert "weights_limit" not in fixed.to_dict()["loss"]["options"]


def test_null_sections_are_absent_or_default():
    config = TrainingConfig.from_dict(
        {**LEAST, "early_stop": None, "curriculum": None, "schedule": None, "precision": None}
    )
    assert config.early_stop is None
    assert config.curriculum is None
    assert config.schedule.kind == "constant"
    assert config.steps_per_epoch is None


def test_all_offences_are_named_at_once():
    wrong = {
        "model": {"name": "unet_compresed"},
        "loss": {
            "name": "weighted_cross_entropy",
            "options": {"w0": -3, "gamma": 1, "class_weights": "rare"},
        },
        "epoch": 3,
        "weights": {"w0": 1},
        "batch_size": 0,
        "steps_per_epoch": "some",
        "optimizer": {"name": "sgd", "options": {"nesterov": True}, "lr": 1},
        "schedule": {"kind": "table", "table": [[2, 1e-3]]},
        "early_stop": {"patience": "long"},
        "curriculum": {"threshold": 70},
        "precision": {"dtype": "float8"},
    }
    with pytest.raises(ConfigError) as caught:
        TrainingConfig.from_dict(wrong)
    message = str(caught.value)
    for part in (
        "model.name: expected one of",
        "loss.options.w0: expected at least 0.0, found -3.0",
        "loss.options.gamma: unknown option",
        "loss.options.class_weights: expected one of balanced, none, found 'rare'",
        "epoch: unknown key; did you mean epochs?",
        "weights: unknown key",
        "batch_size: expected at least 1, found 0",
        "steps_per_epoch: expected an integer",
        "optimizer.lr: unknown key",
        "optimizer.options.nesterov: expected a momentum",
        "schedule.table: expected ascending first epochs from 1 on, found [2]",
        "early_stop.patience: expected an integer, found 'long'",
        "curriculum.threshold: expected a value from 0.0 to 1.0, found 70.0",
        "precision.dtype: expected one of",
    ):
        assert part in message, part


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fraction": 0}, "fraction: expected a value from 1e-06 to 1.0, found 0.0"),
        ({"balance": {}}, "balance: unknown key"),
        (
            {"loss": {"name": "focal", "options": {"weights": "auto", "weights_limit": 0.5}}},
            "loss.options.weights_limit: expected at least 1.0, found 0.5",
        ),
        (
            {"loss": {"name": "focal", "options": {"weights": "equal"}}},
            "loss.options.weights: expected a list or null, found 'equal'",
        ),
        (
            {"loss": {"name": "dice", "options": {"weights": "auto"}}},
            "loss.options.weights: unknown option",
        ),
        (
            {"loss": {"name": "focal", "options": {"weights": [1], "weights_limit": 3}}},
            "loss.options.weights_limit: unknown option",
        ),
        ({"model": None}, "model: expected a mapping with a name"),
        ({"model": {"name": "unet", "options": {"width": [4]}}}, "model.options.width: unknown"),
        ({"accumulate": 9}, "accumulate: expected at most batch_size"),
        ({"steps_per_epoch": None}, "steps_per_epoch: expected a number of steps or 'all'"),
        ({"schedule": {"kind": "table"}}, "schedule.table: expected rows"),
        ({"schedule": {"kind": "table", "table": [[1, -1.0]]}}, "a rate of at least 0"),
        ({"schedule": "constant"}, "schedule: expected a mapping"),
    ],
)
def test_single_offences(change, message):
    with pytest.raises(ConfigError, match="settings of a training") as caught:
        TrainingConfig.from_dict({**LEAST, **change})
    assert message in str(caught.value)


def test_the_schema_knows_every_setting_and_its_default():
    properties = json.loads(SCHEMA.read_text())["properties"]
    defaults = TrainingConfig.from_dict(LEAST).to_dict()
    assert properties.keys() == defaults.keys()
    stated = {key: entry["default"] for key, entry in properties.items() if "default" in entry}
    assert stated == {key: defaults[key] for key in stated}
    for name in ("schedule", "precision"):
        own = properties[name]["properties"]
        assert own.keys() == defaults[name].keys()
        stated = {key: entry["default"] for key, entry in own.items() if "default" in entry}
        assert stated == {key: defaults[name][key] for key in stated}
    full = TrainingConfig.from_dict({**LEAST, "early_stop": {}, "curriculum": {}}).to_dict()
    for name in ("early_stop", "curriculum"):
        own = properties[name]["properties"]
        assert {key: entry["default"] for key, entry in own.items()} == full[name]
