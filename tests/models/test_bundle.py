import pickle

import pytest
import torch

from segmill import models
from segmill.errors import IntegrityError
from segmill.models.bundle import ModelBundle, load_model, save_model


def bundle() -> ModelBundle:
    torch.manual_seed(1)
    model = models.build("unet_compressed", 2, 3, widths=[4, 8], rate=0.1, dropout="standard")
    return ModelBundle(
        model=model,
        classes=("background", "cell", "border"),
        preprocessing={"normalise": {"mode": "dtype"}, "rescale": 0.5, "channels": "as_is"},
        mean=(0.25, 0.5),
        std=(0.1, 0.2),
        config={"batch_size": 4, "early_stop": None},
        versions={"torch": "2"},
        commit="abc",
        notes={"epoch": 7},
    )


def test_a_bundle_read_back_predicts_the_same_and_keeps_all_values(tmp_path):
    saved = bundle()
    save_model(tmp_path / "model.pt", saved)
    read = load_model(tmp_path / "model.pt")
    image = torch.randn(1, 2, 8, 8)
    assert not read.model.training
    with torch.no_grad():
        assert torch.equal(read.model(image), saved.model.eval()(image))
    for name in ("classes", "preprocessing", "mean", "std", "task", "config", "versions", "notes"):
        assert getattr(read, name) == getattr(saved, name)
    assert [p.name for p in tmp_path.iterdir()] == ["model.pt"]


def test_given_weights_are_written_instead_of_the_current_ones(tmp_path):
    saved = bundle()
    weights = {name: torch.zeros_like(t) for name, t in saved.model.state_dict().items()}
    save_model(tmp_path / "model.pt", saved, weights)
    assert not any(t.any() for t in load_model(tmp_path / "model.pt").model.state_dict().values())


def test_equal_content_gives_equal_bytes(tmp_path):
    for name in ("a.pt", "b.pt"):
        save_model(tmp_path / name, bundle())
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()


class Trap:
    def __reduce__(self):
        return (print, ("code of the file ran",))


@pytest.mark.parametrize("kind", ["absent", "text", "truncated", "code", "foreign", "mismatch"])
def test_what_is_no_model_is_refused_by_name_and_never_run(tmp_path, kind, capsys):
    path = tmp_path / "model.pt"
    if kind == "text":
        path.write_text("not a model")
    elif kind == "truncated":
        save_model(path, bundle())
        path.write_bytes(path.read_bytes()[:2000])
    elif kind == "code":
        path.write_bytes(pickle.dumps(Trap()))
    elif kind == "foreign":
        torch.save({"state_dict": {}}, path)
    elif kind == "mismatch":
        other = models.build("unet_compressed", 2, 3, widths=[8, 8])
        save_model(path, bundle(), other.state_dict())
    with pytest.raises(IntegrityError, match=r"model\.pt: expected"):
        load_model(path)
    assert "ran" not in capsys.readouterr().out
