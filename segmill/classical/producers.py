"""The producer of each classical method."""

from collections.abc import Mapping

from segmill.classical.alignment_producer import AlignmentProducer
from segmill.classical.options import SUPERPIXEL_METHODS, method_options
from segmill.classical.producer import ClassicalProducer
from segmill.classical.superpixel_producer import SuperpixelProducer
from segmill.store import Producer, Store

PRODUCERS = {
    "watershed": ClassicalProducer,
    "alignment": AlignmentProducer,
    **dict.fromkeys(SUPERPIXEL_METHODS, SuperpixelProducer),
}


def classical_producer(
    store: Store, config: Mapping, split: str | None = None, name: str = "classical"
) -> Producer:
    """Producer of the labels that a classical method gives to the samples of a store.

    Parameters
    ----------
    store : source of the images
    config : mapping with the keys ``method`` (of :data:`PRODUCERS`), ``options``, ``title``
    split : only the samples of this split; None: all
    name : of the method, for messages and the store's card

    Raises
    ------
    ConfigError
        for whatever is wrong with the configuration, or a split without samples.
    """
    method_options(config, name)
    return PRODUCERS[config["method"]](store, config, split, name)
