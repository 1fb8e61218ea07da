"""A mistake ends the run before any job: file, key and legal values are named."""

import pytest

from tests.workflow.project import PRESET, Project

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Project:
    """A clone in which nothing ever runs."""
    return Project.clone(tmp_path_factory.mktemp("mistakes") / "clone")


def refused(project: Project, *arguments: str) -> str:
    """What is printed by a run that must end without a job."""
    status, output = project.run("--cores", "1", *arguments)
    assert status != 0
    assert "Job stats" not in output
    assert not list((project.folder / "results").rglob("*.*"))[2:], "README.md and .gitignore alone"
    return output


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (
            ("preset=demos",),
            ["config/config.yaml: preset", "'demos'", "demo, full, smoke"],
        ),
        (("studies=cell",), ["unknown study 'cell'", "did you mean 'cells'?"]),
        (
            ("set=studies.cells.base.training.batchsize=2 recipes.cells.copies=x",),
            [
                *("problems in the configuration", "config/studies/cells.yaml", "'batchsize'"),
                *("did you mean 'batch_size'?", "config/recipes/cells.yaml", "copies"),
            ],
        ),
        (
            ("set=studies.cells.base.dataset=synthetic_flourescent",),
            ["cells.yaml: experiments.", "did you mean 'synthetic_fluorescent'?"],
        ),
    ],
)
def test_configuration(shared, arguments, parts):
    output = refused(shared, "--config", *arguments)
    for part in parts:
        assert part in output


@pytest.mark.parametrize(
    ("target", "part"),
    [
        ("results/stores/synthetic.parquet", "unknown dataset 'synthetic', allowed are bbbc039"),
        ("results/figures/cells/wights.svg", "did you mean 'weights'?"),
        ("predict", "predict.images: expected a folder of images"),
    ],
)
def test_targets(shared, target, part):
    assert part in refused(shared, *PRESET, "--", target)
