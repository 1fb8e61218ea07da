"""Average precision as COCO counts it, for instances of any kind.

The figures are those of pycocotools' COCOeval: detections of an image are matched with the truth in
the order of their scores at IoU 0.50, 0.55 ... 0.95, precision is averaged over 101 recalls, then
over IoUs and classes. What falls mostly on pixels that nobody annotated counts neither as right nor
as wrong (COCO's crowds).
"""

import contextlib
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from segmill.errors import StoreError
from segmill.metrics.evaluation import paired_rows
from segmill.store import Store, open_store

MAX_DETECTIONS = (1, 10, 100)
AREAS = ("all", "small", "medium", "large")


@dataclass(frozen=True)
class Detections:
    """Instances of one image, predicted or true.

    Attributes
    ----------
    labels : (h, w) integers, 0 = background
    scores : label -> score, for predictions; a label without one has score 1
    classes : label -> class, whatever names a class; a label without one has class 0
    ignore : (h, w) bool of a truth, True = not annotated
    """

    labels: np.ndarray
    scores: Mapping[int, float] = field(default_factory=dict)
    classes: Mapping[int, int | str] = field(default_factory=dict)
    ignore: np.ndarray | None = None


def coco_ap(
    predictions: Sequence[Detections | np.ndarray],
    truths: Sequence[Detections | np.ndarray],
    max_detections: Sequence[int] = MAX_DETECTIONS,
) -> dict[str, float]:
    """Average precision and recall of pycocotools over a set of images.

    Parameters
    ----------
    predictions, truths : one per image, in the same order; label images (h, w) alone stand for
        instances of one class, and of score 1 where they are predicted
    max_detections : most detections per image and class, best first, for the three average
        recalls; the last holds for all else. COCO takes 1, 10, 100; images of many more objects
        ask for more.

    Returns
    -------
    AP (mean over IoU 0.50 .. 0.95), AP50, AP75; AP_small, AP_medium, AP_large: objects of less than
    32², up to 96², of more pixels; AR_1, AR_10, AR_100 (by `max_detections`), AR_small, AR_medium,
    AR_large. NaN where the truth has no such object (pycocotools: -1).

    Raises
    ------
    ValueError
        if the numbers or sizes of images differ, a score is not finite, or `max_detections` are
        not three ascending numbers.

    References
    ----------
    Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014, and pycocotools.

    Examples
    --------
    >>> truth = np.array([[1, 1, 0, 2, 2]])
    >>> found = Detections(np.array([[7, 7, 0, 0, 9]]), scores={7: 0.9, 9: 0.4})
    >>> result = coco_ap([found], [truth])
    >>> round(result["AP50"], 3), round(result["AP75"], 3), result["AR_100"]
    (1.0, 0.505, 0.55)
    """
    limits = list(max_detections)
    if len(limits) != 3 or sorted(set(limits)) != limits or limits[0] < 1:
        raise ValueError(f"expected three ascending numbers of detections, found {limits}")
    pairs = _checked(predictions, truths)
    names = [value for pair in pairs for part in pair for value in part.classes.values()]
    # 0 is the class of labels that none is given for.
    numbers = {name: k for k, name in enumerate(dict.fromkeys([0, *names]), start=1)}
    true = [
        row for i, (_, part) in enumerate(pairs, start=1) for row in _truth_rows(part, i, numbers)
    ]
    found = [row for i, (part, _) in enumerate(pairs, start=1) for row in _rows(part, i, numbers)]
    shapes = [part.labels.shape for part, _ in pairs]
    return _evaluated(shapes, numbers.values(), true, found, limits)


def coco_ap_of_stores(
    predictions: Store | str | Path,
    truths: Store | str | Path,
    split: str | None = None,
    max_detections: Sequence[int] = MAX_DETECTIONS,
    background: int = 0,
) -> dict[str, float]:
    """:func:`coco_ap` of a store of predictions against a store of truths.

    Samples are paired by `sample_id`. The score of an object is the mean over its pixels of 1 less
    the background's score, or of the largest score where there is one channel only; without
    `scores` it is 1. Where both stores have `semantic`, the class of an object is the commonest of
    its pixels, and else all objects are of one class. Truths of `ignore` are taken as crowds.

    Parameters
    ----------
    predictions, truths : open stores or their paths, both with `instances`
    split : evaluate this split, of which every sample must be predicted; None: all predictions
    background : channel of the background in `scores`

    Raises
    ------
    StoreError, IntegrityError
        for a store without instances, samples that are missing or of other sizes.
    """
    predictions, truths = (
        store if isinstance(store, Store) else open_store(store) for store in (predictions, truths)
    )
    for store in (predictions, truths):
        if "instances" not in store.fields:
            raise StoreError(f"{store.path}: expected instances, found {store.fields}")
    rows = paired_rows(predictions, truths, split)
    with_classes = all("semantic" in store.fields for store in (predictions, truths))
    found = [_of_store(predictions, p, with_classes, background) for p, _ in rows]
    true = [_of_store(truths, t, with_classes, None) for _, t in rows]
    return coco_ap(found, true, max_detections)


def _of_store(store: Store, i: int, with_classes: bool, background: int | None) -> Detections:
    """Instances of one sample; scores only where the channel of the background is given."""
    labels = store.instances(i)
    ids, place = np.unique(labels, return_inverse=True)
    place = place.ravel()
    scores: dict[int, float] = {}
    if background is not None and "scores" in store.fields:
        values = store.scores(i).astype(np.float64)
        single = values.shape[2] == 1
        objectness = values[:, :, 0] if single else 1 - values[:, :, background]
        sums = np.bincount(place, objectness.ravel(), minlength=ids.size)
        means = sums / np.bincount(place, minlength=ids.size)
        scores = dict(zip(ids.tolist(), means.tolist(), strict=True))
    classes: dict[int, int | str] = {}
    if with_classes:
        kinds = store.semantic(i).ravel().astype(np.int64)
        votes = np.bincount(place * 256 + kinds, minlength=ids.size * 256).reshape(-1, 256)
        names = store.classes
        best = votes.argmax(axis=1).tolist()
        named = [names[k] if k < len(names) else k for k in best]
        classes = dict(zip(ids.tolist(), named, strict=True))
    ignore = store.ignore(i) if background is None and "ignore" in store.fields else None
    for table in (scores, classes):
        table.pop(0, None)
    return Detections(labels, scores, classes, ignore)


def _checked(predictions: Sequence, truths: Sequence) -> list[tuple[Detections, Detections]]:
    """Pairs (prediction, truth) of images that fit."""
    if len(predictions) != len(truths):
        raise ValueError(f"{len(predictions)} predictions of {len(truths)} images")
    pairs = []
    for i, pair in enumerate(zip(predictions, truths, strict=True)):
        found, true = (p if isinstance(p, Detections) else Detections(np.asarray(p)) for p in pair)
        for part in (found, true):
            if part.labels.ndim != 2 or part.labels.dtype.kind not in "iu":
                kind = f"{part.labels.dtype} {part.labels.shape}"
                raise ValueError(f"image {i}: expected labels (h, w) of integers, found {kind}")
        shapes = {found.labels.shape, true.labels.shape}
        shapes |= set() if true.ignore is None else {true.ignore.shape}
        if len(shapes) > 1:
            raise ValueError(f"image {i}: expected one size, found {sorted(shapes)}")
        wrong = {label: s for label, s in found.scores.items() if not math.isfinite(s)}
        if wrong:
            raise ValueError(f"image {i}: scores that are not finite: {wrong}")
        pairs.append((found, true))
    return pairs


def encode_labels(labels: np.ndarray) -> dict[int, dict]:
    """COCO's compressed run lengths of each object of a label image, by label ascending.

    The image is read once, whatever the number of objects.

    Parameters
    ----------
    labels : (h, w) integers, 0 = background
    """
    h, w = labels.shape
    flat = labels.ravel(order="F")
    if flat.size == 0:
        return {}
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    stops = np.append(starts[1:], flat.size)
    values = flat[starts]
    order = np.argsort(values, kind="stable")
    order = order[values[order] != 0]
    encoded = {}
    for runs in np.split(order, np.flatnonzero(np.diff(values[order])) + 1):
        if runs.size:
            # Background, object, background ...: differences of the places where they change.
            changes = np.stack([starts[runs], stops[runs]], axis=1).ravel()
            ends = [] if changes[-1] == flat.size else [flat.size]
            counts = np.diff([0, *changes.tolist(), *ends]).tolist()
            plain = {"size": [h, w], "counts": counts}
            encoded[int(values[runs[0]])] = coco_mask.frPyObjects(plain, h, w)
    return encoded


def _rows(part: Detections, image: int, numbers: Mapping) -> list[dict]:
    """Annotations as COCO writes them; `id` is given later."""
    rows = []
    for label, mask in encode_labels(part.labels).items():
        rows.append(
            {
                "image_id": image,
                "category_id": numbers[part.classes.get(label, 0)],
                "segmentation": mask,
                "area": float(coco_mask.area(mask)),
                "iscrowd": 0,
                "score": float(part.scores.get(label, 1.0)),
            }
        )
    return rows


def _truth_rows(part: Detections, image: int, numbers: Mapping) -> list[dict]:
    """Annotations of a truth; pixels that nobody annotated are a crowd of every class."""
    if part.ignore is None or not part.ignore.any():
        return _rows(part, image, numbers)
    labels = np.where(part.ignore, 0, part.labels)
    rows = _rows(Detections(labels, classes=part.classes), image, numbers)
    crowd = coco_mask.encode(np.asfortranarray(part.ignore, np.uint8))
    entry = {"image_id": image, "segmentation": crowd, "area": float(coco_mask.area(crowd))}
    return rows + [{**entry, "category_id": k, "iscrowd": 1} for k in numbers.values()]


def _evaluated(
    shapes: list[tuple[int, int]],
    classes: Iterable[int],
    true: list[dict],
    found: list[dict],
    limits: list[int],
) -> dict[str, float]:
    """COCOeval's figures; what it prints is left out."""
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(
            _as_coco(shapes, classes, true), _as_coco(shapes, classes, found), "segm"
        )
        evaluation.params.maxDets = limits
        evaluation.evaluate()
        evaluation.accumulate()
    # Precision (IoU, recall, class, area, limit), recall (IoU, class, area, limit); -1: no object.
    precision, recall = evaluation.eval["precision"], evaluation.eval["recall"]
    figures = {"AP": _mean(precision[:, :, :, 0, 2])}
    figures |= {"AP50": _mean(precision[0, :, :, 0, 2]), "AP75": _mean(precision[5, :, :, 0, 2])}
    figures |= {f"AP_{AREAS[a]}": _mean(precision[:, :, :, a, 2]) for a in (1, 2, 3)}
    figures |= {f"AR_{limit}": _mean(recall[:, :, 0, k]) for k, limit in enumerate(limits)}
    return figures | {f"AR_{AREAS[a]}": _mean(recall[:, :, a, 2]) for a in (1, 2, 3)}


def _as_coco(shapes: list[tuple[int, int]], classes: Iterable[int], rows: list[dict]) -> COCO:
    data = COCO()
    data.dataset = {
        "images": [{"id": i, "height": h, "width": w} for i, (h, w) in enumerate(shapes, start=1)],
        "categories": [{"id": k} for k in classes],
        "annotations": [{**row, "id": n} for n, row in enumerate(rows, start=1)],
    }
    data.createIndex()
    return data


def _mean(values: np.ndarray) -> float:
    """Mean of what is defined."""
    defined = values[values > -1]
    return float(defined.mean()) if defined.size else math.nan
