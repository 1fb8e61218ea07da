"""Source samples ready to be cut, and a small cache of them."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

import numpy as np

from segmill.augment.geometry import interpolate_known
from segmill.augment.transmission import OwnLight
from segmill.labels import derive
from segmill.preprocess import Preprocessing
from segmill.samples import Sample

T = TypeVar("T")


@dataclass(frozen=True)
class Prepared:
    """A whole image after preprocessing, with its labels in the same frame.

    Attributes
    ----------
    sample : image and labels
    raw_shape : (h, w) of the image before it was preprocessed
    own : the light behind what is in view, where backgrounds are swapped
    """

    sample: Sample
    raw_shape: tuple[int, int]
    own: OwnLight | None = None

    @cached_property
    def annotated(self) -> np.ndarray:
        """(n,) numbers row * w + column of the pixels that are annotated."""
        if self.sample.ignore is None:
            return np.arange(np.prod(self.sample.shape))
        return np.flatnonzero(~self.sample.ignore)

    @cached_property
    def foreground(self) -> np.ndarray:
        """(n,) numbers of the annotated pixels that carry a label other than background."""
        marked = np.zeros(self.sample.shape, bool)
        for name in ("semantic", "instances", "notions"):
            labels = getattr(self.sample, name)
            if labels is not None:
                marked |= labels > 0
        if self.sample.ignore is not None:
            marked &= ~self.sample.ignore
        return np.flatnonzero(marked)


def prepare(sample: Sample, preprocessing: Preprocessing, derived: Mapping) -> Prepared:
    """Preprocess the image, bring the labels into its frame, derive anew what is derived.

    Scores are left out, and so is a target that follows from the instances: it is made of a crop's.
    """
    moved = {"image": preprocessing.apply(sample.image)}
    for name in ("semantic", "instances", "notions", "ignore"):
        labels = getattr(sample, name)
        if labels is not None:
            moved[name] = preprocessing.apply_labels(labels)
    if sample.target is not None and "target" not in derived:
        target = _resized_field(sample.target.astype(np.float32), preprocessing)
        moved["target"] = target.astype(sample.target.dtype)
    if "instances" in moved and "semantic" in derived:
        moved["semantic"] = derive(moved["instances"], derived["semantic"])
    return Prepared(Sample(**moved), sample.shape)


def _resized_field(values: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """Values (h, w, K) float32 in the prepared frame; NaN stays NaN and spreads nowhere."""
    moved = preprocessing.apply_values(values)
    known = ~np.isnan(values)
    for k in np.flatnonzero(known.any((0, 1)) & ~known.all((0, 1))):
        moved[:, :, k] = interpolate_known(
            values[:, :, k], known[:, :, k],
            lambda plane: preprocessing.apply_values(plane[:, :, None])[:, :, 0],
            preprocessing.apply_labels(known[:, :, k]),
        )  # fmt: skip
    return moved


class Cache(Generic[T]):
    """Keeps the values of the last few keys; threads that want the same one make it once.

    Parameters
    ----------
    make : key -> value
    size : number of values kept
    """

    def __init__(self, make: Callable[[Hashable], T], size: int):
        self._make = make
        self._size = size
        self._lock = threading.Lock()
        self._futures: OrderedDict[Hashable, Future[T]] = OrderedDict()

    def get(self, key: Hashable) -> T:
        """The value of `key`. What `make` raises is raised in every thread that waits for it."""
        with self._lock:
            future = self._futures.get(key)
            is_mine = future is None
            if is_mine:
                future = self._futures[key] = Future()
                while len(self._futures) > self._size:
                    self._futures.popitem(last=False)
            else:
                self._futures.move_to_end(key)
        if is_mine:
            self._fulfil(key, future)
        return future.result()

    def _fulfil(self, key: Hashable, future: Future) -> None:
        try:
            future.set_result(self._make(key))
        except BaseException as error:
            with self._lock:
                if self._futures.get(key) is future:
                    del self._futures[key]
            future.set_exception(error)
