"""What a training begins with: checked data, a network, and the identity of the whole."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

from segmill import models
from segmill.errors import ConfigError, TrainingError
from segmill.models.bundle import load_model
from segmill.progress import log
from segmill.provenance import code_hash
from segmill.random import torch_seed
from segmill.store import Store
from segmill.training.checkpoint import differences
from segmill.training.config import TrainingConfig
from segmill.training.metrics import task_of
from segmill.training.settings import FREE
from segmill.training.stream import levels_of

CODE = ("segmill.training", "segmill.models", "segmill.losses")
_NAMES = {"semantic": "classes", "notions": "notions", "target": "targets"}


def output_names(store: Store, task: str) -> tuple[str, ...]:
    """Names of the outputs of a network that learns `task` on a store: one per channel."""
    return tuple(store.attributes.get(_NAMES[task]) or ())


def check_data(config: TrainingConfig, train: Store, validation: Store) -> None:
    """Raise ConfigError naming everything in which settings and shards do not fit each other."""
    offences = [
        *_monitor_offences(config),
        *_store_offences(config, train),
        *_store_offences(config, validation),
        *_level_offences(config, train),
        *_pair_offences(config, train, validation),
    ]
    if offences:
        lines = "\n".join(f"  {offence}" for offence in offences)
        raise ConfigError(f"the training does not fit its shards:\n{lines}")


def _monitor_offences(config: TrainingConfig) -> Iterator[str]:
    if task_of(config.needs) != "target":
        return
    if config.keep_best == "iou":
        yield "keep_best: a network of values has no IoU, expected loss, found iou"
    if config.early_stop and config.early_stop.monitor == "iou":
        yield "early_stop.monitor: a network of values has no IoU, expected loss, found iou"
    if config.curriculum:
        yield "curriculum: a network of values has no IoU that could reach a threshold"


def _store_offences(config: TrainingConfig, store: Store) -> Iterator[str]:
    task = task_of(config.needs)
    wanted = [name for name in config.needs if name != "weight"]
    if "weight" in config.needs and config.weights.w0 > 0:
        wanted.append("instances")
    missing = [name for name in wanted if name not in store.fields]
    if missing:
        yield (
            f"{store.path}: loss {config.loss.name} needs {', '.join(missing)}, "
            f"found {', '.join(store.fields)}"
        )
    if not output_names(store, task):
        yield f"{store.path}: expected names of its {_NAMES[task]} in the attributes, found none"
    multiple = _size_multiple(config)
    height, width = store.shape()[1:3]
    if height % multiple or width % multiple:
        yield (
            f"{store.path}: network {config.model.name} needs sizes that are multiples of "
            f"{multiple}, found {height}x{width}"
        )


def _size_multiple(config: TrainingConfig) -> int:
    with torch.device("meta"):
        return models.build(config.model.name, 1, 2, **config.model.options).size_multiple


def _level_offences(config: TrainingConfig, train: Store) -> Iterator[str]:
    levels = set(levels_of(train).tolist())
    if config.curriculum and 0 not in levels:
        yield f"{train.path}: a curriculum starts with level 0, found levels {sorted(levels)}"
    if config.curriculum and levels == {0}:
        log.warning("%s has level 0 alone: the curriculum changes nothing", train.path)


def _pair_offences(config: TrainingConfig, train: Store, validation: Store) -> Iterator[str]:
    task = task_of(config.needs)
    sides = {
        "channels": [store.shape()[-1] for store in (train, validation)],
        "dtype": [str(store.dtype()) for store in (train, validation)],
        _NAMES[task]: [output_names(store, task) for store in (train, validation)],
        "preprocessing": [store.attributes.get("preprocessing") for store in (train, validation)],
    }
    for what, (expected, found) in sides.items():
        if expected != found:
            yield f"{validation.path}: {what}: expected {expected} as in training, found {found}"


def initial_model(config: TrainingConfig, train: Store) -> nn.Module:
    """The network before its first step: given weights, else random ones.

    Raises
    ------
    TrainingError
        When the given weights are of another network; its differences are named.
    """
    torch.manual_seed(torch_seed(config.seed, "initial weights"))
    outputs = len(output_names(train, task_of(config.needs)))
    channels = train.shape()[-1]
    model = models.build(config.model.name, channels, outputs, **config.model.options)
    if config.pretrained is None:
        log.info("random initial weights, seed %d", config.seed)
        return model
    given = load_model(config.pretrained).model
    different = list(differences(given.configuration, model.configuration))
    if different:
        lines = "".join(f"\n  {line}" for line in different)
        raise TrainingError(f"pretrained: {config.pretrained} holds another network:{lines}")
    model.load_state_dict(given.state_dict())
    log.info("initial weights from %s", config.pretrained)
    return model


def identity_of(config: TrainingConfig, train: Store, validation: Store) -> dict:
    """What decides the bits of a training's result: settings, data, code.

    Two trainings of one identity may go on from each other's checkpoints.
    """
    settings = {key: value for key, value in config.to_dict().items() if key not in FREE}
    pretrained = config.pretrained
    return {
        "training": settings,
        "data": {"train": train.content_hash, "validation": validation.content_hash},
        "pretrained": pretrained and hashlib.blake2b(Path(pretrained).read_bytes()).hexdigest(),
        "code": code_hash(*CODE),
    }
