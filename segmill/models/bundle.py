"""A trained network in one file, with all that is needed to apply it to a new image.

The file holds tensors and plain Python values only and is read without running any code that it may
carry, so that a model from elsewhere can be opened safely.
"""

import io
import pickle
import zipfile
from dataclasses import dataclass, field, fields
from pathlib import Path

import torch
from torch import nn

from segmill.atomic import write_atomically
from segmill.errors import ConfigError, Problem, raise_problems
from segmill.models.registry import rebuild

FORMAT = 1
TASKS = ("semantic", "notions", "target")


@dataclass
class ModelBundle:
    """A network and what must be known to use it.

    Attributes
    ----------
    model : network made by :func:`segmill.models.build`; float32 (B, C, H, W) -> (B, K, H, W)
    classes : names of the K outputs: classes, notions (a click's heat map behind them) or targets,
        position = channel
    preprocessing : what :class:`segmill.preprocess.Preprocessing` does to a whole image, as a dict
    mean, std : per channel, in units of the largest value of the image's dtype; the network's input
        is (image / dtype maximum - mean) / std
    task : ``"semantic"``, exclusive classes by softmax; ``"notions"``, overlapping ones by sigmoid;
        ``"target"``, values
    config : settings of the training that made it
    versions : of the libraries that it was trained with
    commit : of the code that it was trained with
    notes : further plain values, such as the epoch of the weights
    """

    model: nn.Module
    classes: tuple[str, ...]
    preprocessing: dict
    mean: tuple[float, ...]
    std: tuple[float, ...]
    task: str = "semantic"
    config: dict = field(default_factory=dict)
    versions: dict = field(default_factory=dict)
    commit: str = "unknown"
    notes: dict = field(default_factory=dict)


# What a file holds beside the weights and the configuration of the network.
_VALUES = tuple(f.name for f in fields(ModelBundle) if f.name != "model")
_KEYS = ("format", "network", "weights", *_VALUES)


def save_model(
    path: str | Path, bundle: ModelBundle, weights: dict[str, torch.Tensor] | None = None
) -> None:
    """Write a bundle to one file, which appears complete or not at all.

    Parameters
    ----------
    path : the file, by custom ``model.pt``
    bundle : what to write
    weights : weights to write instead of those that the network has now, such as those of the best
        epoch
    """
    weights = bundle.model.state_dict() if weights is None else weights
    content = {
        "format": FORMAT,
        "network": bundle.model.configuration,
        "weights": {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()},
    }
    for name in _VALUES:
        value = getattr(bundle, name)
        content[name] = list(value) if isinstance(value, tuple) else value
    # A buffer, because torch writes the name of a file into it: equal content, equal bytes.
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_atomically(path, buffer.getvalue())


def load_model(path: str | Path) -> ModelBundle:
    """Read a bundle; the network lies on the CPU and is in evaluation mode.

    Raises
    ------
    IntegrityError
        When the file is absent, is no model of Segmill or does not fit its own network.
    """
    path = Path(path)
    content = read_plain(path, "a trained model")
    missing = [key for key in _KEYS if key not in content]
    if content.get("format") != FORMAT or missing:
        found = f"format {content.get('format')}, without {', '.join(missing) or 'nothing'}"
        raise_problems([Problem(str(path), f"a model of format {FORMAT}", found)], "a model")
    try:
        model = rebuild(content["network"])
        model.load_state_dict(content["weights"])
    except (ConfigError, RuntimeError) as error:
        raise_problems([Problem(str(path), "weights of its own network", str(error))], "a model")
    values = {name: content[name] for name in _VALUES}
    for name in ("classes", "mean", "std"):
        values[name] = tuple(values[name])
    return ModelBundle(model=model.eval(), **values)


def read_plain(path: str | Path, what: str) -> dict:
    """Read a dict of tensors and plain values that torch saved; nothing else is ever unpickled.

    Raises
    ------
    IntegrityError
        When the file is absent, damaged, or holds anything else.
    """
    path = Path(path)
    if not path.is_file():
        raise_problems([Problem(str(path), what, "no file")], what)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, zipfile.BadZipFile) as error:
        first = str(error).splitlines()[0]
        raise_problems([Problem(str(path), what, f"an unreadable file ({first})")], what)
    if not isinstance(content, dict):
        raise_problems([Problem(str(path), what, type(content).__name__)], what)
    return content
