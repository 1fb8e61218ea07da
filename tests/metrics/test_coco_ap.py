"""Average precision in COCO's terms, by hand and against pycocotools fed another way."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from segmill.errors import IntegrityError, StoreError
from segmill.metrics import coco_ap, coco_ap_of_stores
from segmill.metrics.coco_ap import Detections, encode_labels
from segmill.samples import Sample
from segmill.store import FieldSpec, StorePlan, write_store

NAMES = ["AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large"]
NAMES += ["AR_1", "AR_10", "AR_100", "AR_small", "AR_medium", "AR_large"]


def squares(rng, shape, n, most=24):
    """A label image of up to n squares, later ones on top, ids with gaps."""
    labels = np.zeros(shape, np.int32)
    for k in range(n):
        side = int(rng.integers(2, most))
        y, x = (int(rng.integers(0, max(1, edge - side))) for edge in shape)
        labels[y : y + side, x : x + side] = 3 * k + 2
    return labels


def by_pycocotools(predictions, truths, folder):
    """The same by files on disk, whole masks, loadRes and summarize: another way to the figures."""
    names = {c for part in (*predictions, *truths) for c in part.classes.values()} | {0}
    numbers = {name: k for k, name in enumerate(sorted(names, key=str), start=1)}
    truth = {"images": [], "annotations": [], "categories": [{"id": k} for k in numbers.values()]}
    results = []
    for i, (found, true) in enumerate(zip(predictions, truths, strict=True), start=1):
        h, w = true.labels.shape
        truth["images"].append({"id": i, "height": h, "width": w})
        unknown = np.zeros((h, w), bool) if true.ignore is None else true.ignore
        for part, where in ((found, results), (true, truth["annotations"])):
            for label in np.unique(part.labels[part.labels > 0]).tolist():
                mask = part.labels == label
                if part is true:
                    mask &= ~unknown
                if not mask.any():
                    continue
                runs = coco_mask.encode(np.asfortranarray(mask, np.uint8))
                entry = {
                    "image_id": i,
                    "category_id": numbers[part.classes.get(label, 0)],
                    "segmentation": {"size": [h, w], "counts": runs["counts"].decode()},
                }
                if part is found:
                    where.append({**entry, "score": part.scores.get(label, 1.0)})
                else:
                    extra = {"area": int(mask.sum()), "iscrowd": 0, "id": len(where) + 1}
                    where.append({**entry, **extra})
        if unknown.any():
            runs = coco_mask.encode(np.asfortranarray(unknown, np.uint8))
            counts = {"size": [h, w], "counts": runs["counts"].decode()}
            for number in numbers.values():
                own = truth["annotations"]
                extra = {"area": int(unknown.sum()), "iscrowd": 1, "id": len(own) + 1}
                own.append({"image_id": i, "category_id": number, "segmentation": counts, **extra})
    (folder / "truth.json").write_text(json.dumps(truth))
    (folder / "results.json").write_text(json.dumps(results))
    coco = COCO(str(folder / "truth.json"))
    evaluation = COCOeval(coco, coco.loadRes(str(folder / "results.json")), "segm")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation.stats


def scenes(seed, images=4):
    """Truths, and predictions that are shifted, missed, invented and partly of a wrong class."""
    rng = np.random.default_rng(seed)
    truths, predictions = [], []
    for _ in range(images):
        labels = squares(rng, (130, 120), int(rng.integers(1, 9)), most=int(rng.choice([12, 110])))
        classes = {int(k): str(rng.choice(["cat", "dog"])) for k in np.unique(labels) if k}
        shift = tuple(rng.integers(-2, 3, 2))
        found = np.roll(labels, shift, axis=(0, 1))
        for k in classes:
            if rng.random() < 0.2:
                found[found == k] = 0
        invented = squares(rng, labels.shape, 2)
        found = np.where((invented > 0) & (found == 0), invented + 100, found)
        ignore = squares(rng, labels.shape, 2) > 0 if rng.random() < 0.5 else None
        own = [int(k) for k in np.unique(found) if k]
        # Two decimals: equal scores occur.
        scores = {k: round(float(rng.random()), 2) for k in own if rng.random() < 0.9}
        guessed = {k: classes.get(k, "cat") if rng.random() < 0.8 else "dog" for k in own}
        truths.append(Detections(labels, classes=classes, ignore=ignore))
        predictions.append(Detections(found, scores, guessed))
    return predictions, truths


@pytest.mark.parametrize("seed", range(6))
def test_figures_are_those_of_pycocotools(seed, tmp_path):
    predictions, truths = scenes(seed)
    result = coco_ap(predictions, truths)
    expected = by_pycocotools(predictions, truths, tmp_path)
    assert list(result) == NAMES
    found = [-1 if math.isnan(value) else value for value in result.values()]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    assert 0 < result["AP"] < 1


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 30))
@settings(deadline=None, max_examples=50)
def test_run_lengths_of_a_label_image(seed, h, w):
    rng = np.random.default_rng(seed)
    labels = rng.choice([0, 0, 0, 5, 2, 900], (h, w)).astype(np.int32)
    labels[: h // 2] = labels[0, 0]
    encoded = encode_labels(labels)
    assert list(encoded) == [k for k in np.unique(labels).tolist() if k]
    for label, mask in encoded.items():
        expected = coco_mask.encode(np.asfortranarray(labels == label, np.uint8))
        assert mask == expected


def test_a_perfect_prediction_and_an_empty_one():
    truth = np.zeros((40, 40), np.int32)
    truth[:10, :10], truth[20:, 20:] = 1, 2
    perfect = coco_ap([truth], [truth])
    assert perfect["AP"] == perfect["AP50"] == perfect["AR_100"] == pytest.approx(1)
    assert perfect["AR_1"] == pytest.approx(0.5)
    assert math.isnan(perfect["AP_medium"])
    none = coco_ap([np.zeros_like(truth)], [truth])
    assert none["AP"] == none["AR_100"] == 0
    nothing = coco_ap([np.zeros_like(truth)], [np.zeros_like(truth)])
    assert all(math.isnan(value) for value in nothing.values())


def test_scores_order_the_detections():
    truth = np.array([[1, 1, 0, 0, 0, 0]])
    found = np.array([[1, 1, 0, 2, 2, 0]])
    right_first = coco_ap([Detections(found, {1: 0.9, 2: 0.1})], [truth])
    wrong_first = coco_ap([Detections(found, {1: 0.1, 2: 0.9})], [truth])
    assert right_first["AP"] == pytest.approx(1)
    assert wrong_first["AP"] == pytest.approx(0.5)


def test_what_nobody_annotated_is_no_error():
    truth = np.array([[1, 1, 0, 0, 0, 0]])
    found = Detections(np.array([[1, 1, 0, 2, 2, 0]]), {1: 0.1, 2: 0.9})
    ignore = np.array([[0, 0, 0, 1, 1, 1]], bool)
    assert coco_ap([found], [Detections(truth, ignore=ignore)])["AP"] == pytest.approx(1)


def test_classes_are_apart():
    labels = np.array([[1, 1, 0, 2, 2]])
    truth = Detections(labels, classes={1: "cat", 2: "dog"})
    swapped = Detections(labels, classes={1: "dog", 2: "cat"})
    assert coco_ap([truth], [truth])["AP"] == pytest.approx(1)
    assert coco_ap([swapped], [truth])["AP"] == 0


def test_more_detections_than_usual():
    truth = np.zeros((20, 30), np.int32)
    truth[::2, ::2] = np.arange(1, 151).reshape(10, 15)
    assert coco_ap([truth], [truth])["AR_100"] == pytest.approx(100 / 150)
    result = coco_ap([truth], [truth], max_detections=(1, 100, 200))
    assert result["AR_200"] == result["AP"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("predictions", "truths", "options", "message"),
    [
        ([], [np.zeros((2, 2), int)], {}, "0 predictions of 1 images"),
        ([np.zeros((2, 3), int)], [np.zeros((2, 2), int)], {}, "image 0: expected one size"),
        ([np.zeros((2, 2))], [np.zeros((2, 2), int)], {}, "labels .h, w. of integers, found float"),
        ([np.zeros((2, 2), int)], [np.zeros((2, 2), int)], {"max_detections": (10, 1, 100)}, "asc"),
        (
            [Detections(np.ones((2, 2), int), {1: math.nan})],
            [np.zeros((2, 2), int)],
            {},
            "not finite: {1: nan}",
        ),
    ],
)
def test_wrong_input(predictions, truths, options, message):
    with pytest.raises(ValueError, match=message):
        coco_ap(predictions, truths, **options)


class Samples:
    """A producer of given samples."""

    def __init__(self, samples, attributes=None, ids=None):
        self.samples, self.attributes = samples, attributes or {}
        self.ids = ids or [f"s{k}" for k in range(len(samples))]

    def plan(self):
        n = len(self.samples)
        fields = {}
        for name, array in self.samples[0].arrays().items():
            channels = array.shape[2] if array.ndim == 3 else None
            fields[name] = FieldSpec(array.dtype.name, channels)
        columns = {"sample_id": self.ids, "group": self.ids, "split": ["test"] * n}
        table = pd.DataFrame({**columns, "source": self.ids, "frame": 0})
        return StorePlan(table, fields, *self.samples[0].shape, attributes=self.attributes)

    def sample(self, i):
        return self.samples[i]


def store_of(path, samples, **options):
    return write_store(path, Samples(samples, **options))


def test_stores(tmp_path):
    rng = np.random.default_rng(0)
    names = ["background", "cell", "border"]
    true, predicted, detections = [], [], []
    for _ in range(3):
        labels = squares(rng, (50, 60), 6)
        image = np.zeros((50, 60, 1), np.uint8)
        ignore = np.zeros((50, 60), bool)
        ignore[40:] = True
        kinds = np.where(labels > 0, 1 + labels % 2, 0).astype(np.uint8)
        true.append(Sample(image, kinds, labels, ignore=ignore))
        found = np.roll(labels, 1, axis=0)
        guessed = np.where(found > 0, 1 + found % 2, 0).astype(np.uint8)
        scores = rng.random((50, 60, 3)).astype(np.float16)
        predicted.append(Sample(image, guessed, found, scores=scores))
        ids = [int(k) for k in np.unique(found) if k]
        means = {k: float((1 - scores[found == k, 0].astype(float)).mean()) for k in ids}
        kind = {k: names[1 + k % 2] for k in ids}
        kind |= {int(k): names[1 + int(k) % 2] for k in np.unique(labels) if k}
        detections.append((Detections(found, means, kind), Detections(labels, {}, kind, ignore)))
    truths = store_of(tmp_path / "t.zarr", true, attributes={"classes": names})
    predictions = store_of(tmp_path / "p.zarr", predicted, attributes={"classes": names})
    result = coco_ap_of_stores(predictions, tmp_path / "t.zarr", split="test")
    expected = coco_ap([d for d, _ in detections], [t for _, t in detections])
    assert result == pytest.approx(expected, nan_ok=True)
    assert 0 < result["AP"] < 1
    bare = store_of(tmp_path / "b.zarr", [Sample(s.image, s.semantic) for s in true])
    with pytest.raises(StoreError, match="expected instances, found"):
        coco_ap_of_stores(bare, truths)
    few = store_of(tmp_path / "f.zarr", predicted[:1])
    with pytest.raises(IntegrityError, match="a prediction of sample s1"):
        coco_ap_of_stores(few, truths, split="test")


def test_stores_without_scores_or_classes(tmp_path):
    labels = squares(np.random.default_rng(1), (40, 40), 4)
    image = np.zeros((40, 40, 1), np.uint8)
    truths = store_of(tmp_path / "t.zarr", [Sample(image, instances=labels)])
    found = store_of(tmp_path / "p.zarr", [Sample(image, labels.astype(np.uint8) % 3, labels)])
    assert coco_ap_of_stores(found, truths)["AP"] == pytest.approx(1)
