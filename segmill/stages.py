"""From a plain description of a stage to the producer that makes its store.

The workflow hands descriptions (paths, settings) to its jobs; only here they become objects, so
that one script serves every stage that makes a store.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from segmill.errors import ConfigError
from segmill.store import Producer, open_store


def ingest(config: dict, root: str) -> Producer:
    """Samples of a raw dataset; `root` is the folder that holds its downloads."""
    from segmill.datasets import IngestProducer

    return IngestProducer(config, root)


def synthesize(config: dict) -> Producer:
    """Samples of a synthetic dataset."""
    from segmill.synthetic import SyntheticProducer

    settings = dict(config)
    return SyntheticProducer(settings, name=settings.pop("name"))


def unite(stores: dict[str, str], name: str) -> Producer:
    """Samples of several stores as one."""
    from segmill.datasets.union import UnionProducer

    return UnionProducer({dataset: open_store(path) for dataset, path in stores.items()}, name)


def classical(store: str, config: dict, split: str | None = None) -> Producer:
    """Labels that a classical method gives to the samples of a store."""
    from segmill.classical import classical_producer

    return classical_producer(open_store(store), config, split)


def augment(
    store: str,
    recipe: dict,
    split: str,
    seed: int,
    compression: str,
    backgrounds: str | None = None,
    **size: float,
) -> Producer:
    """Augmented crops of the samples of a store; `size` may give `shard_mib`.

    `backgrounds` is the store of the dataset that the recipe takes other backgrounds from, if any.
    """
    from segmill.augment import AugmentProducer, Recipe

    return AugmentProducer(
        open_store(store),
        Recipe.from_dict(recipe),
        split,
        seed,
        compression=compression,
        backgrounds=open_store(backgrounds) if backgrounds else None,
        **size,
    )


def predict(
    store: str, models: list[str], split: str | None, options: dict, choice: str | None = None
) -> Producer:
    """Predictions of trained networks on the samples of a store.

    `choice` is a file of options that were chosen on validation images; they replace those of
    `options`.
    """
    from segmill.inference import PredictProducer

    return PredictProducer(models, open_store(store), split, **with_choice(options, choice))


def with_choice(options: Mapping, choice: str | Path | None) -> dict:
    """Options of a prediction, those that the file `choice` has from there."""
    chosen = json.loads(Path(choice).read_text()) if choice else {}
    return {**options, **chosen}


def superpixels(store: str, config: dict) -> Producer:
    """Superpixels of what a network painted: `store` has its predictions."""
    from segmill.classical import SuperpixelProducer

    return SuperpixelProducer(open_store(store), config, painted=True)


STAGES = {
    "ingest": ingest,
    "synthesize": synthesize,
    "unite": unite,
    "classical": classical,
    "augment": augment,
    "predict": predict,
    "superpixels": superpixels,
}


def build_producer(stage: str, **description) -> Producer:
    """The producer of `stage`; `description` are the arguments of its function in this module."""
    if stage not in STAGES:
        raise ConfigError(f"unknown stage {stage!r}, known are {sorted(STAGES)}")
    return STAGES[stage](**description)
