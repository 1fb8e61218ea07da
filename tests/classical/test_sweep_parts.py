import numpy as np
import pytest

from segmill.classical.sweep_parts import find_parts
from segmill.classical.sweep_segmentation import Outlines

FRAMES, LENGTH, ACROSS = 40, 300, 240
TIP, NECK, LOOP = 280, 180, 80


def sample(pin: int, pin_width, loop_width=LOOP, stem_width=16):
    """Outlines of a pin that ends at `pin`, of a width for each frame, a stem and a flat loop."""
    turn = np.abs(np.cos(np.arange(FRAMES) * 2 * np.pi / FRAMES))[:, None]
    width = np.zeros((FRAMES, LENGTH))
    width[:, :NECK] = stem_width
    along = np.linspace(-0.95, 0.95, TIP - NECK)
    width[:, NECK:TIP] = np.sqrt(1 - along**2) * np.maximum(loop_width * turn, 0.3 * loop_width)
    width[:, NECK:TIP] = np.maximum(width[:, NECK:TIP], stem_width)
    width[:, :pin] = np.broadcast_to(pin_width, (FRAMES,))[:, None]
    count = np.rint(width).astype(np.int32)
    first = np.where(count > 0, ACROSS // 2 - count // 2, -1)
    last = np.where(count > 0, first + count - 1, -1)
    return Outlines(first, last, count, count * (first + last) // 2, ACROSS)


INCLINED = np.where(np.arange(FRAMES) % 4 < 2, 150, 60)


@pytest.mark.parametrize(
    ("pin", "pin_width"),
    [(60, 150), (160, 150), (12, 150), (12, INCLINED), (40, INCLINED)],
    ids=["long", "most of the sample", "end", "inclined end", "inclined, longer"],
)
def test_a_pin_is_told_from_the_loop(pin, pin_width):
    parts = find_parts(sample(pin, pin_width), 0.35)
    assert parts.reason is None
    assert parts.pin_end == pytest.approx(pin, abs=2)
    assert NECK <= parts.loop_start <= NECK + 12
    assert parts.tip == pytest.approx(TIP, abs=2)


def test_a_flat_part_that_reaches_far_into_the_image_is_no_pin():
    parts = find_parts(sample(120, INCLINED), 0.35)
    assert parts.pin_end == 0


def test_without_a_pin_stem_and_loop_are_found():
    parts = find_parts(sample(0, 16), 0.35)
    assert (parts.pin_end, parts.reason) == (0, None)
    assert NECK <= parts.loop_start <= NECK + 12


@pytest.mark.parametrize("bulge", [0, 6, -6], ids=["straight", "wider inside", "wider outside"])
def test_a_round_part_alone_is_a_pin_whose_width_need_not_be_even(bulge):
    width = np.zeros((FRAMES, LENGTH), np.int32)
    width[:, :150] = 120 + np.linspace(0, bulge, 150).astype(int)
    first = np.where(width > 0, ACROSS // 2 - width // 2, -1)
    last = np.where(width > 0, first + width - 1, -1)
    alone = Outlines(first, last, width, width * (first + last) // 2, ACROSS)
    assert "a pin without a loop" in find_parts(alone, 0.35).reason
