import numpy as np
import pytest

from segmill.errors import ConfigError
from segmill.inference import (
    InstanceOptions,
    ParticleOptions,
    find_particles,
    instances_from_scores,
)
from segmill.metrics import match_instances, seg_measure
from segmill.metrics.postprocessing import (
    choose_postprocessing,
    choose_postprocessing_of_stores,
)
from segmill.samples import Sample
from segmill.store import write_store
from tests.metrics.given import Given


def disc_scores(seed, noise):
    """Scores of two discs with specks of noise in the cell class, and their labels."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:40, :40]
    truth = np.zeros((40, 40), np.int32)
    truth[(y - 12) ** 2 + (x - 12) ** 2 < 64] = 1
    truth[(y - 28) ** 2 + (x - 28) ** 2 < 64] = 2
    cell = (truth > 0) ^ (rng.random(truth.shape) < noise)
    return np.stack([~cell, cell], axis=2).astype(np.float32) * 0.8 + 0.1, truth


SCORES, TRUTHS = zip(*[disc_scores(seed, noise=0.1) for seed in range(3)], strict=True)
GRID = {"min_size": [0, 30], "seed_smoothing": [0.0, 2.0]}
DEFAULT = InstanceOptions(min_size=0)


def test_figures_of_all_that_was_tried():
    choice = choose_postprocessing(SCORES, TRUTHS, GRID, DEFAULT, thresholds=(0.5, 0.7))
    assert len(choice.table) == 4
    for row in choice.table.itertuples():
        options = InstanceOptions(min_size=row.min_size, seed_smoothing=row.seed_smoothing)
        found = [instances_from_scores(s, options) for s in SCORES]
        assert row.seg == pytest.approx(seg_measure(found, TRUTHS))
        for threshold, value in ((0.5, row.f1_50), (0.7, row.f1_70)):
            counts = [match_instances(f, t, threshold) for f, t in zip(found, TRUTHS, strict=True)]
            tp, wrong = sum(c.tp for c in counts), sum(c.fp + c.fn for c in counts)
            assert value == pytest.approx(2 * tp / (2 * tp + wrong))
        assert row.mean_f1 == pytest.approx((row.f1_50 + row.f1_70) / 2)


def test_the_best_is_chosen_and_marked():
    choice = choose_postprocessing(SCORES, TRUTHS, GRID, DEFAULT, figure="f1_50")
    assert choice.options != DEFAULT
    chosen = choice.table[choice.table["chosen"]]
    assert chosen["f1_50"].tolist() == [choice.table["f1_50"].max()]
    assert chosen["min_size"].tolist() == [choice.options.min_size]


def test_the_default_stays_where_nothing_helps():
    scores, truths = zip(*[disc_scores(seed, noise=0) for seed in range(2)], strict=True)
    choice = choose_postprocessing(scores, truths, GRID, DEFAULT)
    assert choice.options == DEFAULT
    assert choice.table["chosen"].tolist() == [True, False, False, False]


def test_a_gain_too_small_is_no_gain():
    best = choose_postprocessing(SCORES, TRUTHS, GRID, DEFAULT, figure="f1_50")
    gain = best.table["f1_50"].max() - best.table["f1_50"].iloc[0]
    for least, changed in ((0.9 * gain, True), (1.1 * gain, False)):
        choice = choose_postprocessing(
            SCORES, TRUTHS, GRID, DEFAULT, figure="f1_50", least_gain=least
        )
        assert (choice.options != DEFAULT) == changed


def test_ignored_pixels_do_not_decide():
    scores, truth = disc_scores(0, noise=0)
    scores = scores.copy()
    scores[:5, 30:], scores[5:10, 30:] = (0.1, 0.9), (0.9, 0.1)  # a bar that is no cell
    ignore = np.zeros(truth.shape, bool)
    for hidden, expected in ((False, 0.8), (True, 1.0)):
        ignore[:5, 30:] = hidden
        choice = choose_postprocessing(
            [scores], [truth], {}, DEFAULT, figure="f1_50", ignores=[ignore]
        )
        assert choice.table["f1_50"].tolist() == [expected]


def test_stores_are_paired_and_split(tmp_path):
    images = [np.zeros((40, 40, 1), np.uint8)] * 3
    splits = ["val", "val", "test"]
    hidden = np.zeros((40, 40), bool)
    hidden[:20] = True
    truths = [
        Sample(image, instances=t, ignore=hidden) for image, t in zip(images, TRUTHS, strict=True)
    ]
    found = [
        Sample(image, scores=s.astype(np.float16)) for image, s in zip(images, SCORES, strict=True)
    ]
    names = ["a", "b", "c"]
    truth_store = write_store(tmp_path / "t.zarr", Given(truths, names, splits))
    store = write_store(tmp_path / "p.zarr", Given(found[::-1], names[::-1], splits[::-1]))
    choice = choose_postprocessing_of_stores(
        store, truth_store, GRID, split="val", default=DEFAULT, figure="f1_50"
    )
    expected = choose_postprocessing(
        [found[i].scores for i in (1, 0)], [TRUTHS[i] for i in (1, 0)], GRID, DEFAULT,
        figure="f1_50", ignores=[hidden] * 2,
    )  # fmt: skip
    assert choice.options == expected.options
    assert choice.table.equals(expected.table)


def test_images_are_read_one_after_the_other():
    choice = choose_postprocessing((s for s in SCORES), iter(TRUTHS), GRID, DEFAULT)
    assert choice.table.equals(choose_postprocessing(SCORES, TRUTHS, GRID, DEFAULT).table)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((SCORES, TRUTHS, {"min_sise": [1]}), ConfigError, "min_sise"),
        ((SCORES, TRUTHS[:2], GRID), ValueError, "fewer truths than scores"),
        ((SCORES[:2], TRUTHS, GRID), ValueError, "more truths than scores"),
        (([], [], GRID), ConfigError, "no validation images"),
        (([SCORES[0] * 0 + 0.5], [TRUTHS[0] * 0], {}), ConfigError, "no object to choose"),
    ],
)
def test_wrong_input_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        choose_postprocessing(*arguments)


def test_an_unknown_figure_is_refused():
    with pytest.raises(ConfigError, match=r"figure: expected one of seg, f1_50, .* found 'dice'"):
        choose_postprocessing(SCORES[:1], TRUTHS[:1], {}, figure="dice")


def particle_maps(seed):
    """The mask of two discs, a faint map of their centres, and their labels."""
    _, truth = disc_scores(seed, noise=0)
    truth = np.roll(truth, (1 - seed, 0), (0, 1))
    y, x = np.mgrid[:40, :40]
    centres = [np.argwhere(truth == k).mean(axis=0) for k in (1, 2)]
    centre = 0.15 * sum(np.exp(-((y - r) ** 2 + (x - c) ** 2) / 8) for r, c in centres)
    return np.stack([truth > 0, centre], axis=2).astype(np.float32), truth


def test_options_of_particles_are_chosen_by_their_maps(tmp_path):
    maps, truths = zip(*[particle_maps(seed) for seed in range(2)], strict=True)
    default = ParticleOptions(centre_threshold=0.2, smoothing=0)
    grid = {"centre_threshold": [0.2, 0.1], "smoothing": [0.0]}
    choice = choose_postprocessing(maps, truths, grid, default)
    assert choice.kind == "particles"
    assert choice.options == ParticleOptions(centre_threshold=0.1, smoothing=0)
    for row, options in zip(choice.table.itertuples(), (default, choice.options), strict=True):
        found = [find_particles(m[..., 0], m[..., 1], options).instances for m in maps]
        assert row.seg == pytest.approx(seg_measure(found, truths))
    names, targets = ["a", "b"], {"targets": ["centre", "mask"]}
    swapped = [m[:, :, ::-1].astype(np.float16) for m in maps]
    samples = [Sample(np.zeros((40, 40, 1), np.uint8), scores=m) for m in swapped]
    predictions = write_store(tmp_path / "p.zarr", Given(samples, names, attributes=targets))
    samples = [Sample(np.zeros((40, 40, 1), np.uint8), instances=t) for t in truths]
    store = write_store(tmp_path / "t.zarr", Given(samples, names))
    again = choose_postprocessing_of_stores(predictions, store, grid, default=default)
    assert again.options == choice.options
    assert again.table["seg"].tolist() == pytest.approx(choice.table["seg"].tolist())
    with pytest.raises(ConfigError, match="min_seed"):
        choose_postprocessing(maps, truths, {"min_seed": [1]}, default)
