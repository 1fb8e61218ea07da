import logging

import pytest
import torch

from segmill.errors import IntegrityError
from segmill.training.checkpoint import Checkpoints, differences

IDENTITY = {"training": {"batch_size": 4, "curriculum": None}, "data": {"train": "abc"}}


def model(value: float) -> torch.nn.Module:
    layer = torch.nn.Linear(2, 2)
    torch.nn.init.constant_(layer.weight, value)
    return layer


def saved(folder) -> Checkpoints:
    checkpoints = Checkpoints(folder, IDENTITY)
    checkpoints.keep(1, model(1.0))
    checkpoints.keep(2, model(2.0))
    checkpoints.save({"step": 5})
    return checkpoints


def test_state_and_kept_weights_come_back(tmp_path):
    saved(tmp_path)
    again = Checkpoints(tmp_path, IDENTITY)
    assert again.load()["step"] == 5
    assert again.kept[2]["weight"].tolist() == [[2.0, 2.0], [2.0, 2.0]]


def test_kept_weights_do_not_follow_the_network(tmp_path):
    checkpoints, layer = Checkpoints(tmp_path, IDENTITY), model(1.0)
    checkpoints.keep(1, layer)
    torch.nn.init.constant_(layer.weight, 9.0)
    assert checkpoints.kept[1]["weight"].max() == 1.0


def test_forgotten_weights_leave_the_folder_after_the_checkpoint_that_forgets_them(tmp_path):
    checkpoints = saved(tmp_path)
    checkpoints.retain({2})
    assert (tmp_path / "epoch000001.pt").exists()
    checkpoints.save({"step": 6})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoint.pt", "epoch000002.pt"]


def test_weights_of_a_training_that_died_before_its_checkpoint_are_replaced(tmp_path):
    saved(tmp_path)
    again = Checkpoints(tmp_path, IDENTITY)
    again.load()
    again.keep(2, model(7.0))
    again.save({"step": 6})
    last = Checkpoints(tmp_path, IDENTITY)
    last.load()
    assert last.kept[2]["weight"].max() == 7.0


def test_a_checkpoint_of_another_training_is_not_used_and_the_difference_named(tmp_path, caplog):
    saved(tmp_path)
    other = {"training": {"batch_size": 8, "curriculum": None}, "data": {"train": "abd"}}
    with caplog.at_level(logging.WARNING, "segmill"):
        assert Checkpoints(tmp_path, other).load() is None
    assert "training.batch_size: 4 in the checkpoint, 8 now" in caplog.text
    assert "data.train: 'abc' in the checkpoint, 'abd' now" in caplog.text
    assert "curriculum" not in caplog.text


def test_nothing_there_is_a_start_from_scratch(tmp_path):
    assert Checkpoints(tmp_path / "new", IDENTITY).load() is None


@pytest.mark.parametrize("name", ["checkpoint.pt", "epoch000002.pt"])
def test_a_damaged_file_is_named(tmp_path, name):
    saved(tmp_path)
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(IntegrityError, match=name):
        Checkpoints(tmp_path, IDENTITY).load()


def test_differences_reach_every_depth():
    found = {"a": {"b": 1, "c": [1]}, "d": 1}
    wanted = {"a": {"b": 1, "c": [2]}, "e": None}
    assert list(differences(found, wanted)) == [
        "a.c: [1] in the checkpoint, [2] now",
        "d: 1 in the checkpoint, None now",
    ]
