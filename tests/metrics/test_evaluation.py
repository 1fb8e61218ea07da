import numpy as np
import pandas as pd
import pytest

from segmill.errors import IntegrityError, StoreError
from segmill.metrics import evaluate, match_instances
from segmill.metrics.evaluation import threshold_percents
from segmill.samples import Sample
from segmill.store import write_store
from tests.metrics.given import CLASSES, Given
from tests.metrics.reference import objects, seg_scores


def sample(shape, seed, ignore=None, semantic=True, instances=True):
    rng = np.random.default_rng(seed)
    return Sample(
        image=np.zeros((*shape, 1), np.uint8),
        semantic=rng.integers(0, 3, shape).astype(np.uint8) if semantic else None,
        instances=np.repeat(rng.integers(0, 4, shape[0]), shape[1]).reshape(shape).astype(np.int32)
        if instances
        else None,
        ignore=ignore,
    )


def stores(folder, predictions, truths, **options):
    names = [f"s{i}" for i in range(len(truths))]
    return (
        write_store(folder / "predictions.zarr", Given(predictions, names, **options)),
        write_store(folder / "truths.zarr", Given(truths, names, **options)),
    )


def test_counts_of_each_image(tmp_path):
    shapes = [(6, 5), (8, 4), (3, 9)]
    predictions = [sample(shape, seed) for seed, shape in enumerate(shapes)]
    truths = [sample(shape, 10 + seed) for seed, shape in enumerate(shapes)]
    table = evaluate(*stores(tmp_path, predictions, truths), thresholds=(0.3, 0.75))
    assert table["sample_id"].tolist() == ["s0", "s1", "s2"]
    assert table["group"].tolist() == ["gs0", "gs1", "gs2"]
    for row, p, t in zip(table.itertuples(), predictions, truths, strict=True):
        assert row.n_reference == len(objects(t.instances))
        assert row.n_predicted == len(objects(p.instances))
        assert row.seg_sum == pytest.approx(sum(seg_scores(p.instances, t.instances)))
        for percent, threshold in (("30", 0.3), ("75", 0.75)):
            found = match_instances(p.instances, t.instances, threshold)
            counts = tuple(getattr(row, f"{kind}_{percent}") for kind in ("tp", "fp", "fn"))
            assert counts == (found.tp, found.fp, found.fn)
            assert getattr(row, f"matched_sum_{percent}") == pytest.approx(found.scores.sum())
        for k, name in enumerate(CLASSES):
            a, b = p.semantic == k, t.semantic == k
            assert getattr(row, f"intersection_{name}") == (a & b).sum()
            assert getattr(row, f"union_{name}") == (a | b).sum()
        assert row.union_foreground == ((p.semantic > 0) | (t.semantic > 0)).sum()
        assert row.intersection_foreground == ((p.semantic > 0) & (t.semantic > 0)).sum()


def test_paths_and_open_stores_are_the_same(tmp_path):
    predictions, truths = stores(tmp_path, [sample((4, 4), 0)], [sample((4, 4), 1)])
    opened = evaluate(predictions, truths)
    pd.testing.assert_frame_equal(opened, evaluate(predictions.path, str(truths.path)))


def test_only_what_both_have_is_compared(tmp_path):
    predictions, truths = stores(tmp_path, [sample((4, 4), 0, semantic=False)], [sample((4, 4), 1)])
    table = evaluate(predictions, truths)
    p, t = predictions.instances(0) > 0, truths.instances(0) > 0
    assert table["union_foreground"].tolist() == [(p | t).sum()]
    assert "union_cell" not in table
    assert "seg_sum" in table


def test_semantic_alone(tmp_path):
    predictions = [sample((4, 4), 0, instances=False)]
    table = evaluate(*stores(tmp_path, predictions, [sample((4, 4), 1)]))
    assert "seg_sum" not in table
    assert "union_cell" in table


def test_ignored_pixels_and_objects_count_for_nothing(tmp_path):
    truth, prediction = sample((4, 6), 0), sample((4, 6), 0)
    truth.instances[:] = np.array([1, 1, 0, 0, 0, 0])
    prediction.instances[:] = np.array([1, 1, 2, 0, 3, 3])
    truth.ignore = np.zeros((4, 6), bool)
    truth.ignore[:, 3:] = True
    prediction.semantic[:, 3:] = (truth.semantic[:, 3:] + 1) % 3
    row = evaluate(*stores(tmp_path, [prediction], [truth])).iloc[0]
    # Object 3 lies where nobody looked; object 2 is a false positive.
    assert (row.n_reference, row.n_predicted, row.tp_50, row.fp_50, row.fn_50) == (1, 2, 1, 1, 0)
    assert row.union_cell == row.intersection_cell == (truth.semantic[:, :3] == 1).sum()
    assert row.union_foreground == row.intersection_foreground == (truth.semantic[:, :3] > 0).sum()


def test_a_frame_nobody_annotated_adds_zeros(tmp_path):
    truths = [sample((4, 4), 0, ignore=np.ones((4, 4), bool))]
    table = evaluate(*stores(tmp_path, [sample((4, 4), 1)], truths))
    assert (table.drop(columns=["sample_id", "group", "split"]) == 0).all(axis=None)


def test_split_selects_and_must_be_complete(tmp_path):
    truths = [sample((4, 4), seed) for seed in range(3)]
    splits = ["train", "test", "test"]
    full = write_store(tmp_path / "t.zarr", Given(truths, ["a", "b", "c"], splits))
    tests = write_store(tmp_path / "p.zarr", Given(truths[1:], ["b", "c"]))
    table = evaluate(tests, full, split="test")
    assert table["sample_id"].tolist() == ["b", "c"]
    assert evaluate(tests, full).equals(table)
    with pytest.raises(IntegrityError, match=r"prediction of sample a, found none"):
        evaluate(tests, full, split="train")


def test_samples_are_paired_by_id_not_by_position(tmp_path):
    truths = [sample((4, 4), seed) for seed in range(2)]
    store = write_store(tmp_path / "t.zarr", Given(truths, ["a", "b"]))
    swapped = write_store(tmp_path / "p.zarr", Given(truths[::-1], ["b", "a"]))
    table = evaluate(swapped, store)
    assert table["sample_id"].tolist() == ["b", "a"]
    assert (table["fp_90"] == 0).all()


def test_every_sample_without_partner_or_of_another_size_is_named(tmp_path):
    truths = write_store(
        tmp_path / "t.zarr", Given([sample((4, 4), 0), sample((4, 5), 1)], ["a", "b"])
    )
    shapes = [(4, 4), (4, 3), (2, 2), (2, 2)]
    predictions = write_store(
        tmp_path / "p.zarr", Given([sample(s, 0) for s in shapes], ["a", "b", "x", "y"])
    )
    with pytest.raises(IntegrityError) as caught:
        evaluate(predictions, truths)
    message = str(caught.value)
    assert "truth of sample x" in message
    assert "truth of sample y" in message
    assert "sample b: expected height and width [4, 5], found [4, 3]" in message
    assert len(caught.value.problems) == 3


def test_stores_that_cannot_be_compared_are_refused(tmp_path):
    semantic = write_store(tmp_path / "a.zarr", Given([sample((4, 4), 0, instances=False)], ["a"]))
    objects_only = write_store(
        tmp_path / "b.zarr", Given([sample((4, 4), 0, semantic=False)], ["a"])
    )
    with pytest.raises(StoreError, match="nothing to compare"):
        evaluate(semantic, objects_only)
    other = Given([sample((4, 4), 0)], ["a"], classes=["background", "border", "cell"])
    with pytest.raises(StoreError, match=r"border', 'cell'.* expected the same"):
        evaluate(write_store(tmp_path / "c.zarr", other), semantic)
    with pytest.raises(StoreError, match="no sample of split val"):
        evaluate(semantic, semantic, split="val")
    reserved = Given([sample((4, 4), 0)], ["a"], classes=["background", "cell", "foreground"])
    store = write_store(tmp_path / "d.zarr", reserved)
    with pytest.raises(StoreError, match="name foreground stands for"):
        evaluate(store, store)


def test_thresholds_name_their_columns():
    assert threshold_percents((0.5, 0.55, 1.0)) == {"50": 0.5, "55": 0.55, "100": 1.0}
    for wrong in ((), (0.5, 0.5), (0.505,), (0.0,), (1.5,)):
        with pytest.raises(ValueError, match="whole percents"):
            threshold_percents(wrong)
