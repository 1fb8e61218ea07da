import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmill.errors import ConfigError
from segmill.training import TrainingConfig
from segmill.training.selection import chosen_samples
from segmill.training.setup import check_data
from tests.training.shards import block, shards


class Named:
    """As much of a store as a draw of groups looks at."""

    def __init__(self, groups):
        self.table = pd.DataFrame({"group": groups})


GROUPS = [f"loop{k % 7}" for k in range(20)]


def families(fraction, seed=0, groups=GROUPS):
    samples = chosen_samples(Named(groups), fraction, seed)
    return {groups[i] for i in samples}


@given(
    a=st.floats(1e-6, 1), b=st.floats(1e-6, 1), seed=st.integers(0, 20), count=st.integers(1, 12)
)
def test_a_smaller_share_is_part_of_a_larger_one_and_no_family_is_divided(a, b, seed, count):
    groups = [f"g{k % count}" for k in range(2 * count + 3)]
    small, large = sorted((a, b))
    kept = [chosen_samples(Named(groups), share, seed) for share in (small, large)]
    assert set(kept[0]) <= set(kept[1])
    for samples, share in zip(kept, (small, large), strict=True):
        names = {groups[i] for i in samples}
        assert samples.tolist() == [i for i, name in enumerate(groups) if name in names]
        assert names
        assert share * count - 1e-4 <= len(names) < share * count + 1.001


def test_the_whole_is_everything():
    assert chosen_samples(Named(GROUPS), 1.0, 3).tolist() == list(range(20))


@pytest.mark.parametrize(("fraction", "count"), [(1 / 7, 1), (2 / 7, 2), (0.5, 4), (3 / 7, 3)])
def test_shares_are_rounded_up_to_whole_families(fraction, count):
    assert len(families(fraction)) == count


def test_seeds_draw_other_families_and_the_order_of_the_samples_none():
    draws = {frozenset(families(0.5, seed)) for seed in range(20)}
    assert len(draws) > 5
    shuffled = np.random.default_rng(0).permutation(GROUPS).tolist()
    assert families(0.5, 4) == families(0.5, 4, shuffled)


def test_another_family_changes_nothing_in_the_order_of_the_others():
    """7 and 8 families: the half of either is 4, and at most one of them is new."""
    before, after = families(0.5, 1), families(0.5, 1, [*GROUPS, "new"])
    assert len(before & after) >= 3


def test_a_share_without_the_samples_that_a_curriculum_starts_with_is_refused(tmp_path):
    """Level 0 is that of one group of seven: some draws of a seventh have it, others do not."""
    stores = shards(tmp_path, levels=[0, 1, 1, 1, 1, 1, 1])
    refused = []
    for seed in range(8):
        config = TrainingConfig.from_dict(block(fraction=1 / 7, curriculum={}, seed=seed))
        with_start = 0 in chosen_samples(stores[0], 1 / 7, seed)
        refused.append(not with_start)
        if with_start:
            check_data(config, *stores)
            continue
        with pytest.raises(ConfigError, match=r"a curriculum starts with level 0, found .* \[1\]"):
            check_data(config, *stores)
    assert any(refused)
