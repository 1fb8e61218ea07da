"""The share of the training shards that a training uses, for learning curves over the data."""

import numpy as np

from segmill.random import generator
from segmill.store import Store


def chosen_samples(store: Store, fraction: float, seed: int) -> np.ndarray:
    """Samples of a share of the groups of a store; a group, with all its copies, is never divided.

    Each group has a random number of its own, drawn from the seed and its name; those of the lowest
    numbers are chosen. The half is thus part of the whole and of any larger share, and more groups
    in the store change nothing in the order of the others.

    Parameters
    ----------
    store : shards
    fraction : share of the groups, above 0 to 1; rounded up to a whole number of groups
    seed : of the draw

    Returns
    -------
    (N,) int64 indices, ascending.
    """
    groups = store.table["group"].astype(str).to_numpy()
    if fraction == 1:
        return np.arange(len(groups))
    names = np.unique(groups)
    numbers = np.array([generator(seed, "share of groups", name).random() for name in names])
    # Rounded first: a third of 3 groups is 1, whatever the last bit of the product.
    count = max(1, int(np.ceil(round(fraction * len(names), 6))))
    kept = names[np.argsort(numbers, kind="stable")[:count]]
    return np.flatnonzero(np.isin(groups, kept))
