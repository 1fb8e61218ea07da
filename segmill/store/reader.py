"""Reading a store: random access for training by TensorStore, samples cropped to their extent."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import tensorstore as ts
import zarr

from segmill.errors import StoreError
from segmill.samples import LAYOUT, Sample
from segmill.store.hashing import FORMAT, content_hash, sample_digest
from segmill.store.paths import store_paths

# Keeps shard indices between reads; samples of a shuffled training would only push each other out.
CACHE_BYTES = 32 * 2**20


def array_spec(path: Path) -> dict:
    """TensorStore's description of one Zarr v3 array of a local store."""
    return {
        "driver": "zarr3",
        "kvstore": {"driver": "file", "path": str(path.absolute()) + "/"},
        "context": {"cache_pool": {"total_bytes_limit": CACHE_BYTES}},
        # A finished store never changes, so nothing cached needs a second look at the file.
        "recheck_cached_metadata": "open",
        "recheck_cached_data": "open",
    }


class Store:
    """A finished sample store, opened for reading.

    Attributes
    ----------
    path : path of the ``.zarr`` group
    attributes : what the store says of itself: dataset, classes, notions, targets, units, source,
        licence, config, derived, preprocessing, content_hash
    table : pandas table, row i describes sample i
    extent : (N, 2) int32, height and width in pixels of each sample inside the padded arrays
    fields : names of the arrays that are present
    """

    def __init__(self, path: str | Path):
        paths = store_paths(path)
        self.path = paths.group
        self._check_presence(paths.table, paths.partial)
        group = zarr.open_group(self.path, mode="r", use_consolidated=False)
        self.attributes: dict = dict(group.attrs)
        self.table = pd.read_parquet(paths.table)
        self.extent = np.asarray(group["extent"][:])
        self.fields = tuple(name for name in LAYOUT if name in group)
        self._arrays = {
            name: ts.open(array_spec(self.path / name), read=True).result() for name in self.fields
        }
        self._check_agreement(paths.table)

    def _check_presence(self, table: Path, partial: Path) -> None:
        if self.path.is_dir() and table.is_file():
            return
        absent = " and ".join(str(p) for p in (self.path, table) if not p.exists())
        hint = f"; {partial} is an unfinished store" if partial.exists() else ""
        raise StoreError(f"expected a store of a group and a table, found no {absent}{hint}")

    def _check_agreement(self, table: Path) -> None:
        recorded = (pq.read_schema(table).metadata or {}).get(b"segmill_content", b"").decode()
        if recorded != self.content_hash:
            raise StoreError(
                f"{table} belongs to content {recorded or 'unknown'}, {self.path} holds content "
                f"{self.content_hash}: they are not of one store"
            )

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r}: {len(self)} samples, {', '.join(self.fields)})"

    @property
    def content_hash(self) -> str:
        """Digest of samples, table and meaning; equal for equal content however it was written."""
        return self.attributes["content_hash"]

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, position = id in `semantic`."""
        return tuple(self.attributes.get("classes") or ())

    def shape(self, field: str = "image") -> tuple[int, ...]:
        """Shape of a whole array, padding included."""
        return tuple(self._array(field).shape)

    def dtype(self, field: str = "image") -> np.dtype:
        """Dtype of an array."""
        return self._array(field).dtype.numpy_dtype

    def _array(self, field: str) -> ts.TensorStore:
        try:
            return self._arrays[field]
        except KeyError:
            raise StoreError(f"{self.path} has no {field}, only {self.fields}") from None

    def read(self, field: str, i: int) -> np.ndarray:
        """Array `field` of sample `i`, cropped to its extent: (h, w) or (h, w, C)."""
        array = self._array(field)
        if not 0 <= i < len(self):
            raise IndexError(f"{self.path} has samples 0 to {len(self) - 1}, found {i}")
        h, w = self.extent[i]
        return np.ascontiguousarray(array[int(i)].read().result()[:h, :w])

    def image(self, i: int) -> np.ndarray:
        """Image of sample `i`: (h, w, C) uint8 or uint16."""
        return self.read("image", i)

    def semantic(self, i: int) -> np.ndarray:
        """Class ids of sample `i`: (h, w) uint8."""
        return self.read("semantic", i)

    def instances(self, i: int) -> np.ndarray:
        """Object ids of sample `i`: (h, w) int32, 0 = background."""
        return self.read("instances", i)

    def notions(self, i: int) -> np.ndarray:
        """Overlapping notions of sample `i`: (h, w) uint16, one bit each."""
        return self.read("notions", i)

    def target(self, i: int) -> np.ndarray:
        """Regression targets of sample `i`: (h, w, K)."""
        return self.read("target", i)

    def scores(self, i: int) -> np.ndarray:
        """Predicted scores of sample `i`: (h, w, K)."""
        return self.read("scores", i)

    def ignore(self, i: int) -> np.ndarray:
        """Pixels of sample `i` that nobody annotated: (h, w) bool."""
        return self.read("ignore", i)

    def sample(self, i: int) -> Sample:
        """All arrays of sample `i`."""
        return Sample(**{name: self.read(name, i) for name in self.fields})

    def batch(
        self, indices: Iterable[int], fields: Iterable[str] | None = None
    ) -> dict[str, np.ndarray]:
        """Samples at `indices` as padded arrays {field: (B, H, W) or (B, H, W, C)}.

        All chunks of all fields are read at once by TensorStore's threads.
        """
        indices = np.asarray(list(indices) if not isinstance(indices, np.ndarray) else indices)
        if indices.size and (indices.min() < 0 or indices.max() >= len(self)):
            raise IndexError(
                f"{self.path} has samples 0 to {len(self) - 1}, "
                f"found {indices.min()} to {indices.max()}"
            )
        names = self.fields if fields is None else tuple(fields)
        futures = {name: self._array(name)[indices.astype(np.int64)].read() for name in names}
        return {name: future.result() for name, future in futures.items()}

    def where(self, **conditions) -> np.ndarray:
        """Indices (int64, ascending) of the samples whose columns have the wanted values.

        A value may be a list, tuple or set of alternatives, as in
        ``store.where(split="train", level=[0, 1])``.
        """
        chosen = np.ones(len(self), bool)
        for column, wanted in conditions.items():
            if column not in self.table:
                raise StoreError(f"{self.path} has no column {column}, only {list(self.table)}")
            several = isinstance(wanted, (list, tuple, set, frozenset))
            values = self.table[column]
            chosen &= (values.isin(list(wanted)) if several else values == wanted).to_numpy()
        return np.flatnonzero(chosen)

    def verify(self) -> None:
        """Read everything and compare with the recorded digests.

        Raises StoreError that names every damaged sample, or says that the table was changed, or
        that the store was made by another version, whose digests were others.
        """
        made_as = self.attributes.get("format")
        if made_as != FORMAT:
            raise StoreError(
                f"{self.path}: expected a store of format {FORMAT}, whose digests are known, found "
                f"{made_as}: make it again"
            )
        damaged = [
            str(self.table["sample_id"].iloc[i])
            for i in range(len(self))
            if self._digest(i) != self.table["digest"].iloc[i]
        ]
        if damaged:
            raise StoreError(f"{self.path}: {len(damaged)} damaged samples: {damaged[:20]}")
        found = content_hash(self.table, self.extent, self.attributes)
        if found != self.content_hash:
            raise StoreError(
                f"{self.path}: table or attributes were changed after writing: expected content "
                f"{self.content_hash}, found {found}"
            )

    def _digest(self, i: int) -> str:
        try:
            return sample_digest(self.sample(i))
        except ValueError as error:  # TensorStore's word for a chunk that does not decode
            return f"unreadable: {error}"


def open_store(path: str | Path) -> Store:
    """Open a finished store by its ``.zarr``, its ``.parquet`` or their common stem.

    Raises StoreError when it is missing or unfinished, or when group and table are of two stores.
    """
    return Store(path)
