"""The configuration: presets, command line, and every kind of mistake named before any job."""

from pathlib import Path

import pytest
import yaml

from segmill.config import load_config, merge, parse_assignments
from segmill.errors import ConfigError

ROOT = Path(__file__).parents[1]
SCHEMAS = ROOT / "workflow" / "schemas"


def settings(**changes):
    """config/config.yaml as shipped, with changes."""
    return {**yaml.safe_load((ROOT / "config/config.yaml").read_text()), **changes}


@pytest.fixture
def project(tmp_path):
    """A copy of the shipped configuration that a test may break."""
    for source in (ROOT / "config").rglob("*.yaml"):
        target = tmp_path / source.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source.read_text())

    def edit(name, change):
        path = tmp_path / "config" / name
        content = yaml.safe_load(path.read_text())
        change(content)
        path.write_text(yaml.safe_dump(content))

    return tmp_path, edit


@pytest.mark.parametrize("preset", ["smoke", "demo", "full"])
def test_the_shipped_configuration_is_right_in_every_preset(preset):
    config = load_config(ROOT, settings(preset=preset))
    assert config.preset == preset
    for study in config.studies:
        assert config.experiments(study)
        assert config.seeds(study)


def test_every_shipped_study_can_be_selected():
    names = [path.stem for path in (ROOT / "config/studies").glob("*.yaml")]
    assert load_config(ROOT, settings(studies=names)).selected == names


def test_merge_lays_mappings_over_each_other_and_replaces_the_rest():
    base = {"a": {"b": 1, "c": [1, 2]}, "d": {"e": 1}}
    assert merge(base, {"a": {"c": [3]}, "d": None}) == {"a": {"b": 1, "c": [3]}, "d": None}
    assert base == {"a": {"b": 1, "c": [1, 2]}, "d": {"e": 1}}


def test_a_preset_changes_the_settings_and_an_assignment_changes_the_preset():
    demo = load_config(ROOT, settings(preset="demo")).experiment("cells", "vanilla_cl")
    full = load_config(ROOT, settings(preset="full")).experiment("cells", "vanilla_cl")
    assert full["training"]["epochs"] == 400
    assert demo["training"]["epochs"] < 400
    assignment = "studies.cells.base.training.epochs=7"
    changed = load_config(ROOT, settings(preset="demo", set=assignment))
    assert changed.experiment("cells", "vanilla_cl")["training"]["epochs"] == 7


def test_an_experiment_lies_over_the_base():
    config = load_config(ROOT, settings(preset="full"))
    assert config.experiment("cells", "batch8")["training"]["batch_size"] == 8
    assert config.experiment("cells", "batch8")["training"]["curriculum"] is None
    assert config.experiment("cells", "vanilla_cl")["training"]["batch_size"] == 4


def test_assignments_are_yaml_and_nest():
    parsed = parse_assignments("a.b.c=[1,2] a.b.d=null e.f.g=1.5")
    assert parsed == {"a": {"b": {"c": [1, 2], "d": None}}, "e": {"f": {"g": 1.5}}}
    with pytest.raises(ConfigError, match=r"expected kind\.name\.key=value, found 'a\.b'"):
        parse_assignments("a.b")


def test_one_study_may_be_named_without_brackets():
    assert load_config(ROOT, settings(studies="cells")).selected == ["cells"]


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"preset": "demos"}, ["config/config.yaml: preset", "'demos'", "smoke", "'demo'?"]),
        ({"studies": ["cell"]}, ["unknown study 'cell'", "did you mean 'cells'?"]),
        ({"sets": "x"}, ["unknown key 'sets'", "did you mean 'set'?"]),
        ({"set": "study.cells.run=1"}, ["unknown kind 'study'", "did you mean 'studies'?"]),
        ({"set": "recipes.cell.size=1"}, ["recipes.cell", "did you mean 'cells'?"]),
        (
            {"set": "studies.cells.base.trainings.epochs=1"},
            ["config/studies/cells.yaml: base", "'trainings'", "did you mean 'training'?"],
        ),
        (
            {"set": "studies.cells.base.training.epoch=1"},
            ["cells.yaml: experiments.vanilla.training", "'epoch'", "did you mean 'epochs'?"],
        ),
        (
            {"set": "studies.cells.experiments.vanilla.dataset=synthetic_flourescent"},
            ["experiments.vanilla.dataset", "did you mean 'synthetic_fluorescent'?"],
        ),
        ({"set": "studies.cells.run.experiments=[vanila]"}, ["'vanila'", "'vanilla'?"]),
    ],
)
def test_a_mistake_is_named_with_what_is_allowed(changes, parts):
    with pytest.raises(ConfigError) as caught:
        load_config(ROOT, settings(**changes))
    for part in parts:
        assert part in str(caught.value)


def test_all_mistakes_are_named_at_once(project):
    root, edit = project

    def break_study(study):
        study["run"]["seeds"] = [-1]
        study["colour"] = "red"

    edit("studies/cells.yaml", break_study)
    edit("recipes/cells.yaml", lambda recipe: recipe.update(sizes=3))
    edit("datasets/synthetic_smoke.yaml", lambda dataset: dataset.update(reader="synthetical"))
    with pytest.raises(ConfigError) as caught:
        load_config(root, settings(preset="full"), schemas=SCHEMAS)
    message = str(caught.value)
    for part in ("'colour'", "-1", "'sizes'", "recipes/cells.yaml", "synthetical"):
        assert part in message


def test_a_file_that_is_no_mapping_and_one_that_is_no_yaml_are_named(project):
    root, _ = project
    (root / "config/recipes/cells.yaml").write_text("- a\n- b\n")
    (root / "config/datasets/synthetic_smoke.yaml").write_text("a: [1\n")
    with pytest.raises(ConfigError) as caught:
        load_config(root, settings(), schemas=SCHEMAS)
    assert "config/recipes/cells.yaml: expected a mapping" in str(caught.value)
    assert "config/datasets/synthetic_smoke.yaml: not readable" in str(caught.value)


def test_an_unknown_preset_in_a_file_is_named(project):
    root, edit = project
    edit("recipes/cells.yaml", lambda recipe: recipe.update(presets={"demos": {}}))
    with pytest.raises(ConfigError, match=r"recipes/cells.yaml: presets: unknown preset 'demos'"):
        load_config(root, settings(), schemas=SCHEMAS)


def test_mistakes_in_sweeps_are_named_with_the_file(project):
    root, edit = project
    edit("studies/superpixels.yaml", lambda c: c["sweeps"]["alpha"].update(base="can77"))
    with pytest.raises(ConfigError, match=r"superpixels.yaml: sweeps.alpha.base: .*did you mean"):
        load_config(root, settings(studies=["superpixels"]), SCHEMAS)
    edit(
        "studies/superpixels.yaml", lambda c: c["sweeps"].update(alpha={"base": "can7", "gird": 1})
    )
    with pytest.raises(ConfigError, match=r"sweeps.alpha: .*gird.*"):
        load_config(root, settings(studies=["superpixels"]), SCHEMAS)
