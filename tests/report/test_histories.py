import pandas as pd
import pytest

from segmill.errors import IntegrityError
from segmill.report.histories import (
    best_epoch,
    mean_over_seeds,
    rate_changes,
    read_histories,
    switch_epoch,
)


def test_reads_all_runs_in_the_order_given(histories):
    table = read_histories({"plain": histories["plain"], "cl": histories["cl"]})
    runs = table[["experiment", "seed"]].drop_duplicates().to_numpy().tolist()
    assert runs == [["plain", 1], ["cl", 1], ["cl", 2]]
    assert len(table) == 2 * (7 + 8 + 6)


def test_mean_ends_where_a_seed_stopped(histories):
    validation = read_histories({"cl": histories["cl"]}).query("phase == 'val'")
    mean = mean_over_seeds(validation, "iou")
    assert mean.index.tolist() == [1, 2, 3, 4, 5, 6]
    assert mean.loc[3].tolist() == pytest.approx([0.18, 0.13, 0.23])


def test_epoch_kept(histories):
    table = read_histories({"cl": {1: histories["cl"][1]}})
    assert best_epoch(table) == 8
    table.loc[table["epoch"] == 3, "iou"] = 0.9
    table.loc[table["epoch"] == 5, "iou"] = 0.9
    assert best_epoch(table) == 3
    table.loc[table["epoch"] == 2, "loss"] = -1.0
    assert best_epoch(table, "loss") == 2


def test_switch_of_the_curriculum(histories):
    table = read_histories(histories)
    found = {key: switch_epoch(run) for key, run in table.groupby(["experiment", "seed"])}
    assert found == {("cl", 1): 5, ("cl", 2): 4, ("plain", 1): None}


def test_changes_of_the_rate_are_those_of_the_longest_seed(histories):
    assert rate_changes(read_histories({"cl": histories["cl"]})) == [(1, 1e-3), (5, 5e-4)]


def test_every_bad_file_is_named(histories, tmp_path):
    good = histories["plain"][1]
    table = pd.read_parquet(good)
    bad = {name: tmp_path / f"{name}.parquet" for name in ("columns", "phase", "twice")}
    table.drop(columns=["iou", "lr"]).to_parquet(bad["columns"])
    table[table["phase"] == "train"].to_parquet(bad["phase"])
    pd.concat([table, table[table["epoch"] == 2]]).to_parquet(bad["twice"])
    files = dict(enumerate([good, *bad.values(), tmp_path / "absent.parquet"]))
    with pytest.raises(IntegrityError) as caught:
        read_histories({"x": files})
    assert [problem.file for problem in caught.value.problems] == [
        str(files[i]) for i in (1, 2, 3, 4)
    ]
    text = str(caught.value)
    assert "iou, lr" in text
    assert "epoch 2 repeated" in text
    assert "found train" in text


def test_no_history_at_all_is_an_error():
    with pytest.raises(IntegrityError, match="at least one training history"):
        read_histories({})
