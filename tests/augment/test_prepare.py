import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from segmill.augment.prepare import Cache, prepare
from segmill.labels import cell_border
from segmill.preprocess import Preprocessing
from segmill.samples import Sample

DERIVED = {"semantic": {"kind": "cell_border", "width": 2}}


def test_labels_come_into_the_frame_of_the_prepared_image():
    instances = np.zeros((40, 60), np.int32)
    instances[4:20, 4:30], instances[20:36, 4:30] = 70_000, 3
    ignore = np.zeros((40, 60), bool)
    ignore[:, 50:] = True
    sample = Sample(
        np.full((40, 60, 3), 9, np.uint8),
        cell_border(instances),
        instances,
        notions=(instances > 0).astype(np.uint16) << 15,
        target=(instances[..., None] / 70_000).astype(np.float16),
        scores=np.zeros((40, 60, 2), np.float32),
        ignore=ignore,
    )
    prepared = prepare(sample, Preprocessing(rescale=0.5, channels="grey"), DERIVED)
    out = prepared.sample
    out.check("prepared")
    assert out.image.shape == (20, 30, 1)
    assert out.scores is None
    np.testing.assert_array_equal(np.unique(out.instances), [0, 3, 70_000])
    # Derived at the new size: a border resampled from the old one would be one pixel wide.
    np.testing.assert_array_equal(out.semantic, cell_border(out.instances, 2))
    assert out.target.dtype == np.float16
    np.testing.assert_array_equal(out.notions > 0, out.instances > 0)
    annotated = ~out.ignore
    np.testing.assert_array_equal(prepared.annotated, np.flatnonzero(annotated))
    np.testing.assert_array_equal(
        prepared.foreground, np.flatnonzero((out.instances > 0) & annotated)
    )


@pytest.mark.parametrize("rescale", [0.37, 0.5, 1.0, 1.6])
def test_what_is_not_known_of_a_target_stays_so_and_spreads_nowhere(rescale):
    rng = np.random.default_rng(0)
    target = rng.random((40, 60, 3)).astype(np.float16)
    target[:, :, 0] = np.nan
    hidden = np.zeros((40, 60), bool)
    hidden[:13, :21] = True
    target[hidden, 1] = np.nan
    sample = Sample(np.zeros((40, 60, 1), np.uint8), target=target, ignore=hidden)
    out = prepare(sample, Preprocessing(rescale=rescale), {})
    assert out.raw_shape == (40, 60)
    moved = out.sample.target
    assert np.isnan(moved[..., 0]).all()
    np.testing.assert_array_equal(np.isnan(moved[..., 1]), out.sample.ignore)
    assert not np.isnan(moved[..., 2]).any()
    # Away from the border, a value does not depend on what is known elsewhere.
    known = prepare(
        Sample(sample.image, target=np.nan_to_num(target, nan=0.5)),
        Preprocessing(rescale=rescale),
        {},
    )
    far = np.s_[round(17 * rescale) :, round(25 * rescale) :, 1]
    np.testing.assert_allclose(moved[far], known.sample.target[far], atol=1e-3)


def test_without_marks_every_pixel_is_annotated():
    prepared = prepare(Sample(np.zeros((2, 3, 1), np.uint8)), Preprocessing(), {})
    assert prepared.annotated.tolist() == list(range(6))
    assert prepared.foreground.size == 0


def test_threads_that_want_one_value_make_it_once():
    made, ready = [], threading.Barrier(8)

    def make(key):
        made.append(key)
        return object()

    cache = Cache(make, 2)

    def want(_):
        ready.wait(10)
        return cache.get(5)

    with ThreadPoolExecutor(8) as pool:
        values = list(pool.map(want, range(8)))
    assert made == [5]
    assert len(set(map(id, values))) == 1


def test_the_value_used_longest_ago_goes_first():
    made = []
    cache = Cache(lambda key: made.append(key) or key, 2)
    for key in (1, 2, 1, 3, 1, 2):
        assert cache.get(key) == key
    assert made == [1, 2, 3, 2]


def test_a_failure_is_raised_and_not_kept():
    attempts = []

    def make(key):
        attempts.append(key)
        if len(attempts) == 1:
            raise OSError("disk gone")
        return key

    cache = Cache(make, 2)
    with pytest.raises(OSError, match="disk gone"):
        cache.get(1)
    assert cache.get(1) == 1
