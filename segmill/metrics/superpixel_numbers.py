"""How the metrics of superpixels go with their number."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace

import pandas as pd

from segmill.classical.options import SUPERPIXEL_METHODS, method_options
from segmill.errors import ConfigError
from segmill.metrics.superpixel_tables import images_of
from segmill.metrics.superpixels import superpixels
from segmill.progress import track
from segmill.store import Store
from segmill.superpixels import divide

WANTED = "n_segments"


def superpixel_numbers(
    truths: Store, methods: Mapping[str, Mapping], numbers: Sequence[int], split: str | None = None
) -> pd.DataFrame:
    """Metrics of each image divided by each method into each number of superpixels.

    A method whose number of superpixels cannot be set is applied once, as it is configured.

    Parameters
    ----------
    truths : store of images and annotations, as :func:`evaluate_superpixels` takes it
    methods : name -> configuration of a superpixel method, as in config/classical
    numbers : of superpixels wanted
    split : images of this split only; None: all

    Returns
    -------
    One row per method, number and image: method, title, wanted (missing where it cannot be set),
    group, and the values of :func:`segmill.metrics.superpixels`.

    Raises
    ------
    ConfigError
        for no number, one below 1, or a configuration that is wrong or gives no superpixels.
    """
    if not numbers or min(numbers) < 1:
        raise ConfigError(f"numbers: expected numbers of superpixels from 1, found {numbers}")
    ways = [way for name, config in methods.items() for way in _ways(name, config, numbers)]
    images = images_of(truths, split)
    rows = []
    for rows_of_image in track(images.values(), len(images), "count superpixels", "image"):
        image = truths.image(rows_of_image[0])
        annotations = [truths.instances(t) for t in rows_of_image]
        group = truths.table["group"].iloc[rows_of_image[0]]
        for names, options in ways:
            found = superpixels(divide(image, options), annotations, image)
            rows.append({**names, "group": group, **found})
    return pd.DataFrame(rows)


def _ways(name: str, config: Mapping, numbers: Sequence[int]) -> Iterator[tuple[dict, object]]:
    """What the columns say of a method, and its options, once for each number."""
    options = method_options(config, name)
    if config["method"] not in SUPERPIXEL_METHODS:
        raise ConfigError(f"{name}: {config['method']} gives no superpixels")
    title = config.get("title", name)
    if WANTED not in {field.name for field in fields(options)}:
        yield {"method": name, "title": title, "wanted": None}, options
        return
    for number in numbers:
        names = {"method": name, "title": title, "wanted": number}
        yield names, replace(options, **{WANTED: number})
