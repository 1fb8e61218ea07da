"""Figures of images, of what is known of them, and of methods without a network.

Each function is a kind of :mod:`segmill.report.figures`, which says what it is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from segmill.errors import ConfigError
from segmill.store import Store, open_store

Inputs = Mapping[str, str]


def samples(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """Samples spread evenly over a dataset, with their labels."""
    from segmill.report.examples import contact_sheet

    store = open_store(inputs["store"])
    contact_sheet(store, spread(store, settings.get("images", 8)), output, columns=4)


def elastic(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """An image and its elastic deformation."""
    from segmill.report.examples import elastic_example

    store = open_store(inputs["store"])
    image = store.image(settings.get("sample", 0))
    elastic_example(image, output, alpha=settings["alpha"], sigma=settings["sigma"])


def weights(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """The weight map of one sample."""
    from segmill.report.examples import weight_map_example

    store = open_store(inputs["store"])
    i = settings.get("sample", 0)
    weight_map_example(
        store.image(i),
        store.semantic(i),
        store.instances(i),
        store.classes,
        output,
        w0=settings["w0"],
        sigma=settings["sigma"],
    )


def dataset(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """Sizes, objects per image and categories of a dataset."""
    from segmill.report.dataset_plots import dataset_figure

    dataset_figure(inputs["store"], output)


def alignment(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """One sweep: that of the settings, else the first that the method does not refuse."""
    from segmill.classical import AlignmentOptions
    from segmill.classical.alignment_producer import align_group
    from segmill.options import build_options
    from segmill.report.alignment_plots import alignment_plots

    store = open_store(inputs["store"])
    options = build_options(AlignmentOptions, settings["options"], "options of an alignment")
    wanted = (
        [settings["group"]] if "group" in settings else list(dict.fromkeys(store.table["group"]))
    )
    reasons = []
    for group in wanted:
        _, found = align_group(store, group, options)
        if not found.failed:
            alignment_plots(found, output, title=str(group))
            return
        reasons.append(f"{group}: {found.reason}")
    raise ConfigError(f"{store.path} has no sweep that can be aligned:\n" + "\n".join(reasons))


def imitation(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """Experimental images, each beside the synthetic one that is most like it."""
    from segmill.report.imitation import most_alike, side_by_side

    real, synthetic = open_store(inputs["store"]), open_store(inputs["synthetic"])
    shown = range(min(settings.get("images", 2), len(real)))
    pairs = [(i, most_alike(real, i, synthetic)) for i in shown]
    side_by_side(real, synthetic, output, pairs)


def sources(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """A whole image of the sky, before its reader cuts it into tiles."""
    from segmill.datasets.download import locate
    from segmill.datasets.readers.sources import Reader
    from segmill.report.source_panels import source_panels

    config = settings["config"]
    reader = Reader(config, locate(config, f"results/downloads/{config['name']}"))
    source_panels(*reader.whole, reader.detection, output)


def superpixel_numbers(settings: Mapping, inputs: Inputs, output: str | Path) -> None:
    """Metrics of superpixels against their number."""
    from segmill.report.superpixel_curves import superpixel_curves

    superpixel_curves(pd.read_parquet(inputs["measured"]), output)


def spread(store: Store, n: int) -> list[int]:
    """`n` samples spread evenly over a store."""
    n = min(n, len(store))
    return [k * len(store) // n for k in range(n)]
