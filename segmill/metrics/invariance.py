"""How well a network recognises samples that are turned or of another size."""

from collections.abc import Sequence

import cv2
import numpy as np
import pandas as pd

from segmill.augment.geometry import (
    affine_matrix,
    coordinate_map,
    nearest_pixels,
    reflections,
    take,
    warp_image,
)
from segmill.clicks import CLICK
from segmill.errors import ConfigError, StoreError
from segmill.inference.predictor import Prediction, Predictor
from segmill.metrics.notions import foreground_of, notion_names
from segmill.metrics.regions import class_counts
from segmill.metrics.summary import summarise
from segmill.notions import FOREGROUND, unpack
from segmill.progress import track
from segmill.store import Store

CHANGES = ("rotation", "scale")


def robustness(
    predictor: Predictor,
    store: Store,
    split: str | None = None,
    angles: Sequence[float] = (),
    scales: Sequence[float] = (),
    notion: str = FOREGROUND,
    threshold: float = 0.5,
) -> pd.DataFrame:
    """Predict turned and scaled images and compare with the equally transformed truth.

    A turned image keeps its size and is turned about its centre; a scaled one grows or shrinks as a
    whole, interpolated linearly where it grows, averaged over areas where it shrinks. What comes
    into view from beyond the image is its reflection, for the network to see; only pixels that show
    the image itself are compared, and none under `ignore`.

    Parameters
    ----------
    predictor : of overlapping notions, or of exclusive classes
    store : images and truth: `notions`, else `semantic` or `instances`
    split : of the images to use; None: all
    angles : degrees, counter-clockwise as seen
    scales : factors above 0; 2 shows the sample twice as large
    notion : which notion is compared; the foreground may be a union (see
        :func:`segmill.metrics.evaluate`), and is all that is not class 0 for exclusive classes
    threshold : a pixel is inside a notion where its probability is above it

    Returns
    -------
    One row per image and change: sample_id, group, split, ``change`` (``"rotation"`` or
    ``"scale"``), ``amount`` (degrees or factor), and inside_intersection_<notion>,
    inside_union_<notion>, outside_intersection_<notion>, outside_union_<notion>, in pixels of the
    changed image. :func:`summarise_robustness` pools them.

    Raises
    ------
    ConfigError
        for no or illegal changes, or a notion that network or store do not know.
    StoreError
        if the store has no truth or no sample of the split.
    """
    changes = [("rotation", float(a)) for a in angles] + [("scale", float(s)) for s in scales]
    _check(predictor, store, changes, notion)
    rows = np.arange(len(store)) if split is None else store.where(split=split)
    if rows.size == 0:
        raise StoreError(f"{store.path} has no sample of split {split}")
    table = []
    for i in track(rows.tolist(), rows.size, "robustness", "image"):
        image, truth = store.image(i), _truth(store, i, notion)
        ignore = store.ignore(i) if "ignore" in store.fields else np.zeros(truth.shape, bool)
        named = {name: store.table[name].iloc[i] for name in ("sample_id", "group", "split")}
        for change, amount in changes:
            seen, expected, hidden = transformed(image, truth, ignore, change, amount)
            found = _found(predictor.predict(seen), notion, threshold)
            both, either = class_counts(found, expected, 2, hidden)
            counts = {
                f"{place}_{kind}_{notion}": int(values[k])
                for k, place in ((1, "inside"), (0, "outside"))
                for kind, values in (("intersection", both), ("union", either))
            }
            table.append(named | {"change": change, "amount": amount} | counts)
    return pd.DataFrame(table)


def summarise_robustness(table: pd.DataFrame, **options) -> pd.DataFrame:
    """Pool the rows of :func:`robustness` over images, change by change.

    Returns
    -------
    ``change``, ``amount`` and the columns of :func:`segmill.metrics.summarise`, whose `options` are
    passed on; the metrics are biou_1_<notion>, biou_0_<notion> and biou_both_<notion>.
    """
    parts = []
    for (change, amount), rows in table.groupby(["change", "amount"], sort=True):
        summary = summarise(rows, **options)
        summary.insert(0, "amount", amount)
        summary.insert(0, "change", change)
        parts.append(summary)
    return pd.concat(parts, ignore_index=True)


def transformed(
    image: np.ndarray, truth: np.ndarray, ignore: np.ndarray, change: str, amount: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An image, its mask and what is not to be compared, turned or scaled alike.

    Parameters
    ----------
    image : (h, w, C) uint8 or uint16
    truth, ignore : (h, w) bool
    change : ``"rotation"`` (amount in degrees, counter-clockwise) or ``"scale"`` (factor)

    Returns
    -------
    image (h', w', C), truth (h', w'), ignore (h', w'), also True where the image is only reflected.
    No change gives all of them back as they were.
    """
    height, width = truth.shape
    turn = change == "rotation"
    shape = (height, width)
    matrix = affine_matrix(rotation=amount)
    if not turn:
        shape = (max(1, round(height * amount)), max(1, round(width * amount)))
        # The ratio of the sides that there are, so that edges fall on edges.
        matrix = np.diag([height / shape[0], width / shape[1]])
    coordinates = coordinate_map(shape, ((height - 1) / 2, (width - 1) / 2), matrix)
    shrinking = not turn and amount < 1
    seen = _shrunk(image, shape) if shrinking else warp_image(image, coordinates)
    pixels, _ = nearest_pixels(coordinates, truth.shape)
    rows, columns = reflections(coordinates, truth.shape)
    beyond = (rows != 0) | (columns != 0)
    return seen, take(truth, pixels), take(ignore, pixels) | beyond


def _shrunk(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The image at a smaller size, each pixel the mean of the area it covers."""
    small = cv2.resize(image, shape[::-1], interpolation=cv2.INTER_AREA)
    return small.reshape(*shape, image.shape[2])


def _truth(store: Store, i: int, notion: str) -> np.ndarray:
    """The mask (h, w) bool of a notion in sample `i`."""
    if "notions" in store.fields:
        names = notion_names(store)
        masks = unpack(store.notions(i), len(names))
        named = {name: masks[:, :, k] for k, name in enumerate(names)}
        return foreground_of(named) if notion == FOREGROUND else named[notion]
    return store.read("semantic" if "semantic" in store.fields else "instances", i) != 0


def _found(prediction: Prediction, notion: str, threshold: float) -> np.ndarray:
    """The predicted mask (h, w) bool of a notion."""
    if prediction.task == "semantic":
        return prediction.semantic != 0
    masks = {
        name: prediction.scores[:, :, k] > threshold
        for k, name in enumerate(prediction.classes)
        if name != CLICK
    }
    return foreground_of(masks) if notion == FOREGROUND else masks[notion]


def _check(predictor: Predictor, store: Store, changes: list, notion: str) -> None:
    offences = []
    if not changes:
        offences.append("angles, scales: expected at least one of either, found none")
    wrong = [amount for change, amount in changes if change == "scale" and not 0 < amount < np.inf]
    wrong += [amount for change, amount in changes if not np.isfinite(amount)]
    if wrong:
        offences.append(f"angles, scales: expected degrees and factors above 0, found {wrong}")
    if predictor.task == "target":
        offences.append("robustness needs classes or notions, this network has values (target)")
    truths = {"notions", "semantic", "instances"} & set(store.fields)
    if not truths:
        raise StoreError(f"{store.path} has {store.fields}, expected notions, semantic, instances")
    if notion != FOREGROUND:
        known = {
            "the network": predictor.classes if predictor.task == "notions" else (),
            str(store.path): notion_names(store) if "notions" in truths else (),
        }
        for where, names in known.items():
            if notion not in names:
                offences.append(f"notion: {where} has {FOREGROUND}, {names}, found {notion!r}")
    if offences:
        raise ConfigError("robustness:\n" + "\n".join(f"  {offence}" for offence in offences))
