"""Bit maps of overlapping notions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmill.notions import BEAMLINE, pack, pack_named, unpack


@given(st.integers(1, 16), st.integers(0, 2**32 - 1))
def test_unpack_inverts_pack(count, seed):
    masks = np.random.default_rng(seed).random((5, 7, count)) < 0.5
    bits = pack(masks)
    assert bits.dtype == np.uint16
    assert np.array_equal(unpack(bits, count), masks)
    assert np.array_equal(bits, (masks * 2 ** np.arange(count)).sum(axis=2))


def test_more_notions_than_bits_are_refused():
    with pytest.raises(ValueError, match="at most 16 notions, found 17"):
        pack(np.zeros((2, 2, 17), bool))


def test_the_foreground_is_the_union_of_all_masks_even_unnamed_ones():
    rng = np.random.default_rng(0)
    masks = {name: rng.random((4, 6)) < 0.2 for name in ("pin", "ice", "not_background")}
    found = unpack(pack_named(masks, BEAMLINE, (4, 6)), len(BEAMLINE))
    assert np.array_equal(found[:, :, BEAMLINE.index("pin")], masks["pin"])
    assert np.array_equal(
        found[:, :, BEAMLINE.index("foreground")], np.any(list(masks.values()), 0)
    )
    assert not found[:, :, BEAMLINE.index("loop")].any()


def test_without_masks_every_bit_is_clear():
    assert not pack_named({}, BEAMLINE, (3, 3)).any()
