"""Batches from shards: read, normalised and weighted by threads of the process, a few ahead.

There are no worker processes: a batch would have to be copied between them, which takes longer than
reading it, and they multiply the threads of the libraries until all of them wait.
"""

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from segmill.errors import SegmillError, TrainingError
from segmill.store import Store
from segmill.training.precision import Precision
from segmill.training.settings import WeightMap
from segmill.weights import weight_map


@dataclass
class Batch:
    """What one pass through the network needs.

    Attributes
    ----------
    image : (B, C, H, W) float32, normalised
    truth : labels by name as :class:`segmill.losses.Loss` takes them
    ids : sample ids
    """

    image: Tensor
    truth: dict[str, Tensor]
    ids: list[str]

    def __len__(self) -> int:
        return len(self.ids)

    def to(self, device: torch.device, precision: Precision) -> "Batch":
        """The batch on a device, the image in the memory layout of `precision`."""
        image = precision.lay_out(self.image.to(device, non_blocking=True))
        truth = {name: t.to(device, non_blocking=True) for name, t in self.truth.items()}
        return Batch(image, truth, self.ids)

    def part(self, places: slice) -> "Batch":
        """Some of the samples."""
        truth = {name: t[places] for name, t in self.truth.items()}
        return Batch(self.image[places], truth, self.ids[places])


@dataclass
class BatchMaker:
    """Makes the batch of given samples of a store.

    Attributes
    ----------
    store : shards; pixels outside of a sample's extent are ignored
    needs : labels that the loss needs
    weights : the weight map, where they include one
    mean, std : per channel, in units of the largest value of the image's dtype
    """

    store: Store
    needs: tuple[str, ...]
    weights: WeightMap
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self):
        labels = set(self.needs)
        if "weight" in labels:
            labels = labels - {"weight"} | {"semantic"}
            labels |= {"instances"} if self.weights.w0 > 0 else set()
        labels |= {"ignore"} & set(self.store.fields)
        self.fields = ("image", *sorted(labels))
        self._padded = bool((self.store.extent != self.store.shape()[1:3]).any())
        top = np.iinfo(self.store.dtype()).max
        mean, std = np.asarray(self.mean, np.float64), np.asarray(self.std, np.float64)
        self._scale = (1 / (top * std)).astype(np.float32)
        self._shift = (-mean / std).astype(np.float32)

    def __call__(self, indices: np.ndarray) -> Batch:
        """The batch of the samples at `indices`.

        Raises
        ------
        TrainingError
            naming the samples and the stage that failed.
        """
        ids = self.store.table["sample_id"].iloc[indices].astype(str).tolist()
        arrays = self._read(indices, ids)
        if self._padded or "ignore" in arrays:
            arrays["ignore"] = self._ignored(indices, arrays)
        if "weight" in self.needs:
            arrays["weight"] = self._weights(arrays, ids)
        image = self._normalise(arrays.pop("image"))
        wanted = (*self.needs, "ignore")
        truth = {name: _tensor(name, a) for name, a in arrays.items() if name in wanted}
        return Batch(torch.from_numpy(image), truth, ids)

    def _read(self, indices: np.ndarray, ids: list[str]) -> dict[str, np.ndarray]:
        try:
            return self.store.batch(indices, self.fields)
        except ValueError:  # TensorStore's word for a chunk that cannot be read or decoded
            for i, name in zip(indices, ids, strict=True):
                try:
                    self.store.batch(np.array([i]), self.fields)
                except ValueError as error:
                    raise _failure("reading", self.store, name, error) from error
            raise

    def _ignored(self, indices: np.ndarray, arrays: dict[str, np.ndarray]) -> np.ndarray:
        height, width = arrays["image"].shape[1:3]
        h, w = self.store.extent[indices].T[:, :, None, None]
        outside = (np.arange(height)[:, None] >= h) | (np.arange(width) >= w)
        return outside | arrays["ignore"] if "ignore" in arrays else outside

    def _weights(self, arrays: dict[str, np.ndarray], ids: list[str]) -> np.ndarray:
        semantic = arrays["semantic"]
        instances = arrays.get("instances", np.zeros(semantic.shape, np.int32))
        maps = np.empty(semantic.shape, np.float32)
        w0, sigma = self.weights.w0, self.weights.sigma
        balanced = self.weights.class_weights == "balanced"
        for k, name in enumerate(ids):
            ignore = arrays["ignore"][k] if "ignore" in arrays else None
            try:
                maps[k] = weight_map(semantic[k], instances[k], w0, sigma, ignore, balanced)
            except ValueError as error:
                raise _failure("weighting", self.store, name, error) from error
        return maps

    def _normalise(self, image: np.ndarray) -> np.ndarray:
        """(B, H, W, C) integers -> (B, C, H, W) float32."""
        batch, height, width, channels = image.shape
        out = np.empty((batch, channels, height, width), np.float32)
        for c in range(channels):
            np.multiply(image[..., c], self._scale[c], out=out[:, c])
            out[:, c] += self._shift[c]
        return out


def _tensor(name: str, array: np.ndarray) -> Tensor:
    if name == "notions":
        array = array.astype(np.int32)  # torch computes next to nothing on unsigned 16 bit
    if name == "target":
        array = np.ascontiguousarray(array.transpose(0, 3, 1, 2), np.float32)
    return torch.from_numpy(np.ascontiguousarray(array))


def _failure(stage: str, store: Store, sample: str, error: Exception) -> TrainingError:
    return TrainingError(f"{stage} sample {sample} of {store.path}: {error}")


class ReadAhead:
    """Batches by number, made in threads before they are asked for.

    Parameters
    ----------
    make : makes the batch of given sample indices
    threads : a pool that several readers may share
    ahead : batches under way or ready beyond the one asked for last
    """

    def __init__(
        self, make: Callable[[np.ndarray], Batch], threads: ThreadPoolExecutor, ahead: int
    ):
        self._make = make
        self._threads = threads
        self._ahead = ahead
        self._indices: Callable[[int], np.ndarray | None] = lambda number: None
        self._waiting: OrderedDict[int, Future[Batch]] = OrderedDict()

    def follow(self, indices: Callable[[int], np.ndarray | None]) -> None:
        """From now on read batches of these samples by number; None: there is no such batch."""
        self.close()
        self._indices = indices

    def prepare(self, first: int) -> None:
        """Start on the batches from number `first` on."""
        for number in range(first, first + self._ahead):
            if number not in self._waiting:
                samples = self._indices(number)
                if samples is None:
                    return
                self._waiting[number] = self._threads.submit(self._make, samples)

    def take(self, number: int) -> Batch:
        """The batch `number`; what its thread raised is raised here.

        Batches are taken in ascending order; whatever lies before `number` is dropped.
        """
        self.prepare(number)
        for passed in [n for n in self._waiting if n < number]:
            self._waiting.pop(passed).cancel()
        future = self._waiting.pop(number)
        self.prepare(number + 1)
        try:
            return future.result()
        except SegmillError:
            raise
        except Exception as error:
            ids = ", ".join(map(str, self._indices(number)))
            raise TrainingError(f"reading batch {number} (rows {ids}): {error!r}") from error

    def close(self) -> None:
        """Drop what is under way."""
        for future in self._waiting.values():
            future.cancel()
        self._waiting.clear()
