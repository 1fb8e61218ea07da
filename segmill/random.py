"""Random generators that depend on what is drawn, never on where, when or in which order.

Every draw of Segmill comes from a generator keyed by (seed, stage, sample, copy), so that another
core count, part size or a resumed job changes nothing.
"""

import hashlib

import numpy as np


def _word(key: int | str) -> int:
    """A 64-bit word of a key: a non-negative integer stands for itself, a text for its hash."""
    if isinstance(key, str):
        return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "little")
    if key < 0:
        raise ValueError(f"a key of a random stream must be non-negative, found {key}")
    return int(key)


def seed_sequence(
    seed: int, stage: str, sample: int | str = 0, copy: int = 0
) -> np.random.SeedSequence:
    """`SeedSequence([seed, stage, sample, copy])`, texts entering by their BLAKE2b hash."""
    return np.random.SeedSequence([_word(seed), _word(stage), _word(sample), _word(copy)])


def generator(seed: int, stage: str, sample: int | str = 0, copy: int = 0) -> np.random.Generator:
    """A numpy generator of its own for one draw site.

    Parameters
    ----------
    seed : non-negative int, from the configuration
    stage : name of the stage that draws, for example ``"augment"``
    sample : index or stable id of the sample
    copy : number of the copy of that sample
    """
    return np.random.Generator(np.random.PCG64(seed_sequence(seed, stage, sample, copy)))


def torch_seed(seed: int, stage: str, sample: int | str = 0, copy: int = 0) -> int:
    """A 63-bit integer for ``torch.Generator.manual_seed``, keyed as :func:`generator`."""
    state = seed_sequence(seed, stage, sample, copy).generate_state(1, np.uint64)[0]
    return int(state >> np.uint64(1))
