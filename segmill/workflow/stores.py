"""Lookups of the stages that make stores of data."""

import os

from segmill.config import Config
from segmill.provenance import listing_hash
from segmill.workflow.code import stage_code
from segmill.workflow.paths import dataset_table, downloads

# Readers of datasets that come from no raw files, and the stage that makes each.
MADE_BY = {"synthetic": "synthesize", "union": "unite", "classical": "classical"}


class StoreLookup:
    """Datasets, shards and classical labels, by the wildcards of a rule."""

    def __init__(self, config: Config):
        self.config = config

    def dataset_settings(self, dataset: str) -> dict:
        """Settings of a dataset that its store depends on, its name among them."""
        settings = self.config.datasets[dataset]
        return {"name": dataset, **{k: v for k, v in settings.items() if k != "parts"}}

    def dataset_stage(self, dataset: str) -> str:
        """Stage that makes the store of a dataset."""
        return MADE_BY.get(self.config.datasets[dataset]["reader"], "ingest")

    def dataset_producer(self, dataset: str) -> dict:
        """Description of the stage that makes the store of a dataset."""
        settings, stage = self.dataset_settings(dataset), self.dataset_stage(dataset)
        if stage == "synthesize":
            return {"stage": stage, "config": settings}
        if stage == "unite":
            stores = {name: dataset_table(name) for name in settings["datasets"]}
            return {"stage": stage, "stores": stores, "name": dataset}
        if stage == "classical":
            store, method = dataset_table(settings["dataset"]), settings["method"]
            return {"stage": stage, "store": store, "config": self.config.classical[method]}
        return {"stage": stage, "config": settings, "root": downloads(dataset)}

    def dataset_code(self, dataset: str) -> str:
        """Digest of the code that makes the store of a dataset."""
        return stage_code(self.dataset_stage(dataset))

    def dataset_files(self, dataset: str) -> str:
        """Digest of names, sizes and times of the raw files of a local dataset.

        A corrected mask makes the store again. A folder that is not there is left to the reader,
        whose message says more.
        """
        path = self.config.datasets[dataset].get("path")
        return listing_hash(os.path.expandvars(path)) if path else ""

    def dataset_inputs(self, dataset: str) -> list[str]:
        """The list of downloaded files of a dataset, or the stores that it is made of."""
        settings = self.config.datasets[dataset]
        if self.dataset_stage(dataset) == "unite":
            return [dataset_table(name) for name in settings["datasets"]]
        if self.dataset_stage(dataset) == "classical":
            return [dataset_table(settings["dataset"])]
        return [f"{downloads(dataset)}.json"] if "download" in settings else []

    def dataset_store_inputs(self, dataset: str) -> dict[str, list[str]]:
        """The parts of a dataset's store, or what it is made from at once."""
        parts = self.config.datasets[dataset].get("parts", 1)
        return _parts(f"results/parts/stores/{dataset}", parts, self.dataset_inputs(dataset))

    def shards_producer(self, dataset: str, recipe: str, split: str) -> dict:
        """Description of the augmentation of one split."""
        tables = self._background_stores(recipe, split)
        settings = {k: v for k, v in self.config.recipes[recipe].items() if k != "parts"}
        return {
            "stage": "augment",
            "store": dataset_table(dataset),
            "seed": settings.pop("seed", 0),
            "compression": settings.pop("compression", "none"),
            **{key: settings.pop(key) for key in ("shard_mib",) if key in settings},
            "recipe": settings,
            "split": split,
            **({"backgrounds": tables[0]} if tables else {}),
        }

    def shards_sources(self, dataset: str, recipe: str, split: str) -> list[str]:
        """The stores that the shards of a split are made from."""
        return [dataset_table(dataset), *self._background_stores(recipe, split)]

    def background_files(self, recipe: str, split: str) -> str:
        """Digest of names, sizes and times of the images that a recipe takes backgrounds from."""
        path = self._backgrounds(recipe, split).get("path")
        return listing_hash(os.path.expandvars(path)) if path else ""

    def _background_stores(self, recipe: str, split: str) -> list[str]:
        dataset = self._backgrounds(recipe, split).get("dataset")
        return [dataset_table(dataset)] if dataset else []

    def _backgrounds(self, recipe: str, split: str) -> dict:
        """Where a recipe takes other backgrounds from; only training crops are put before them."""
        return (self.config.recipes[recipe].get("backgrounds") or {}) if split == "train" else {}

    def shards_inputs(self, dataset: str, recipe: str, split: str) -> dict[str, list[str]]:
        """The parts of a split's shards, or the store they are made from at once."""
        # Validation crops are few and plain: they need no parts.
        parts = self.config.recipes[recipe].get("parts", 1) if split == "train" else 1
        folder = f"results/parts/shards/{dataset}/{recipe}/{split}"
        return _parts(folder, parts, self.shards_sources(dataset, recipe, split))

    def classical_options(self, method: str) -> dict:
        """Options of a classical method."""
        return self.config.classical[method].get("options") or {}

    def classical_producer(self, dataset: str, method: str) -> dict:
        """Description of a classical method applied to the test images of a dataset."""
        return {
            "stage": "classical",
            "store": dataset_table(dataset),
            "config": self.config.classical[method],
            "split": "test",
        }

    def superpixel_producer(self, prediction: str, method: str) -> dict:
        """Description of superpixels of what a network painted, by a classical method."""
        return {
            "stage": "superpixels",
            "store": prediction,
            "config": self.config.classical[method],
        }


def _parts(folder: str, parts: int, sources: list[str]) -> dict[str, list[str]]:
    """Inputs of a store: its parts when several jobs make it, else what it is made from."""
    if parts == 1:
        return {"sources": sources}
    return {"parts": [f"{folder}/{part}of{parts}.json" for part in range(parts)]}
