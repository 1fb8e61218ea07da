"""What a training begins with: checked data, a network, and the identity of the whole."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import nn

from segmill import models
from segmill.clicks import CLICK
from segmill.errors import ConfigError, TrainingError
from segmill.models.bundle import load_model
from segmill.progress import log
from segmill.provenance import code_hash
from segmill.random import torch_seed
from segmill.store import Store
from segmill.training.checkpoint import differences
from segmill.training.config import TrainingConfig
from segmill.training.metrics import task_of
from segmill.training.notion_weights import balanced_weights, count_notions
from segmill.training.selection import chosen_samples
from segmill.training.settings import FREE
from segmill.training.stream import levels_of

CODE = ("segmill.training", "segmill.models", "segmill.losses")
MOST_NAMED = 5
# Label -> attribute of a store with its names; in the order of a network's outputs.
_NAMES = {"semantic": "classes", "notions": "notions", "target": "targets"}


def output_names(store: Store, needs: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the outputs of a network whose loss needs these labels of a store.

    One per channel: classes, notions or targets; targets behind the notions where both are needed.
    """
    return tuple(name for label in labels_of(needs) for name in names_of(store, label))


def labels_of(needs: tuple[str, ...]) -> list[str]:
    """Those of the labels that outputs of the network stand for, in the order of the outputs."""
    return [label for label in _NAMES if label in needs]


def names_of(store: Store, label: str) -> tuple[str, ...]:
    """Names of the classes, notions or targets that a label of a store has."""
    return tuple(store.attributes.get(_NAMES[label]) or ())


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
    wanted = [name for name in config.needs if name != "weight"]
    if "weight" in config.needs and config.weights.w0 > 0:
        wanted.append("instances")
    missing = [name for name in wanted if name not in store.fields]
    if missing:
        yield (
            f"{store.path}: loss {config.loss.name} needs {', '.join(missing)}, "
            f"found {', '.join(store.fields)}"
        )
    for label in labels_of(config.needs):
        if not names_of(store, label):
            what = _NAMES[label]
            yield f"{store.path}: expected names of its {what} in the attributes, found none"
    yield from _focal_offences(config, store)
    multiple = _size_multiple(config)
    height, width = store.shape()[1:3]
    if height % multiple or width % multiple:
        yield (
            f"{store.path}: network {config.model.name} needs sizes that are multiples of "
            f"{multiple}, found {height}x{width}"
        )


def _focal_offences(config: TrainingConfig, store: Store) -> Iterator[str]:
    targets = names_of(store, "target")
    if {"notions", "target"} <= set(config.needs) and targets not in ((CLICK,), ()):
        yield f"{store.path}: targets: expected {CLICK} alone, found {', '.join(targets)}"
    notions, weights = names_of(store, "notions"), config.loss.options.get("weights")
    if weights and not config.balances_notions and notions and len(weights) != len(notions):
        yield (
            f"{store.path}: loss.options.weights: expected one for each of {', '.join(notions)}, "
            f"found {len(weights)}"
        )


def _size_multiple(config: TrainingConfig) -> int:
    with torch.device("meta"):
        return models.build(config.model.name, 1, 2, **config.model.options).size_multiple


def _level_offences(config: TrainingConfig, train: Store) -> Iterator[str]:
    samples = chosen_samples(train, config.fraction, config.seed)
    levels = set(levels_of(train)[samples].tolist())
    if config.curriculum and 0 not in levels:
        yield f"{train.path}: a curriculum starts with level 0, found levels {sorted(levels)}"
    if config.curriculum and levels == {0}:
        log.warning("%s has level 0 alone: the curriculum changes nothing", train.path)


def _pair_offences(config: TrainingConfig, train: Store, validation: Store) -> Iterator[str]:
    both = train, validation
    sides = {
        "channels": [store.shape()[-1] for store in both],
        "dtype": [str(store.dtype()) for store in both],
        **{_NAMES[label]: [names_of(s, label) for s in both] for label in labels_of(config.needs)},
        "preprocessing": [store.attributes.get("preprocessing") for store in both],
    }
    for what, (expected, found) in sides.items():
        if expected != found:
            yield f"{validation.path}: {what}: expected {expected} as in training, found {found}"
    groups = [set(store.table["group"].astype(str)) for store in both]
    shared = sorted(groups[0] & groups[1])
    if shared:
        shown = ", ".join(shared[:MOST_NAMED]) + (" ..." if len(shared) > MOST_NAMED else "")
        yield f"{validation.path}: groups that training has too ({len(shared)}): {shown}"


def initial_model(config: TrainingConfig, train: Store) -> nn.Module:
    """The network before its first step: given weights, else random ones.

    Raises
    ------
    TrainingError
        When the given weights are of another network; its differences are named.
    """
    torch.manual_seed(torch_seed(config.seed, "initial weights"))
    outputs = len(output_names(train, config.needs))
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


def notion_weights(
    config: TrainingConfig, train: Store, samples: np.ndarray, threads: ThreadPoolExecutor
) -> tuple[float, ...] | None:
    """Weights of the notions where the settings want them from the data, of these samples."""
    if not config.balances_notions:
        return None
    names = names_of(train, "notions")
    pixels, annotated = count_notions(train, samples, threads)
    weights = balanced_weights(pixels, annotated, config.balance.weights_limit, names)
    pairs = zip(names, weights, strict=True)
    log.info("weights of notions: %s", ", ".join(f"{name} {w:.3g}" for name, w in pairs))
    return weights


def identity_of(
    config: TrainingConfig,
    train: Store,
    validation: Store,
    weights: tuple[float, ...] | None = None,
) -> dict:
    """What decides the bits of a training's result: settings, data, code.

    Two trainings of one identity may go on from each other's checkpoints. `weights` are those of
    notions that were measured, if any.
    """
    settings = {key: value for key, value in config.to_dict().items() if key not in FREE}
    pretrained = config.pretrained
    return {
        "training": settings,
        "data": {"train": train.content_hash, "validation": validation.content_hash},
        "pretrained": pretrained and hashlib.blake2b(Path(pretrained).read_bytes()).hexdigest(),
        "notion_weights": weights and list(weights),
        "code": code_hash(*CODE),
    }
