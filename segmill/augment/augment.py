"""Training and validation shards of a dataset: a producer of samples for the sample store."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from segmill.augment.backgrounds import Backdrop, open_backgrounds, sample_light
from segmill.augment.columns import SourceColumns, cut_click
from segmill.augment.pasting import Pasting
from segmill.augment.placement import Box, centre_of, cut, grid, random_box
from segmill.augment.prepare import Cache, Prepared, prepare
from segmill.augment.recipe import Level, Recipe
from segmill.augment.selection import evaluation_boxes, selected_levels
from segmill.augment.transform import Variation, apply, draw
from segmill.errors import ConfigError, StoreError
from segmill.label_errors import check_spoilable, spoil_sample
from segmill.random import generator
from segmill.samples import LAYOUT, Sample
from segmill.store import FieldSpec, Store, StorePlan
from segmill.store.plan import SHARD_MIB
from segmill.targets import DTYPE, derive_target, target_names

TRAIN = "train"
# A crop without any annotated pixel is drawn again, this often, before the sample is given up.
ATTEMPTS = 100
# Whole prepared images kept: rows of one image follow each other, and threads work on few at once.
CACHED_IMAGES = 4
_COPIED = ("dataset", "classes", "notions", "targets", "units", "source", "licence", "derived")


@dataclass(frozen=True)
class _Extras:
    """What comes into a crop from elsewhere: another background, and who draws what is pasted."""

    backdrop: Backdrop | None = None
    pasting: np.random.Generator | None = None


class AugmentProducer:
    """Cuts and varies the images of one split of a store as a recipe says.

    Split ``"train"``: each source sample gives a row per tile, level and copy, in this order. Other
    splits: each source sample is cut as the recipe's evaluation says, level 0, without variation.
    Row i depends on the source sample, the recipe, the seed and (tile, level name, copy) alone.

    Parameters
    ----------
    store : source; its images are raw (not preprocessed)
    recipe : what to do
    split : ``"train"``, ``"val"`` or ``"test"``: source samples of this split are taken
    seed : of the training data, non-negative
    levels : names or positions of the levels to make; None makes all. Other splits ignore it.
    compression, shard_mib : codec and size of the shards, see :class:`segmill.store.StorePlan`
    backgrounds : opened store of the recipe's ``backgrounds.dataset``, if it names one

    Raises
    ------
    ConfigError
        if a level does not exist, the split is empty, a target is to be made of instances that the
        store does not have, labels are to have errors that do not all follow from one kind, or
        backgrounds are to be swapped but are not there or the store lacks the notion that tells the
        sample from its background.
    IntegrityError
        naming every image of a background without a zoom in its name.
    StoreError
        if the store was preprocessed before.
    """

    def __init__(
        self,
        store: Store,
        recipe: Recipe,
        split: str,
        seed: int,
        levels: Iterable[int | str] | None = None,
        compression: str = "none",
        shard_mib: float = SHARD_MIB,
        backgrounds: Store | None = None,
    ):
        if store.attributes.get("preprocessing"):
            raise StoreError(f"{store.path}: expected raw images, found preprocessed ones")
        self.store = store
        self.recipe = recipe
        self.split = split
        self.seed = seed
        self.compression = compression
        self.shard_mib = shard_mib
        self.levels = selected_levels(recipe, levels)
        self._sources = store.where(split=split)
        if not len(self._sources):
            counts = store.table["split"].value_counts().to_dict()
            raise ConfigError(f"{store.path} has no sample of split {split!r}, it has {counts}")
        self._derived = dict(store.attributes.get("derived") or {})
        if recipe.target is not None:
            self._derived["target"] = dict(recipe.target)
        if "target" in self._derived and "instances" not in store.fields:
            raise ConfigError(
                f"{store.path}: expected instances to make the target of, found {store.fields}"
            )
        if split == TRAIN and recipe.label_errors is not None:
            check_spoilable(store.fields, self._derived, f"{store.path}, label_errors")
        self._columns = SourceColumns(store)
        self._backgrounds = None
        if split == TRAIN and any(recipe.levels[i].background > 0 for i in self.levels):
            self._backgrounds = open_backgrounds(recipe, store, seed, backgrounds)
            self._backgrounds.report(self._columns.zooms[self._sources])
        self._pasting = None
        if split == TRAIN and any(recipe.levels[i].paste > 0 for i in self.levels):
            self._pasting = Pasting(
                store, self._derived, self._sources, self._prepare, recipe.paste, seed
            )
        self._cache: Cache[Prepared] = Cache(self._prepare, CACHED_IMAGES)
        self._rows = list(self._train_rows() if split == TRAIN else self._evaluation_rows())

    def plan(self) -> StorePlan:
        """Rows, arrays and attributes of the shards."""
        sizes = [self._size(source, tile) for source, tile, _, _ in self._rows]
        height, width = np.max(sizes, axis=0).tolist()
        attributes = {k: self.store.attributes[k] for k in _COPIED if k in self.store.attributes}
        if self._derived:
            attributes["derived"] = self._derived
        if "target" in self._derived:
            attributes["targets"] = list(target_names(self._derived["target"]))
        attributes["preprocessing"] = self.recipe.preprocessing.to_dict()
        attributes["config"] = {
            "stage": "augment",
            "recipe": self.recipe.to_dict(),
            "split": self.split,
            "seed": self.seed,
            "levels": [self.recipe.levels[i].name for i in self.levels],
            "source_content": self.store.content_hash,
        }
        if self._backgrounds is not None:
            attributes["config"]["backgrounds"] = self._backgrounds.to_dict()
        table, fields = self._table(), self._fields()
        return StorePlan(table, fields, height, width, attributes, self.shard_mib, self.compression)

    def sample(self, i: int) -> Sample:
        """Make the sample of row `i`; may be called from several threads.

        `notes` tell what was drawn: centre of the crop in the prepared image (pixels), flips,
        rotation and shear (degrees), magnification (the level's zoom), alpha, quarter, changes of
        colours and grey levels, background, and how many instances were ``pasted``. The source's
        columns ``mm_per_px``, ``click_row`` and ``click_column`` are brought into the frame of the
        crop; a click that is not in view is NaN.

        Raises
        ------
        StoreError
            naming the source sample, if no crop with an annotated pixel could be drawn.
        """
        source, tile, level, copy = self._rows[i]
        prepared = self._cache.get(source)
        if self.split != TRAIN:
            box = evaluation_boxes(self.recipe, prepared.sample.shape)[tile]
            crop = cut(prepared.sample, box)
            if "target" in self._derived:
                crop.target = derive_target(crop.instances, self._derived["target"], crop.image)
            crop.notes.update(cut_click(self._click(source, prepared), box))
            return self._noted(crop, Variation(), box, source)
        level = self.recipe.levels[level]
        name = self.store.table["sample_id"].iloc[source]
        stage = f"augment/{level.name}/tile{tile}"
        rng = generator(self.seed, stage, name, copy)
        backdrop = None
        if self._backgrounds is not None:
            own = generator(self.seed, f"{stage}/background", name, copy)
            backdrop = self._backgrounds.draw(self._columns.zooms[source], level.background, own)
        own = generator(self.seed, f"{stage}/paste", name, copy) if self._pasting else None
        extras = _Extras(backdrop, own)
        if self.recipe.size == "whole":
            box = grid(prepared.sample.shape, self.recipe.tiles)[tile]
            return self._varied(prepared, source, level, box, rng, extras)
        return self._random_crop(prepared, source, level, rng, extras)

    def _random_crop(
        self, prepared: Prepared, source: int, level: Level, rng, extras: _Extras
    ) -> Sample:
        on_label = rng.random() < self.recipe.foreground and len(prepared.foreground)
        pixels = prepared.foreground if on_label else None
        for _ in range(ATTEMPTS if len(prepared.annotated) else 0):
            box = random_box(rng, prepared.sample.shape, self.recipe.size, pixels)
            crop = self._varied(prepared, source, level, box, rng, extras)
            if crop.ignore is None or not crop.ignore.all():
                return crop
            # Blind places may all miss a small annotated region.
            pixels = prepared.annotated if pixels is None else pixels
        name = self.store.table["sample_id"].iloc[source]
        raise StoreError(
            f"{self.store.path}, sample {name}: expected a crop with an annotated pixel, found "
            f"none ({len(prepared.annotated)} annotated pixels in the image)"
        )

    def _varied(
        self, prepared: Prepared, source: int, level: Level, box: Box, rng, extras: _Extras
    ) -> Sample:
        variation = draw(level, rng)
        backdrop, sample = extras.backdrop, prepared.sample
        scene = backdrop and self._backgrounds.scene(backdrop, prepared.own)
        notes = backdrop.notes() if backdrop else {}
        if extras.pasting is not None:
            sample, notes["pasted"] = self._pasting(sample, level.paste, box, extras.pasting)
        crop = apply(
            sample,
            variation,
            box,
            rng,
            self.recipe.interpolation,
            self.recipe.outside,
            self._derived,
            scene,
            self._click(source, prepared),
        )
        crop.notes.update(notes)
        return self._noted(crop, variation, box, source)

    def _noted(self, crop: Sample, variation: Variation, box: Box, source: int) -> Sample:
        row, column = centre_of(box)
        drawn = dict(vars(variation))
        # The column `zoom` is the microscope's, where the source has it.
        drawn["magnification"] = drawn.pop("zoom")
        crop.notes.update(centre_row=row, centre_column=column, **drawn)
        enlarged = self.recipe.preprocessing.rescale * variation.zoom
        crop.notes.update(self._columns.scale(source, enlarged))
        return crop

    def _click(self, source: int, prepared: Prepared) -> tuple[float, float] | None:
        return self._columns.click(source, prepared.raw_shape, prepared.sample.shape)

    def _prepare(self, source: int) -> Prepared:
        sample, errors = self.store.sample(source), self.recipe.label_errors
        if self.split == TRAIN and errors is not None:
            rng = generator(self.seed, "label_errors", self.store.table["sample_id"].iloc[source])
            sample = spoil_sample(sample, errors, rng, self._derived)
        prepared = prepare(sample, self.recipe.preprocessing, self._derived)
        if self._backgrounds is None:
            return prepared
        notions = self.store.attributes["notions"]
        return replace(
            prepared, own=sample_light(prepared.sample, notions, self.recipe.backgrounds)
        )

    def _train_rows(self) -> Iterator[tuple[int, int, int, int]]:
        for source in self._sources.tolist():
            for tile in range(self.recipe.tiles**2):
                for level in self.levels:
                    for copy in range(self.recipe.levels[level].copies):
                        yield source, tile, level, copy

    def _evaluation_rows(self) -> Iterator[tuple[int, int, int, int]]:
        for source in self._sources.tolist():
            for tile in range(len(evaluation_boxes(self.recipe, self._source_shape(source)))):
                yield source, tile, 0, 0

    def _source_shape(self, source: int) -> tuple[int, int]:
        return self.recipe.preprocessing.output_shape(self.store.extent[source].tolist())

    def _size(self, source: int, tile: int) -> tuple[int, int]:
        shape = self._source_shape(source)
        if self.split != TRAIN:
            return evaluation_boxes(self.recipe, shape)[tile][2:]
        if self.recipe.size == "whole":
            return tuple(math.ceil(side / self.recipe.tiles) for side in shape)
        return self.recipe.size

    def _table(self) -> pd.DataFrame:
        sources, tiles, levels, copies = np.array(self._rows).T
        table = self.store.table.iloc[sources].reset_index(drop=True)
        table = table[["sample_id", "group", "split", "source", "frame", *self._columns.kept]]
        table = table.rename(columns={"sample_id": "source_id"})
        names = [level.name for level in self.recipe.levels]
        is_train = self.split == TRAIN
        table["level"], table["copy"], table["tile"] = levels, copies, tiles
        table["level_name"] = [names[level] if is_train else "evaluation" for level in levels]
        ids = zip(table["source_id"], tiles, levels, copies, strict=True)
        table.insert(0, "sample_id", [f"{s}_t{t}_l{lv}_c{c}" for s, t, lv, c in ids])
        return table

    def _fields(self) -> dict[str, FieldSpec]:
        fields = {}
        for name in self.store.fields:
            channels = self.store.shape(name)[3] if LAYOUT[name][1] else None
            if name == "image":
                channels = self.recipe.preprocessing.output_channels(channels)
            if name != "scores":
                fields[name] = FieldSpec(self.store.dtype(name).name, channels)
        if "target" in self._derived:
            channels = len(target_names(self._derived["target"]))
            fields["target"] = FieldSpec(np.dtype(DTYPE).name, channels)
        if self.split == TRAIN and self.recipe.outside == "ignore":
            fields["ignore"] = FieldSpec("bool")
        return fields
