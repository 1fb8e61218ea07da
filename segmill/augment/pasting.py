"""Which crops of a store get instances of other images pasted in, and by which numbers."""

from collections.abc import Callable, Mapping

import numpy as np

from segmill.augment.donors import Donors, collect_donors
from segmill.augment.paste import paste_instances
from segmill.augment.paste_options import PasteOptions
from segmill.augment.placement import Box
from segmill.augment.prepare import Cache, Prepared
from segmill.errors import ConfigError
from segmill.samples import Sample
from segmill.store import Store


class Pasting:
    """Pastes instances of the training images of a store.

    The instances are cut out when the first one is needed, so that planning costs nothing.

    Parameters
    ----------
    store : has instances; whatever other labels it has follow from them
    derived : what does, see :func:`segmill.augment.transform.apply`
    sources : (n,) numbers of the training images
    prepared : number of an image -> the prepared image
    options : of the recipe
    seed : of the training data

    Raises
    ------
    ConfigError
        naming all labels that would not follow what is pasted.
    """

    def __init__(
        self,
        store: Store,
        derived: Mapping,
        sources: np.ndarray,
        prepared: Callable[[int], Prepared],
        options: PasteOptions,
        seed: int,
    ):
        moving = {"image", "instances", "ignore", "scores", *derived}
        stuck = [name for name in store.fields if name not in moving]
        if "instances" not in store.fields or stuck:
            raise ConfigError(
                f"{store.path}: expected instances to paste, and other labels derived from them, "
                f"found {store.fields}, derived: {sorted(derived) or 'none'}"
            )
        self.options = options
        self._donors: Cache[Donors] = Cache(
            lambda _: collect_donors(sources, prepared, options, seed, str(store.path)), 1
        )

    def __call__(
        self, sample: Sample, probability: float, box: Box, rng: np.random.Generator
    ) -> tuple[Sample, int]:
        """The sample, with instances pasted in at a probability, and how many were.

        Parameters
        ----------
        sample : prepared image; it is not changed
        probability : of any pasting
        box : of the crop, see :func:`segmill.augment.paste.paste_instances`
        rng : generator of its own: nothing else is drawn from it
        """
        if rng.random() >= probability:
            return sample, 0
        return paste_instances(sample, self._donors.get(None), self.options, box, rng)
