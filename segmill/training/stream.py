"""The order in which a training sees its samples, addressed by the number of the step."""

from dataclasses import dataclass

import numpy as np

from segmill.random import generator
from segmill.store import Store
from segmill.training.settings import Curriculum


@dataclass
class Stream:
    """Permutations of `samples`, one after the other without end, cut into batches.

    The cut does not know epochs: an epoch that is shorter than the data goes on where the one
    before it stopped, so that every sample is seen before any is seen again. Any batch is found
    from its number alone; there is nothing that a checkpoint would have to keep.

    Attributes
    ----------
    samples : (N,) int64 indices into a store, N >= 1
    batch_size : samples of a batch
    seed : of the permutations
    key : tells streams of one training apart
    """

    samples: np.ndarray
    batch_size: int
    seed: int
    key: str

    def __post_init__(self):
        self._pass = -1
        self._order = self.samples

    @property
    def steps_per_pass(self) -> int:
        """Batches that show every sample at least once, the fewest."""
        return -(-len(self.samples) // self.batch_size)

    def batch(self, number: int) -> np.ndarray:
        """Indices (batch_size,) int64 of batch `number`, counting from 0."""
        places = number * self.batch_size + np.arange(self.batch_size)
        passes, within = np.divmod(places, len(self.samples))
        return np.array([self._permutation(p)[i] for p, i in zip(passes, within, strict=True)])

    def _permutation(self, number: int) -> np.ndarray:
        if number != self._pass:
            draw = generator(self.seed, f"batches {self.key}", int(number))
            self._pass, self._order = number, draw.permutation(self.samples)
        return self._order


def validation_batches(
    samples: np.ndarray, batch_size: int, steps: int | None, seed: int
) -> list[np.ndarray]:
    """The batches of every validation of a training: always the same, so that values compare.

    Parameters
    ----------
    samples : (N,) int64 indices
    batch_size : samples of a batch; the last one may have fewer
    steps : at most so many batches, of samples drawn once; None: all samples, in their order
    seed : of that draw
    """
    if steps is not None and steps * batch_size < len(samples):
        drawn = generator(seed, "validation").permutation(samples)[: steps * batch_size]
        samples = np.sort(drawn)
    return [samples[i : i + batch_size] for i in range(0, len(samples), batch_size)]


def levels_of(store: Store) -> np.ndarray:
    """Level of difficulty of each sample of a store, (N,) int64; 0 without a column `level`."""
    if "level" not in store.table:
        return np.zeros(len(store), np.int64)
    return store.table["level"].to_numpy(np.int64)


def active_levels(levels: np.ndarray, curriculum: Curriculum | None, unlocked: bool) -> list[int]:
    """Levels that a training draws from, ascending.

    Parameters
    ----------
    levels : of all samples
    curriculum : how levels follow each other; None: all at once
    unlocked : whether the levels above 0 are unlocked
    """
    present = sorted(set(levels.tolist()))
    if curriculum is None:
        return present
    if not unlocked:
        return [level for level in present if level == 0]
    harder = [level for level in present if level > 0]
    return present if curriculum.mode == "join" or not harder else harder
