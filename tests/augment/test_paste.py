import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segmill.augment import AugmentProducer, Recipe
from segmill.augment.donors import Donor, Donors, collect_donors
from segmill.augment.paste import paste_instances, turned
from segmill.augment.paste_options import PasteOptions
from segmill.augment.pasting import Pasting
from segmill.errors import ConfigError
from segmill.labels import cell_border
from segmill.samples import Sample
from segmill.store import write_store
from tests.augment.test_augment import CROPS, Cells, assert_equal, rows_by_id
from tests.augment.test_donors import scene

EXACT = PasteOptions(
    count=(1, 1), flip=0, rotation=(0, 0), margin=0, feather=0, match=False, near=0
)
WHOLE = (0, 0, 40, 50)


def pool(options, seed=3):
    return collect_donors(np.array([seed]), scene, options, 0, "scene")


def pasted_into(sample, options, seed, box=WHOLE, donors=None):
    rng = np.random.default_rng(seed)
    return paste_instances(sample, donors or pool(options), options, box, rng)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.booleans(), st.floats(0, 1), st.floats(0, 1))
def test_what_pasting_keeps(seed, ignore, near, largest_cover):
    options = PasteOptions(near=near, largest_cover=largest_cover, count=(1, 4), zoom=(0.7, 1.4))
    before = scene(seed, ignore=ignore).sample
    kept = Sample(**{name: a.copy() for name, a in before.arrays().items()})
    after, number = pasted_into(before, options, seed)
    assert_equal(before, kept)  # the original is not touched
    assert_equal(after, pasted_into(before, options, seed)[0])
    assert number <= 4
    top = before.instances.max()
    new = after.instances > top
    # A pasted instance may lie wholly under a later one only if it may be covered wholly.
    found = np.unique(after.instances[new])
    assert len(found) <= number
    assert len(found) == number or largest_cover > 0.99
    np.testing.assert_array_equal(after.instances[~new], before.instances[~new])
    for old in np.unique(before.instances[before.instances > 0]):
        area = np.count_nonzero(before.instances == old)
        left = np.count_nonzero(after.instances == old)
        assert left >= (1 - largest_cover) * area - 1e-9
    if ignore:
        np.testing.assert_array_equal(after.ignore, before.ignore & ~new)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6))
def test_an_instance_is_pasted_pixel_by_pixel_in_the_box(seed):
    before, box = scene(seed).sample, (5, 8, 20, 15)
    after, number = pasted_into(before, EXACT, seed, box)
    new = after.instances > before.instances.max()
    if not number:
        return
    np.testing.assert_array_equal(after.image[~new], before.image[~new])
    rows, columns = np.nonzero(new)
    candidates = [
        donor
        for donor in pool(EXACT).pool
        if np.array_equal(donor.image[donor.mask], after.image[new])
    ]
    assert candidates
    # Bounding boxes of whole instances are not cut: their middle lies in the box.
    middle = (rows.min() + rows.max()) / 2, (columns.min() + columns.max()) / 2
    assert box[0] - 1 <= middle[0] <= box[0] + box[2]
    assert box[1] - 1 <= middle[1] <= box[1] + box[3]


def disc(radius, level, around):
    """A donor: a disc of one grey level on an even background."""
    side = 2 * radius + 9
    rows, columns = np.mgrid[:side, :side] - side // 2
    mask = rows**2 + columns**2 <= radius**2
    image = np.where(mask, level, around).astype(np.uint8)[:, :, None]
    return Donor(image, mask, np.ones_like(mask), np.array([float(around)]))


def test_grey_levels_are_matched_to_the_background_there():
    donors = Donors.of([disc(4, 60, 100)], 0)
    instances = np.zeros((60, 60), np.int32)
    sample = Sample(np.full((60, 60, 1), 150, np.uint8), instances=instances)
    for match, level, rim in ((True, 110, 150), (False, 60, 100)):
        options = dataclasses.replace(EXACT, match=match, margin=1, feather=1)
        after, _ = pasted_into(sample, options, 1, (20, 20, 20, 20), donors)
        away = ndimage.distance_transform_edt(after.instances == 0)
        assert set(after.image[after.instances > 0].ravel()) == {level}
        assert set(after.image[away == 1].ravel()) == {rim}
        assert set(after.image[away >= 3].ravel()) == {150}


def test_the_seam_falls_linearly_beyond_the_margin():
    donors = Donors.of([disc(3, 200, 200)], 0)
    sample = Sample(np.zeros((40, 40, 1), np.uint8), instances=np.zeros((40, 40), np.int32))
    options = dataclasses.replace(EXACT, margin=1, feather=3)
    after, _ = pasted_into(sample, options, 2, (20, 20, 1, 1), donors)
    np.testing.assert_array_equal(after.image[20, 20:29, 0], [200] * 5 + [150, 100, 50, 0])
    assert after.instances[20, 23] == 1
    assert after.instances[20, 24] == 0


def test_other_instances_around_a_donor_stay_behind():
    donor = disc(3, 200, 100)
    free = np.ones_like(donor.mask)
    free[:, :5] = False
    donor = dataclasses.replace(donor, free=free | donor.mask)
    sample = Sample(np.zeros((40, 40, 1), np.uint8), instances=np.zeros((40, 40), np.int32))
    options = dataclasses.replace(EXACT, margin=4)
    after, _ = pasted_into(sample, options, 2, (20, 20, 1, 1), Donors.of([donor], 0))
    # Columns 12 to 28 of the image show the 15 columns of the patch, of which 5 are another's.
    outside = after.instances == 0
    reached = outside & (after.image[:, :, 0] == 100)
    assert reached.any()
    assert not (after.image[:, :18, 0] * outside[:, :18]).any()


@pytest.mark.parametrize("seed", range(5))
def test_near_instances_reach_an_outline(seed):
    rows, columns = np.mgrid[:120, :120]
    cell = ((rows - 60) ** 2 + (columns - 60) ** 2 <= 30**2).astype(np.int32)
    sample = Sample(np.zeros((120, 120, 1), np.uint8), instances=cell)
    donors = Donors.of([disc(6, 9, 0)], 0)
    centres = []
    for draw in range(30):
        options = dataclasses.replace(EXACT, near=1, largest_cover=1)
        after, _ = pasted_into(sample, options, 100 * seed + draw, (0, 0, 120, 120), donors)
        centre = np.argwhere(after.instances == 2).mean(axis=0)
        centres.append(np.hypot(*(centre - 60)) - 30)
    assert np.abs(centres).max() <= 6.5
    assert min(centres) < 0 < max(centres)  # onto the cell and next to it


def test_turned_instances_keep_their_area_up_to_the_zoom():
    donor = disc(9, 200, 100)
    for seed in range(10):
        options = PasteOptions(zoom=(0.5, 2), flip=0.5)
        result = turned(donor, options, np.random.default_rng(seed))
        rng = np.random.default_rng(seed)
        rng.random(2)
        zoom = 0.5 * 4 ** rng.random(2)[1]
        assert result.area == pytest.approx(donor.area * zoom**2, rel=0.1)
        assert not (result.mask & ~result.free).any()
    still = turned(donor, EXACT, np.random.default_rng(0))
    for name in ("image", "mask", "free"):
        np.testing.assert_array_equal(getattr(still, name), getattr(donor, name))
    half = turned(donor, dataclasses.replace(EXACT, flip=1), np.random.default_rng(0))
    np.testing.assert_array_equal(half.image, donor.image[::-1, ::-1])


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return write_store(tmp_path_factory.mktemp("cells") / "cells.zarr", Cells())


def producer(store, probability, levels=None, **options):
    config = CROPS | {"levels": [level | {"paste": probability} for level in CROPS["levels"]]}
    config |= {"paste": options} if options else {}
    return AugmentProducer(store, Recipe.from_dict(config), "train", 7, levels)


def test_what_is_not_pasted_into_is_as_without_pasting(store):
    plain = rows_by_id(AugmentProducer(store, Recipe.from_dict(CROPS), "train", 7))
    for name, sample in rows_by_id(producer(store, 0.0)).items():
        assert_equal(sample, plain[name])
    numbers = []
    for name, sample in rows_by_id(producer(store, 0.5, images=2)).items():
        numbers.append(sample.notes.pop("pasted"))
        assert sample.notes == plain[name].notes
        if not numbers[-1]:
            assert_equal(sample, plain[name])
    assert min(numbers) == 0 < max(numbers)


def test_labels_follow_what_is_pasted(store):
    for sample in rows_by_id(producer(store, 1.0, count=[3, 5])).values():
        inner = np.s_[2:-2, 2:-2]
        np.testing.assert_array_equal(sample.semantic[inner], cell_border(sample.instances)[inner])


def test_threads_parts_and_levels_do_not_change_what_is_pasted(store, tmp_path):
    one = write_store(tmp_path / "one.zarr", producer(store, 0.7))
    two = write_store(tmp_path / "two.zarr", producer(store, 0.7), parts=2, workers=3)
    assert one.content_hash == two.content_hash
    assert one.table["pasted"].max() > 0
    everything = rows_by_id(producer(store, 0.7))
    for name, sample in rows_by_id(producer(store, 0.7, ["hard"])).items():
        assert_equal(sample, everything[name])


def test_evaluation_is_never_pasted_into(store):
    config = CROPS | {"levels": [{"name": "easy", "paste": 1.0}]}
    made = AugmentProducer(store, Recipe.from_dict(config), "val", 7)
    plain = AugmentProducer(store, Recipe.from_dict(CROPS), "val", 7)
    for i in range(len(made.plan())):
        assert_equal(made.sample(i), plain.sample(i))


def test_labels_that_do_not_follow_from_instances_are_named(store):
    with pytest.raises(ConfigError, match=r"other labels derived.*semantic.*derived: none"):
        Pasting(store, {}, np.arange(2), scene, PasteOptions(), 0)
