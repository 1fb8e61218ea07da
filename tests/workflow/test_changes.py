"""What runs again after a change: what depends on it, and nothing else."""

import pytest

from tests.workflow.project import PRESET

pytestmark = pytest.mark.workflow

MAIN = "results/tables/cells/main.csv"
WEIGHTS = "results/figures/cells/weights.svg"
TRAINING = "studies.cells.base.training"
# What follows a new network, and the report that shows it.
AFTER_TRAINING = {"prediction", "evaluation", "table", "figure", "report"}


def add_code(project, path: str) -> None:
    """Give a module of the library a new constant."""
    file = project.folder / path
    file.write_text(file.read_text() + "\nEXTRA = 1\n")


def test_a_table_asked_for_by_its_path_needs_neither_figures_nor_report(clone):
    plan = clone.plan(MAIN)
    classical = plan.jobs.pop("classical")
    assert plan.jobs.pop("classical_evaluation") == classical > 0
    counted = {"dataset": 1, "shards": 4, "train": 2, "prediction": 2, "evaluation": 2, "table": 1}
    assert plan.jobs == counted
    assert plan.named("Table ") == ["main of cells"]


def test_a_figure_asked_for_by_its_path_needs_what_it_shows(clone):
    assert clone.plan(WEIGHTS).jobs == {"dataset": 1, "figure": 1}


def test_one_missing_output_is_made_alone(project):
    (project.folder / WEIGHTS).unlink()
    assert project.plan(WEIGHTS).jobs == {"figure": 1}
    assert project.plan(MAIN).jobs == {}


def test_the_words_of_a_figure_draw_it_again_and_nothing_else(project):
    before = (project.folder / WEIGHTS).read_text()
    project.edit("config/studies/cells.yaml", "title: Weight map of the loss", "title: Gewichte")
    plan = project.plan()
    assert plan.jobs == {"figure": 1, "report": 1}
    assert plan.named("Figure ") == ["weights of cells"]
    project.make(*PRESET)
    assert project.plan().jobs == {}
    assert (project.folder / WEIGHTS).read_text() == before, "the title stands on the page alone"
    assert "Gewichte" in project.read("results/report/cells.html")


def test_the_style_of_figures_draws_them_and_trains_nothing(project):
    project.edit("segmill/report/style.py", "ONE_COLUMN_MM = 89.0", "ONE_COLUMN_MM = 90.0")
    assert set(project.plan().jobs) == {"figure", "report"}


def test_another_number_of_epochs_trains_and_keeps_the_shards(finished):
    plan = finished.plan(changes=f"{TRAINING}.epochs=5")
    assert set(plan.jobs) == {"train", *AFTER_TRAINING}
    assert plan.jobs["train"] == 2


def test_a_setting_of_one_experiment_trains_that_one(finished):
    plan = finished.plan(changes="studies.cells.experiments.tiles.training.batch_size=2")
    assert plan.named("Training ") == ["cells/tiles with seed 1"]
    assert plan.named("Predicting ") == ["synthetic_fluorescent by cells/tiles, seed 1"]
    # Its curves, and those where it is compared; not the figures of the other experiment's images.
    assert plan.named("Figure ") == ["curves_all of cells", "curves_tiles of cells"]
    assert set(plan.jobs) == {"train", *AFTER_TRAINING}


def test_a_recipe_augments_and_trains_what_uses_it(finished):
    plan = finished.plan(changes="recipes.cells_tiles.copies=2")
    assert set(plan.jobs) == {"shards", "train", *AFTER_TRAINING}
    assert plan.named("Training ") == ["cells/tiles with seed 1"]
    assert all("recipe cells_tiles" in m for m in plan.named("Making the "))


def test_the_code_of_metrics_measures_again_and_trains_nothing(project):
    add_code(project, "segmill/metrics/seg.py")
    assert set(project.plan().jobs) == {
        *("evaluation", "classical_evaluation", "table", "figure", "report")
    }


def test_the_code_of_one_network_trains_those_that_use_it(project):
    unused, used = "segmill/models/unet.py", "segmill/models/unet_compressed.py"
    for path, expected in ((unused, {}), (used, {"train": 2})):
        add_code(project, path)
        found = project.plan().jobs
        assert {rule: n for rule, n in found.items() if rule == "train"} == expected, path


def test_words_in_the_library_run_nothing(project):
    for path in ("segmill/metrics/seg.py", "segmill/training/loop.py", "segmill/store/staging.py"):
        file = project.folder / path
        start, text, rest = file.read_text().split('"""', 2)
        file.write_text(f'# A comment.\n{start}"""{text} In other words.\n"""{rest}')
    assert project.plan().jobs == {}


def test_words_in_a_script_run_its_rule(project):
    """Snakemake compares the text of scripts, comments included: so they are short and say little.

    The code that decides on results lies in the library.
    """
    project.edit("scripts/table.py", "begin(snakemake)\n", "begin(snakemake)  # the log\n")
    assert project.plan().jobs == {"table": 4, "report": 1}
