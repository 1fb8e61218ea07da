"""Small networks in model files, as a training would leave them."""

import pytest
import torch

from segmill.models import build
from segmill.models.bundle import ModelBundle, save_model

CLASSES = ("background", "cell", "border")


def write_model(path, seed=0, name="unet_compressed", in_channels=1, **changes):
    """Save an untrained network, its running statistics away from their start, as a model file."""
    torch.manual_seed(seed)
    classes = changes.get("classes", CLASSES)
    model = build(name, in_channels, len(classes))
    with torch.no_grad():
        model.train()
        for _ in range(3):
            model(torch.randn(2, in_channels, 32, 32))
    values = {
        "classes": classes,
        "preprocessing": {},
        "mean": (0.4,) * in_channels,
        "std": (0.2,) * in_channels,
    }
    save_model(path, ModelBundle(model=model.eval(), **(values | changes)))
    return path


@pytest.fixture(scope="session")
def model_file(tmp_path_factory):
    """A model of three classes on grey images."""
    return write_model(tmp_path_factory.mktemp("model") / "model.pt")


@pytest.fixture(scope="session")
def other_model_file(tmp_path_factory):
    """Another training of the same network."""
    return write_model(tmp_path_factory.mktemp("other") / "model.pt", seed=1)
