import numpy as np
import pandas as pd
import pytest

from segmill.errors import IntegrityError
from segmill.report.curves import combined_curves, experiment_curves

from .conftest import history


def test_csv_holds_the_histories_and_the_epoch_kept(histories, tmp_path):
    paths = experiment_curves(histories["cl"], tmp_path / "f" / "curves.svg", "Curriculum")
    data = pd.read_csv(paths["csv"])
    for seed, path in histories["cl"].items():
        run = pd.read_parquet(path).sort_values(["epoch", "phase"], ignore_index=True)
        drawn = data[data["seed"] == seed].reset_index(drop=True)
        columns = ["epoch", "phase", "loss", "iou", "lr", "level"]
        pd.testing.assert_frame_equal(drawn[columns], run[columns], check_exact=True)
    assert data.loc[data["kept"], ["seed", "epoch"]].drop_duplicates().to_numpy().tolist() == [
        [1, 8],
        [2, 6],
    ]


def test_drawing_again_gives_equal_files(histories, tmp_path):
    first = combined_curves(histories, tmp_path / "1" / "all.svg", {"cl": "with curriculum"})
    second = combined_curves(histories, tmp_path / "2" / "all.svg", {"cl": "with curriculum"})
    assert [p.read_bytes() for p in first.values()] == [p.read_bytes() for p in second.values()]


def test_marks_are_drawn(histories, tmp_path, monkeypatch):
    """Kept epochs, switches and rate changes stand where the history has them."""
    from segmill.report import curves

    figures = []
    monkeypatch.setattr(curves, "save_figure", lambda figure, *rest: figures.append(figure))
    experiment_curves(histories["cl"], tmp_path / "f.svg")
    for ax in figures[0].axes:
        kept = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"]
        upright = [line for line in ax.lines if set(line.get_ydata()) == {0, 1}]
        by_dash = {
            dash: [u.get_xdata()[0] for u in upright if u.get_linestyle() == dash]
            for dash in ("--", ":")
        }
        assert sorted(kept) == [6, 8]
        assert by_dash == {"--": [5, 4], ":": [5]}
    bold = [line for line in figures[0].axes[1].lines if line.get_linewidth() > 1]
    validation = next(line for line in bold if line.get_color() == "#D55E00")
    assert validation.get_ydata() == pytest.approx([0.15 + 0.01 * epoch for epoch in range(1, 7)])


def test_a_missing_history_leaves_nothing_behind(histories, tmp_path):
    with pytest.raises(IntegrityError, match=r"seed9.*no file"):
        experiment_curves({9: tmp_path / "seed9" / "history.parquet"}, tmp_path / "f" / "a.svg")
    assert not (tmp_path / "f").exists()


def test_a_network_of_values_has_no_iou_to_draw(tmp_path, monkeypatch):
    table = history(4)
    table["iou"] = np.nan
    table.to_parquet(tmp_path / "history.parquet")
    files = {1: tmp_path / "history.parquet"}
    paths = experiment_curves(files, tmp_path / "one.svg", kept_by="loss")
    data = pd.read_csv(paths["csv"])
    assert data["epoch"][data["kept"]].unique().tolist() == [4]
    figures = []
    monkeypatch.setattr("segmill.report.curves.save_figure", lambda f, *rest: figures.append(f))
    combined_curves({"net": files}, tmp_path / "all.svg", kept_by="loss")
    experiment_curves(files, tmp_path / "one.svg", kept_by="loss")
    assert [len(figure.axes) for figure in figures] == [1, 1]
