import copy
import json
from dataclasses import asdict
from pathlib import Path

import jsonschema
import pytest
import yaml

from segmill.augment import Level, Recipe
from segmill.augment.background_options import BackgroundOptions, GeneratedOptions
from segmill.augment.paste_options import PasteOptions
from segmill.config import merge
from segmill.errors import ConfigError
from segmill.label_errors import LabelErrors
from segmill.preprocess import Preprocessing
from segmill.targets import KINDS, ParticleTargetOptions

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "workflow/schemas/recipe.schema.json").read_text())
RECIPES = sorted((ROOT / "config/recipes").glob("*.yaml"))
FULL = {
    "description": "everything at once",
    "size": [32, 48],
    "copies": 3,
    "foreground": 0.5,
    "interpolation": "cubic",
    "outside": "ignore",
    "evaluation": {"mode": "centre"},
    "preprocessing": {"normalise": {"mode": "dtype"}, "rescale": 0.5, "channels": "grey"},
    "backgrounds": {
        "generate": {"count": 3, "level": [0.4, 0.5], "vignetting": [0, 0.1], "gradient": [0, 0.2],
                     "dust": [1, 2], "noise": 0.02},
        "notion": "sample", "feather": 1.5, "degree": 2, "flip": 0.1, "brightness": [0.5, 2],
    },
    "paste": {
        "images": 5, "count": [2, 4], "area_power": -1, "near": 0.1, "largest_cover": 0.3,
        "flip": 0.2, "rotation": [0, 90], "zoom": [0.5, 2], "margin": 3, "feather": 1.5,
        "match": False,
    },
    "target": {"kind": "particles", "sigma": 1.5},
    "label_errors": {"kind": "contours", "amount": 2, "correlation": 5},
    "levels": [
        {"name": "easy"},
        {
            "name": "hard", "copies": 2, "flip": 0.5, "rotation": [-10, 10], "mirror": 0.1,
            "zoom": [0.5, 2], "shear": [-5, 5], "elastic": {"alpha": [0, 50], "sigma": 5},
            "brightness": [-0.1, 0.1], "contrast": [0.9, 1.1], "gamma": [0.5, 2],
            "noise": [0, 0.02], "transpose": 0.2, "shift": [-0.1, 0.2], "channel_swap": 0.3,
            "grey": 0.4, "background": 0.6, "paste": 0.7,
        },
    ],
}  # fmt: skip


def follows_schema(config):
    return jsonschema.Draft202012Validator(SCHEMA).is_valid(config)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_shipped_recipes_are_read(path):
    written = yaml.safe_load(path.read_text())
    presets = written.pop("presets", {})
    for over in ({}, *presets.values()):
        config = merge(written, over)
        assert follows_schema(config)
        recipe = Recipe.from_dict({k: v for k, v in config.items() if k != "parts"})
        assert Recipe.from_dict(recipe.to_dict()) == recipe
        json.dumps(recipe.to_dict())


def test_every_key_is_read():
    assert follows_schema(FULL)
    recipe = Recipe.from_dict(FULL)
    assert recipe == Recipe(
        levels=(
            Level("easy", copies=3),
            Level("hard", 2, 0.5, (-10, 10), 0.1, (0.5, 2), (-5, 5), (0, 50), 5, (-0.1, 0.1),
                  (0.9, 1.1), (0.5, 2), (0, 0.02), 0.2, (-0.1, 0.2), 0.3, 0.4, 0.6, 0.7),
        ),
        size=(32, 48), foreground=0.5, interpolation="cubic", outside="ignore",
        evaluation="centre", preprocessing=Preprocessing({"mode": "dtype"}, 0.5, "grey"),
        backgrounds=BackgroundOptions(
            generate=GeneratedOptions(3, (0.4, 0.5), (0, 0.1), (0, 0.2), (1, 2), 0.02),
            zoom="zoom", notion="sample", feather=1.5, degree=2, flip=0.1, brightness=(0.5, 2),
        ),
        paste=PasteOptions(5, (2, 4), -1, 0.1, 0.3, 0.2, (0, 90), (0.5, 2), 3, 1.5, False),
        target={"kind": "particles", "sigma": 1.5},
        label_errors=LabelErrors("contours", 2.0, 5.0),
    )  # fmt: skip


def test_the_schema_knows_the_same_keys_and_defaults():
    # Said to the producer beside the recipe: how the shards are written, and from which seed.
    keys = set(SCHEMA["properties"]) - {"parts", "seed", "compression", "shard_mib"}
    assert keys - {"tiles"} == set(FULL)
    assert set(SCHEMA["$defs"]["level"]["properties"]) == set(FULL["levels"][1])
    plain = Recipe.from_dict({"levels": [{"name": "a"}]})
    for key in ("size", "tiles", "interpolation", "outside"):
        assert SCHEMA["properties"][key]["default"] == getattr(plain, key)
    assert plain.levels == (Level("a"),)
    target = SCHEMA["properties"]["target"]["properties"]
    assert tuple(target["kind"]["enum"]) == tuple(KINDS)
    assert target["sigma"]["default"] == ParticleTargetOptions().sigma
    errors = SCHEMA["properties"]["label_errors"]["properties"]
    assert {key: part["default"] for key, part in errors.items()} == asdict(LabelErrors())
    backgrounds = SCHEMA["properties"]["backgrounds"]["properties"]
    generated = backgrounds["generate"]["properties"]
    assert set(backgrounds) == set(FULL["backgrounds"]) | {"path", "dataset", "zoom"}
    assert set(generated) == set(FULL["backgrounds"]["generate"])
    read = Recipe.from_dict({"levels": [{"name": "a"}], "backgrounds": {"generate": {}}})
    for key in ("notion", "feather", "degree", "flip", "brightness"):
        default = getattr(read.backgrounds, key)
        assert backgrounds[key]["default"] == (list(default) if key == "brightness" else default)
    assert read.backgrounds.generate == GeneratedOptions()
    for key, part in generated.items():
        default = getattr(GeneratedOptions(), key)
        assert part["default"] == (list(default) if isinstance(default, tuple) else default)
    pasting = SCHEMA["properties"]["paste"]["properties"]
    assert set(pasting) == set(FULL["paste"])
    assert Recipe.from_dict({"levels": [{"name": "a"}], "paste": {}}).paste == PasteOptions()
    for key, part in pasting.items():
        default = getattr(PasteOptions(), key)
        assert part["default"] == (list(default) if isinstance(default, tuple) else default)


@pytest.mark.parametrize(("config", "mode"), [
    ({}, "whole"), ({"tiles": 2}, "tiles"), ({"size": [4, 4]}, "tiles"),
])  # fmt: skip
def test_evaluation_follows_the_training_crops_by_default(config, mode):
    assert Recipe.from_dict({"levels": [{"name": "a"}]} | config).evaluation == mode


WRONG = [
    (("size",), [32]), (("size",), "all"), (("size",), [0, 4]), (("tiles",), 0), (("copies",), 1.5),
    (("foreground",), 2), (("interpolation",), "lanczos"), (("outside",), "zero"),
    (("evaluation",), {"mode": "random"}), (("evaluation",), {"size": 3}), (("levels",), []),
    (("preprocessing",), {"rescale": 0}), (("preprocessing",), {"crop": 1}), (("colour",), 1),
    (("levels", 0), "easy"), (("levels", 0, "name"), ""), (("levels", 1, "copies"), 0),
    (("levels", 1, "flip"), "often"), (("levels", 1, "rotation"), "half"),
    (("levels", 1, "mirror"), True), (("levels", 1, "elastic"), {"beta": 1}),
    (("levels", 1, "elastic"), {"sigma": 0}), (("levels", 1, "zoom"), 2),
    (("levels", 1, "blur"), 1), (("levels", 1, "transpose"), 2), (("levels", 1, "shift"), 0.1),
    (("levels", 1, "channel_swap"), "often"), (("levels", 1, "grey"), -1),
    (("levels", 1, "background"), 1.5), (("backgrounds",), {}), (("backgrounds",), "folder"),
    (("backgrounds",), {"path": "a", "dataset": "b"}), (("backgrounds",), {"path": 3}),
    (("backgrounds", "feather"), -1), (("backgrounds", "degree"), 1.5),
    (("backgrounds", "notion"), ""), (("backgrounds", "flip"), 2), (("backgrounds", "blur"), 2),
    (("backgrounds", "generate"), {"count": 0}), (("backgrounds", "generate"), {"noise": -1}),
    (("backgrounds", "brightness"), 1), (("label_errors",), "erode"),
    (("label_errors",), {"sort": "erode"}), (("label_errors", "kind"), "blur"),
    (("label_errors", "amount"), -1), (("label_errors", "correlation"), 0),
    (("levels", 1, "paste"), 2), (("paste",), "cells"),
    (("paste", "images"), 0), (("paste", "count"), [0, 2]), (("paste", "area_power"), -5),
    (("paste", "near"), 1.1), (("paste", "largest_cover"), -1), (("paste", "rotation"), 5),
    (("paste", "margin"), -1), (("paste", "match"), 1), (("paste", "blur"), 1),
]  # fmt: skip


def changed(config, path, value):
    config = copy.deepcopy(config)
    inner = config
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return config


@pytest.mark.parametrize(("path", "value"), WRONG)
def test_what_is_wrong_is_named_and_no_schema_lets_it_pass(path, value):
    config = changed(FULL, path, value)
    name = f"{path[0]}[{path[1]}]" if path[0] == "levels" and len(path) > 1 else path[0]
    with pytest.raises(ConfigError) as error:
        Recipe.from_dict(config, "my.yaml")
    assert str(error.value).startswith("my.yaml:\n")
    assert name in str(error.value)
    assert str(path[-1]) in str(error.value)
    assert not follows_schema(config)


@pytest.mark.parametrize("change", [
    {"levels": [{"name": "a"}, {"name": "a"}]}, {"tiles": 2}, {"size": "whole", "foreground": 0},
    {"size": "whole", "evaluation": {"mode": "tiles"}}, {"size": "whole"},
    {"levels": [{"name": "a", "zoom": [0, 1]}]}, {"levels": [{"name": "a", "gamma": [2, 1]}]},
    {"levels": [{"name": "a", "shear": [-90, 0]}]}, {"levels": [{"name": "a", "noise": [-1, 0]}]},
    {"levels": [{"name": "a", "brightness": [0, 1.5]}]},
    {"levels": [{"name": "a", "shift": [-2, 0]}]}, {"backgrounds": None},
    {"preprocessing": {"normalise": {"mode": "minmax"}}},
    {"backgrounds": {"path": "a", "zoom": "zoom_(\\d+"}},
    {"backgrounds": {"path": "a", "zoom": "zoom_[0-9]+"}},
    {"backgrounds": {"generate": {}, "zoom": "zoom"}},
    {"backgrounds": {"generate": {"dust": [-1, 2]}}},
    {"backgrounds": {"path": "a", "brightness": [0, 1]}},
    {"label_errors": {"kind": "drop", "amount": 2}},
    {"paste": {"count": [3, 2]}},
    {"paste": {"zoom": [0, 1]}},
])  # fmt: skip
def test_keys_that_contradict_each_other_or_their_bounds(change):
    with pytest.raises(ConfigError, match="expected"):
        Recipe.from_dict(FULL | change)


def test_all_offences_are_named_at_once():
    bad = FULL | {"size": 3, "speed": 1, "levels": [{"name": "a", "flip": 2, "rotate": 5}]}
    with pytest.raises(ConfigError) as error:
        Recipe.from_dict(bad)
    for part in ("size:", "speed: unknown", "levels[0].flip:", "levels[0].rotate: unknown"):
        assert part in str(error.value)


@pytest.mark.parametrize("bad", [None, [], "cells"])
def test_a_recipe_is_a_mapping(bad):
    with pytest.raises(ConfigError, match="a mapping"):
        Recipe.from_dict(bad)


@pytest.mark.parametrize(("written", "read"), [
    ({"path": "a"}, BackgroundOptions(path="a", zoom=r"zoom_(\d+)")),
    ({"path": "a", "zoom": r"z(\d)"}, BackgroundOptions(path="a", zoom=r"z(\d)")),
    ({"dataset": "a"}, BackgroundOptions(dataset="a", zoom="zoom")),
    ({"dataset": "a", "zoom": None}, BackgroundOptions(dataset="a", zoom=None)),
    ({"dataset": "a", "generate": None}, BackgroundOptions(dataset="a", zoom="zoom")),
])  # fmt: skip
def test_where_backgrounds_come_from(written, read):
    config = {"levels": [{"name": "a", "background": 1}], "backgrounds": written}
    assert follows_schema(config)
    assert Recipe.from_dict(config).backgrounds == read
